"""What is published about models: claims, each with who says so and since when. What was measured is in records.

Published figures contradict each other, so a claim is never the truth about a model: all are kept, side by side.
"""

from typing import Literal, TypeAlias, get_args

import msgspec

Value: TypeAlias = int | float | bool | str | tuple[str, ...]
"""Of prices nano-dollars per million tokens, of benchmarks the published score, else as its field says."""

Field = Literal[
    "input",
    "output",
    "cached_input",
    "cache_write",
    "window",  # tokens, input and output
    "max_output",  # tokens
    "tokens_per_second",
    "modalities",  # what it takes
    "efforts",
    "open_weights",
    "self_host_gb",  # gigabytes of memory that running it on machines of one's own needs at least
    "licence",
]
FIELDS: tuple[str, ...] = get_args(Field)
PRICE_FIELDS = frozenset(("input", "output", "cached_input", "cache_write"))
BENCHMARK = "benchmark:"
"""How the field of a benchmark's score begins; the benchmark's name follows."""
USUAL_BENCHMARKS = ("Terminal-Bench 2.1", "SWE-bench Pro", "MCP-Atlas", "BrowseComp", "ClawEval")
"""Those that are asked for so often that it is said when nobody published a score."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One published fact about `model`.

    `source` is an address or a name, `date` the day it was published or, where it does not say, read. `assumed` marks
    what its own source does not state plainly; `unverified` what was found second-hand, or whose origin is unknown.
    """

    model: str
    field: str
    value: Value
    source: str
    date: str
    assumed: bool = False
    unverified: bool = False
    note: str = ""


def agree(one: Value, other: Value) -> bool:
    """Whether two values say the same. Lists are compared as sets, text without regard to case."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return set(one) == set(other)
    if isinstance(one, str) and isinstance(other, str):
        return one.casefold() == other.casefold()
    return one == other
