"""Delivered answers by what another model would have to take to give them: sums for the audit. Arithmetic only."""

from bisect import bisect_left
from typing import Literal, NamedTuple, TypeAlias, get_args

import msgspec

from tiercel.domain.record import Record
from tiercel.records.tally import LARGEST_COUNT, Tally, at

BORDERS = (
    32_000, 32_768, 64_000, 65_536, 100_000, 128_000, 131_072, 200_000, 204_800, 256_000, 262_144, 272_000,
    500_000, 512_000, 524_288, 1_000_000, 1_048_576, 2_000_000, 2_097_152,
)  # fmt: skip
"""Input tokens from which on vendors may bill more. One that is added needs a migration that makes the sums anew."""

_encode = msgspec.json.Encoder().encode
_names = msgspec.json.Decoder(tuple[str, ...]).decode

UseCount = Literal[
    "answers",
    "priced",
    "priced_nano",
    "priced_uncached",
    "priced_cached",
    "priced_written",
    "priced_output",
]
"""What is counted of delivered answers; `priced` are those with known tokens and a known cost."""
USE_COUNTS: tuple[UseCount, ...] = get_args(UseCount)


class UseCell(NamedTuple):
    """Answers to `task` by `model` that need the same. `tried` are the other models that were asked before, and
    `modalities` what was in the request, both as JSON; `residency` is empty where it does not matter. The input of all
    of them is above `above_tokens` and up to the next border."""

    project: str
    task: str
    model: str
    tried: str
    modalities: str
    residency: str
    above_tokens: int
    simulated: bool


Uses: TypeAlias = dict[UseCell, Tally[UseCount]]


def add_use(uses: Uses, record: Record, borders: tuple[int, ...] = BORDERS) -> None:
    """Adds a record's delivered answer, where it has one. `borders` ascend."""
    answer = record.answer
    if answer is None:
        return
    usage = answer.usage
    size = 0 if usage is None else usage.input
    tried = {attempt.model for attempt in record.attempts} if len(record.attempts) > 1 else None
    border = bisect_left(borders, size)
    cell = UseCell(
        record.project,
        record.task,
        answer.model,
        names_text(tried - {answer.model}) if tried else _NOBODY,
        _TEXT_ONLY if record.modalities == ("text",) else names_text(set(record.modalities)),
        record.residency or "",
        borders[border - 1] if border else 0,
        record.simulated,
    )
    tally = at(uses, cell)
    counts = tally.counts
    counts["answers"] += 1
    if usage is None:
        return
    tally.widen("largest_tokens", min(size + usage.output, LARGEST_COUNT))
    if answer.cost_nano is not None:
        counts["priced"] += 1
        counts["priced_nano"] += answer.cost_nano
        counts["priced_uncached"] += usage.uncached
        counts["priced_cached"] += usage.cached
        counts["priced_written"] += usage.written
        counts["priced_output"] += usage.output


def names_text(names: set[str]) -> str:
    """Names in order as JSON."""
    return _encode(sorted(names)).decode()


_NOBODY, _TEXT_ONLY = names_text(set()), names_text({"text"})


def names_in(text: str) -> tuple[str, ...]:
    """The names that `names_text` wrote."""
    return _names(text)
