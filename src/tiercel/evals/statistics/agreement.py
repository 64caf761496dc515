"""How far two, or several, who look at the same things say the same, beyond what chance would make of their habits.

A judge that passes everything agrees with people on all that is right, and knows nothing: these are 0 there.
"""

from collections.abc import Callable, Hashable, Sequence

import msgspec
import numpy as np

from tiercel.evals.statistics.bootstrap import bootstrap_interval
from tiercel.evals.statistics.interval import Interval
from tiercel.evals.statistics.values import Array, Labels, require_as_many


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """1 for all alike, 0 for what chance gives, below 0 for worse than that; of `n` things.

    `value` is `None` where nothing can be told, as only one word was ever said, or nothing by two. `interval` is `None`
    where there are too few, or too alike, to resample.
    """

    value: float | None
    n: int
    interval: Interval | None = None


def cohen_kappa(
    one: Sequence[Hashable],
    other: Sequence[Hashable],
    *,
    seed: int,
    clusters: Labels | None = None,
    confidence: float = 0.95,
) -> Agreement:
    """Cohen's kappa of two who each said a word on the same things, in the same order.

    kappa = (p - e) / (1 - e), with p the share on which they agree, and e what it would be were each word of the one
    drawn apart from the other's: Σ_k p_k q_k. Source: Cohen 1960. The interval is by bootstrap, whole clusters drawn.
    Raises `ValueError` for two lengths.
    """
    require_as_many("other", other, len(one))
    words = _numbered([*one, *other])
    first, second = (np.array([words[word] for word in said], dtype=np.intp) for said in (one, other))
    size = len(words)
    cells = np.eye(size * size)[first * size + second] if len(one) else np.zeros((0, size * size))

    def kappa(*sums: Array) -> Array:
        table = np.stack(sums).reshape(size, size, *np.shape(sums[0]))
        n = table.sum(axis=(0, 1))
        agreed = np.einsum("kk...->...", table) / n
        expected = (table.sum(axis=1) * table.sum(axis=0)).sum(axis=0) / n**2
        return np.asarray((agreed - expected) / (1 - expected))

    return _told(cells, kappa, len(one), seed, clusters, confidence)


def krippendorff_alpha(
    said: Sequence[Sequence[Hashable]],
    *,
    seed: int,
    clusters: Labels | None = None,
    confidence: float = 0.95,
) -> Agreement:
    """Krippendorff's alpha for words without order: for each thing what was said of it, by however many.

    alpha = 1 - D / E: the share of unlike pairs within things, in that among all words. A thing of which m words were
    said counts m, each of its pairs 1 / (m - 1); one with a single word says nothing, and `n` leaves it out.
    Source: Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability". The interval is by bootstrap.
    """
    useful = [at for at, words in enumerate(said) if len(words) > 1]
    words = _numbered([word for at in useful for word in said[at]])
    size = len(words)
    counts = np.zeros((len(useful), size))
    for row, at in enumerate(useful):
        for word in said[at]:
            counts[row, words[word]] += 1
    many = counts.sum(axis=1, keepdims=True)
    unlike = (many[:, 0] ** 2 - (counts**2).sum(axis=1)) / (many[:, 0] - 1)

    def alpha(disagreed: Array, *totals: Array) -> Array:
        of_word = np.stack(totals)
        n = of_word.sum(axis=0)
        return np.asarray(1 - (n - 1) * disagreed / (n**2 - (of_word**2).sum(axis=0)))

    columns = np.column_stack([unlike, counts])
    grouped = None if clusters is None else [clusters[at] for at in useful]
    return _told(columns, alpha, len(useful), seed, grouped, confidence)


def _told(
    columns: Array,
    figure: Callable[..., Array],
    n: int,
    seed: int,
    clusters: Labels | None,
    confidence: float,
) -> Agreement:
    if n == 0:
        return Agreement(value=None, n=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(figure(*columns.sum(axis=0)))
    if not np.isfinite(value):
        return Agreement(value=None, n=n)
    interval = None
    if len(set(range(n) if clusters is None else clusters)) > 1:
        interval = bootstrap_interval(
            list(columns.T), figure, seed=seed, clusters=clusters, confidence=confidence
        )
    return Agreement(value=value, n=n, interval=interval)


def _numbered(words: Sequence[Hashable]) -> dict[Hashable, int]:
    return {word: at for at, word in enumerate(dict.fromkeys(words))}
