"""Where two candidates part: the items that only one of them gets right, the baseline's first."""

from collections import defaultdict
from typing import Literal

import msgspec

from tiercel.evals.comparing.pairs import Pairing
from tiercel.evals.evaluation import Item
from tiercel.evals.results import Result


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """One item with the paired answers of both, a repeat each. `flips`: one of them was right only some of the time."""

    item: Item
    baseline: tuple[Result, ...]
    candidate: tuple[Result, ...]

    @property
    def flips(self) -> bool:
        return any(len({row.state for row in rows}) > 1 for rows in (self.baseline, self.candidate))


class Differing(msgspec.Struct, frozen=True, kw_only=True):
    """The items by who got them right: passed in more than half of the repeats.

    In a comparison of two runs `only_baseline` are the newly failing, `only_candidate` the newly passing ones.
    """

    only_baseline: tuple[Beside, ...] = ()
    only_candidate: tuple[Beside, ...] = ()
    neither: tuple[Beside, ...] = ()
    both: int = 0


Who = Literal["only_baseline", "only_candidate", "neither", "both"]
_WHO: dict[tuple[bool, bool], Who] = {
    (True, False): "only_baseline",
    (False, True): "only_candidate",
    (False, False): "neither",
    (True, True): "both",
}


def differing(pairing: Pairing) -> Differing:
    """Sort the items of a pairing; steady differences come before those that flip, else in the items' order."""
    found: dict[Who, list[Beside]] = defaultdict(list)
    for item, (baseline, candidate) in _by_item(pairing).items():
        beside = Beside(item=pairing.baseline.items[item], baseline=baseline, candidate=candidate)
        found[_WHO[is_right(baseline), is_right(candidate)]].append(beside)
    for rows in found.values():
        rows.sort(key=lambda beside: beside.flips)
    return Differing(
        only_baseline=tuple(found["only_baseline"]),
        only_candidate=tuple(found["only_candidate"]),
        neither=tuple(found["neither"]),
        both=len(found["both"]),
    )


def is_right(results: tuple[Result, ...]) -> bool:
    """Whether more than half of them passed."""
    return 2 * sum(row.state == "passed" for row in results) > len(results)


def _by_item(pairing: Pairing) -> dict[str, tuple[tuple[Result, ...], tuple[Result, ...]]]:
    rows: dict[str, tuple[list[Result], list[Result]]] = defaultdict(lambda: ([], []))
    for pair in pairing.pairs:
        rows[pair.item.id][0].append(pair.baseline)
        rows[pair.item.id][1].append(pair.candidate)
    return {item: (tuple(before), tuple(after)) for item, (before, after) in rows.items()}
