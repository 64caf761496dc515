"""What comparing two answers gives, and the kinds of answers that are compared each in its own way."""

from typing import Literal

import msgspec

Kind = Literal["exact", "number", "choice", "json", "tool_calls", "code", "text"]
KINDS: tuple[Kind, ...] = ("exact", "number", "choice", "json", "tool_calls", "code", "text")

MAX_CHARS = 250_000
"""Longer texts are only compared as they stand, blanks aside: it bounds the time of everything else."""


class Likeness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether two answers say the same. `score` is 0 or 1, but for free text, where it is the overlap of the words.

    `reason` quotes nothing of the answers, so that it may stand in a record.
    """

    kind: Kind
    same: bool
    score: float
    reason: str
