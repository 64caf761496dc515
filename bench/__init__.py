"""What Tiercel costs, measured beside nginx as a plain reverse proxy. Start at `compare.py`; see docs/benchmarks.md."""
