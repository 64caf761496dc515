"""Do two answers say the same? Pure functions, used by the `agreement` check and by evaluation.

Agreement is evidence, not truth: two models can be wrong in the same way. Nothing here asks a model or waits.
"""
