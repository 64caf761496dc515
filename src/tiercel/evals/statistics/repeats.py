"""What repeats of the same item say: how much of the spread is the items, how much the dice, and which items flip."""

import math
from collections.abc import Mapping

import msgspec
import numpy as np

from tiercel.evals.statistics.values import Numbers, numbers


class FlakyItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item whose repeats did not agree."""

    item: str
    mean: float
    lowest: float
    highest: float
    n: int


class Repeats(msgspec.Struct, frozen=True, kw_only=True):
    """The variance of a score, split. `between` is that of the items' true means, `within` that of re-running one item.

    `flaky` lists the items that did not agree with themselves, the most undecided first.
    """

    items: int
    answers: int
    mean: float
    between: float
    within: float
    flaky: tuple[FlakyItem, ...]

    @property
    def share_between(self) -> float | None:
        """The part of a single answer's variance that lies between items; `None` where nothing varies."""
        total = self.between + self.within
        return self.between / total if total > 0 else None

    def standard_error(self, items: int, repeats: int) -> float:
        """That of the mean score with so many items and repeats of each: sqrt((between + within / repeats) / items)."""
        if items < 1 or repeats < 1:
            raise ValueError("at least one item and one repeat are needed")
        return math.sqrt((self.between + self.within / repeats) / items)

    @property
    def words(self) -> str:
        """What is worth more, further items or further repeats, and how many items flip."""
        share = self.share_between
        if share is None:
            return f"All {self.answers:,} answers scored alike."
        twice_items = self.standard_error(2 * self.items, 1)
        twice_repeats = self.standard_error(self.items, 2)
        now = self.standard_error(self.items, 1)
        return (
            f"{100 * share:.0f} % of the spread lies between items. Twice the items would cut a single run's error by "
            f"{100 * (1 - twice_items / now):.0f} %, twice the repeats by {100 * (1 - twice_repeats / now):.0f} %. "
            f"{len(self.flaky)} of {self.items} items did not agree with themselves."
        )


def split_variance(scores: Mapping[str, Numbers], *, tolerance: float = 0.0) -> Repeats:
    """Split the variance of repeated scores, by item, into that between items and that within them.

    One-way analysis of variance with random items: within = MS_w; between = max(0, (MS_b - MS_w) / n0), where
    n0 = (N - Σ n_i² / N) / (k - 1) for k items with n_i repeats of N in all, so items may have different numbers.
    Source: Searle, Casella and McCulloch, "Variance Components" (1992), chapter 3. Assumes independent repeats.
    An item is flaky where its highest and lowest score are more than `tolerance` apart; with two repeats of a coin
    half of such items go unnoticed.
    Raises `ValueError` with fewer than two items, or no item that was repeated.
    """
    arrays = {item: numbers(item, values) for item, values in scores.items()}
    counts = np.array([len(array) for array in arrays.values()])
    k, total = len(arrays), int(counts.sum())
    if k < 2 or total <= k:
        raise ValueError(
            f"two items, and repeats of at least one, are needed; there are {k} with {total} scores"
        )
    means = np.array([array.mean() for array in arrays.values()])
    mean = float(counts @ means) / total
    within = sum(float(((array - array.mean()) ** 2).sum()) for array in arrays.values()) / (total - k)
    between_squares = float(counts @ (means - mean) ** 2) / (k - 1)
    size = (total - float(counts @ counts) / total) / (k - 1)
    flaky = [
        FlakyItem(
            item=item,
            mean=float(array.mean()),
            lowest=float(array.min()),
            highest=float(array.max()),
            n=len(array),
        )
        for item, array in arrays.items()
        if array.max() - array.min() > tolerance
    ]
    middle = {one.item: abs(one.mean - (one.lowest + one.highest) / 2) for one in flaky}
    return Repeats(
        items=k,
        answers=total,
        mean=mean,
        between=max(0.0, (between_squares - within) / size),
        within=within,
        flaky=tuple(sorted(flaky, key=lambda one: (middle[one.item], one.item))),
    )
