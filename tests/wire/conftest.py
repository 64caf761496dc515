"""Hypothesis here: no deadline, since a slow machine is no failure."""

from hypothesis import settings

settings.register_profile("wire", deadline=None)
settings.load_profile("wire")
