"""PostgreSQL's advisory locks that servers on one database take, all in one place: no two may have the same number.

The numbers mean nothing; a database that other programs share may have locks of its own.
"""

SCHEMA = 7_435_911
"""Looking at the schema, and changing it."""
SLICES = 7_435_912
"""Moving the ceilings of shared budgets."""
FEEDBACK = 7_435_913
"""Counting feedback into the sums."""
SUMS = 7_435_914
"""Adding records to the sums (shared), and making the sums of older ones (alone)."""


def alone(number: int) -> str:
    """The statement that has this lock alone until the transaction ends."""
    return f"SELECT pg_advisory_xact_lock({number})"


def shared(number: int) -> str:
    """The statement that has this lock together with others who share it."""
    return f"SELECT pg_advisory_xact_lock_shared({number})"
