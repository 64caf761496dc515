"""Do what the ladder says: start and stop calls, run the checks, hold or pass the stream, keep the clocks."""
