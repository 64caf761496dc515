"""How many copies were answered, what they cost, and why others were not made: since the process began."""

from collections import Counter
from typing import Literal, TypeAlias

from tiercel.domain.climb import Excluded
from tiercel.domain.money import usd_text
from tiercel.domain.record import ShadowPair
from tiercel.records.counters import MAX_SERIES, OTHER
from tiercel.records.prometheus import Family

Skipped: TypeAlias = Literal[
    "queue_full",
    "budget",
    "no_price",
    "spending_unknown",
    "run_ended",
    "stopping",
    "residency",
    "modality",
    "window",
    "capability",
    "missing_key",
    "resting",
]
"""Why a request that was drawn was not copied after all; the last are those of the filters."""
FILTERS: dict[str, Skipped] = {
    "residency": "residency",
    "modality": "modality",
    "window": "window",
    "capability": "capability",
    "missing_key": "missing_key",
    "resting": "resting",
}


class ShadowCounts:
    """Labels are words of the operator: rules and candidates; there are at most `MAX_SERIES` sets of them."""

    def __init__(self) -> None:
        self.skipped: Counter[str] = Counter()
        self._copies: Counter[tuple[str, str, str]] = Counter()
        self._cost_nano: Counter[tuple[str, str]] = Counter()

    def skip(self, reason: Skipped) -> None:
        """One was not made."""
        self.skipped[reason] += 1

    def exclude(self, excluded: Excluded) -> None:
        """One was not made because nobody may, or can, take it."""
        self.skip(FILTERS[excluded.filter])

    def add(self, pair: ShadowPair) -> None:
        """One was answered, or at least called."""
        labels = (pair.rule, pair.candidate)
        if labels not in self._cost_nano and len(self._cost_nano) >= MAX_SERIES:
            labels = (OTHER, OTHER)
        shadow = pair.shadow
        outcome = "failed" if shadow.failure is not None else "passed" if shadow.passed else "missed"
        self._copies[(*labels, outcome)] += 1
        self._cost_nano[labels] += pair.cost_nano

    @property
    def copies(self) -> int:
        """All of them."""
        return self._copies.total()

    def families(self) -> list[Family]:
        """The same for Prometheus; none before anything happened."""
        if not self._copies and not self.skipped:
            return []
        return [
            Family(
                name="tiercel_shadow_copies_total",
                kind="counter",
                help="Copies of requests that candidates were called for, by what the checks say of the answer.",
                labels=("rule", "candidate", "outcome"),
                values=list(self._copies.items()),
            ),
            Family(
                name="tiercel_shadow_cost_dollars_total",
                kind="counter",
                help="What those calls cost; it is part of no request's cost.",
                labels=("rule", "candidate"),
                values=[(labels, usd_text(nano)) for labels, nano in self._cost_nano.items()],
            ),
            Family(
                name="tiercel_shadow_skipped_total",
                kind="counter",
                help="Copies that were drawn and not made, by reason.",
                labels=("reason",),
                values=[((reason,), count) for reason, count in self.skipped.items()],
            ),
        ]
