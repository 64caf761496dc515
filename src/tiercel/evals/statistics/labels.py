"""Which items a person labels next: a random stream that nobody chose, the same for all who ask. Plain Python.

Labels on interesting items only say nothing about the rest; whoever wants those may label them besides, apart.
"""

import hashlib
import itertools
from collections.abc import Iterable


def label_stream(items: Iterable[str], *, seed: str) -> list[str]:
    """The items in a random order that depends on nothing but their ids and `seed`.

    Any first part of it is a simple random sample. An item that comes later takes its place without moving the order
    of the others, and a second labeller with the same seed walks the same way. Raises `ValueError` for an id twice.
    """
    ordered = sorted(items, key=lambda item: hashlib.sha256(f"{seed}\0{item}".encode()).digest())
    for one, other in itertools.pairwise(ordered):
        if one == other:
            raise ValueError(f"the item {one!r} is there twice")
    return ordered
