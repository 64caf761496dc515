"""Measures one answer: each scorer gives 0 to 1 and a reason, and never decides what follows from it."""
