"""Answers that say the same are found to, each kind in its own way."""
