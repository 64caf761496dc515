"""How near two texts are in meaning, as an embedding model places them; who calls the model is not known here.

Being near is being about the same: two answers to one question always are, so that only what is very near counts as
saying the same. Numbers and denials, which such models hardly see, are looked at apart.
"""

import math
from collections.abc import Mapping, Sequence
from operator import mul

import msgspec

from tiercel.domain.embedding import Vector


class Meaning(msgspec.Struct, frozen=True, kw_only=True):
    """The vectors of those answers that have one, by their place, and from which cosine on two say the same."""

    vectors: Mapping[int, Vector]
    same: float

    def between(self, a: int, b: int) -> float | None:
        """How near the answers at these places are, 0 to 1; `None` where one has no vector."""
        first, second = self.vectors.get(a), self.vectors.get(b)
        return None if first is None or second is None else max(0.0, cosine(first, second))


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    """The cosine of the angle between two vectors of one model, -1 to 1; 0 where one has no length."""
    lengths = math.hypot(*a) * math.hypot(*b)
    product: float = sum(map(mul, a, b))
    return max(-1.0, min(1.0, product / lengths)) if lengths else 0.0


def cut_words(cut: int) -> str:
    """What a reason says of texts that were cut; empty where none was."""
    return f"; {cut} text(s) cut to what the model takes" if cut else ""
