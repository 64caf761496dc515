"""Instructions that can be verified without a model: the 25 kinds of IFEval (arXiv 2311.07911), by their meaning there.

Each is a function of the answer's text and the instruction's arguments, by IFEval's names; it gives `None` where the
answer follows it, else in words why not.
"""
