"""Suites that come with Tiercel: small items of our own for each kind of task that routing knows, as data."""

from tiercel.evals.suites.shipped import NAMES, ShippedSuite, shipped_suite, suite_abouts

__all__ = ["NAMES", "ShippedSuite", "shipped_suite", "suite_abouts"]
