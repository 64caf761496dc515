"""Tiercel: one API layer in front of many models, several response tiers, and measurement on your own traffic."""

__version__ = "0.1.0"
