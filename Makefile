# What takes long or needs the package registries, and so is no part of the tests.
PYTHON ?= .venv/bin/python

.PHONY: clients
clients:  ## other people's clients against the lab, result in docs/clients/index.md; CLIENTS="llm aider" for some
	$(PYTHON) scripts/try_clients.py $(CLIENTS)

.PHONY: matrices
matrices:  ## run every client against every upstream, and every fault, and write both tables into docs/
	$(PYTHON) -m tests.conformance --write
	$(PYTHON) -m scripts.fault_table
