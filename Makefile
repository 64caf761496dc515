# What takes long or needs the package registries, and so is no part of the tests.
PYTHON ?= .venv/bin/python

.PHONY: clients
clients:  ## other people's clients against the lab, result in docs/clients/index.md; CLIENTS="llm aider" for some
	$(PYTHON) scripts/try_clients.py $(CLIENTS)

.PHONY: matrices
matrices:  ## run every client against every upstream, and every fault, and write both tables into docs/
	$(PYTHON) -m tests.conformance --write
	$(PYTHON) -m scripts.fault_table

.PHONY: slow-attacks
slow-attacks:  ## slowhttptest against a gateway on this machine, result in docs/security.md
	$(PYTHON) -m scripts.slow_attacks

.PHONY: fuzz
fuzz:  ## schemathesis against a gateway on this machine; SCHEMATHESIS=/path/to/it where it is not on the path
	$(PYTHON) -m scripts.fuzz_api --program $(or $(SCHEMATHESIS),schemathesis)

.PHONY: key-timing
key-timing:  ## whether the time that a wrong key takes tells how wrong it is
	$(PYTHON) -m bench.key_timing

.PHONY: oracles
oracles:  ## the statistics beside statsmodels, ppi-python and evalstats, in an environment of their own
	rm -rf build/oracles && $(PYTHON) -m venv build/oracles
	build/oracles/bin/python -m pip install --quiet '.[dev]' ppi-python evalstats
	build/oracles/bin/python -m pytest -n 0 -rs tests/evals/statistics | tee build/oracles/result.txt
	! grep "is not installed" build/oracles/result.txt

.PHONY: audit
audit:  ## known holes in what is locked, by PyPI's own list (needs pip-audit, and PyPI itself: mirrors have no such list)
	pip-audit --require-hashes --disable-pip -r requirements.lock
