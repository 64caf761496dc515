"""A candidate that was asked no more before the end, as it was shown to be a loser: what a run keeps of that."""

from collections.abc import Sequence

import msgspec

from tiercel.evals.results import Result
from tiercel.evals.statistics.interval import points


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    """That `candidate` was shown to be worse than `baseline` by more than `margin`, and dropped, after `items` of
    `out_of` items (those of one cluster count as one) with `pairs` answers of both.

    `difference` is the mean of these pairs, candidate minus baseline. The true one lies below `not_above` at the
    confidence 1 - `alpha`, whenever one looked; `e_value` is the capital of the bet that showed it, 1 / `alpha` or
    more. `alpha` is this candidate's part of the whole evaluation's.
    """

    candidate: str
    baseline: str
    items: int
    out_of: int
    pairs: int
    difference: float
    not_above: float
    e_value: float
    margin: float
    alpha: float

    @property
    def claim(self) -> str:
        """What was shown."""
        margin = f"{100 * self.margin:g} points"
        return f"{self.candidate} is worse than {self.baseline} by more than {margin}"

    @property
    def basis(self) -> str:
        """What it rests on."""
        bound = f"at {100 * (1 - self.alpha):.4g} % confidence not above {points(self.not_above)}"
        return f"difference {points(self.difference)} points, {bound}, n = {self.pairs:,} pairs, e = {self.e_value:.3g}"

    @property
    def after(self) -> str:
        """When it was dropped."""
        return f"dropped after {self.items:,} of {self.out_of:,} items"

    @property
    def words(self) -> str:
        """All of it in a sentence."""
        return f"{self.claim} ({self.basis}); {self.after}."


def saved_nano(rows: Sequence[Result], expected: int) -> int | None:
    """About what was saved by not asking a dropped candidate the rest of `expected` answers, judges included, as these
    `rows` cost on average; `None` where a price is not known, or nothing was asked."""
    costs = [row.cost_nano for row in rows]
    known = [cost for cost in costs if cost is not None]
    if not rows or len(known) < len(costs) or any(row.judges_unpriced_calls for row in rows):
        return None
    spent = sum(known) + sum(row.judges_nano for row in rows)
    return spent * max(0, expected - len(rows)) // len(rows)
