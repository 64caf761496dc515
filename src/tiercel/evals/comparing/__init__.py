"""What a run's answers are evidence of: whether a candidate may take the baseline's place, and where the two differ.

`assessment` puts together what the other modules find: answers in pairs, verdicts, guardrails, the seven signals of
each model, slices, repeats. Reports only tell what stands there. Needs the extra `evals`; reads no file and no clock.
"""
