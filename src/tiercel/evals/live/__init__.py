"""Candidates on copies of live requests: whether a registered run has decided, and what its candidate costs and takes.

`trial` reads the evidence of a run and is plain Python; `guarding` holds its guardrails against the pairs and needs the
extra `evals`; `outlook` says before the first pair what a run would need.
"""
