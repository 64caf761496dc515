"""The difference within parts of the items, by what their metadata say: to look where to look, and no evidence.

Many parts make one of them look remarkable by chance. Nothing here is corrected for that, and no verdict comes of it.
"""

from collections import defaultdict

import msgspec

from tiercel.domain.json import Json
from tiercel.evals.comparing.figure import Figure, clusters_of, share, weights_of
from tiercel.evals.comparing.pairs import Pair, Pairing
from tiercel.evals.evaluation import Analysis, Item
from tiercel.evals.statistics.paired import paired_difference

UNASKED = "task"
"""The key by which items are sliced where nothing else was asked for."""
MOST = 20
"""The largest parts of a key; the rest is not shown."""


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """The items whose metadata `key` is `value`."""

    key: str
    value: str
    n: int
    baseline: Figure
    candidate: Figure
    difference: Figure


def slices_of(pairing: Pairing, analysis: Analysis) -> tuple[Slice, ...]:
    """The parts by each key of the analysis, or by task; a key with one value only makes none."""
    found: list[Slice] = []
    for key in analysis.slices or (UNASKED,):
        parts: dict[str, list[Pair]] = defaultdict(list)
        for pair in pairing.pairs:
            parts[_words(at_path(pair.item, key))].append(pair)
        if len(parts) > 1:
            largest = sorted(parts, key=lambda name: -len(parts[name]))[:MOST]
            found += [_slice(key, name, parts[name], analysis) for name in largest]
    return tuple(found)


def at_path(item: Item, path: str) -> Json:
    """What the metadata hold under a dotted path, which may itself begin with `metadata.`; `None` for nothing."""
    found: Json = item.metadata
    for key in path.removeprefix("metadata.").split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _words(found: Json) -> str:
    return (
        "(none)"
        if found is None
        else found
        if isinstance(found, str)
        else msgspec.json.encode(found).decode()
    )


def _slice(key: str, name: str, pairs: list[Pair], analysis: Analysis) -> Slice:
    items = [pair.item for pair in pairs]
    before = [pair.baseline.value(analysis.decided_by) for pair in pairs]
    after = [pair.candidate.value(analysis.decided_by) for pair in pairs]
    confidence = 1 - analysis.alpha
    return Slice(
        key=key,
        value=name,
        n=len(pairs),
        baseline=share(before, items, confidence),
        candidate=share(after, items, confidence),
        difference=_difference(before, after, items, confidence),
    )


def _difference(before: list[float], after: list[float], items: list[Item], confidence: float) -> Figure:
    clusters, n = clusters_of(items), len(items)
    if (n if clusters is None else len(set(clusters))) < 2:
        return Figure(value=after[0] - before[0], n=n, why="a single item has no interval")
    found = paired_difference(
        before, after, clusters=clusters, weights=weights_of(items), confidence=confidence
    )
    return Figure(value=found.value, low=found.interval.low, high=found.interval.high, n=n)
