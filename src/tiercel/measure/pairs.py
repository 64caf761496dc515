"""Numbers from pairs: how a candidate did beside what was delivered, on the same requests. No verdict is made here."""

from collections.abc import Iterable

import msgspec

from tiercel.domain.record import PairedAnswer, ShadowPair
from tiercel.measure.quantile import Percentiles, percentiles
from tiercel.measure.rate import Rate, rate


class SideNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """One side of some pairs. `known_nano` is what all its calls cost, of `unpriced` pairs not known."""

    passed: Rate
    failed: int
    known_nano: int
    unpriced: int
    seconds: Percentiles
    ttft_seconds: Percentiles


class PairNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """The pairs of one candidate under one rule, of a registered run, or of the rule's own where `run` is empty.

    `clusters` is how many sessions, or single requests, they come from. `only_live` and `only_shadow` are the pairs of
    which one side alone passed. `spent_nano` is what the copies cost, as far as prices are known.
    """

    run: str
    rule: str
    candidate: str
    pairs: int
    clusters: int
    simulated: int
    only_live: int
    only_shadow: int
    spent_nano: int
    live: SideNumbers
    shadow: SideNumbers


def numbers_of(pairs: Iterable[ShadowPair]) -> list[PairNumbers]:
    """By run, rule and candidate, in this order."""
    groups: dict[tuple[str, str, str], list[ShadowPair]] = {}
    for pair in pairs:
        groups.setdefault((pair.run, pair.rule, pair.candidate), []).append(pair)
    return [_numbers(groups[key]) for key in sorted(groups)]


def _numbers(pairs: list[ShadowPair]) -> PairNumbers:
    first = pairs[0]
    return PairNumbers(
        run=first.run,
        rule=first.rule,
        candidate=first.candidate,
        pairs=len(pairs),
        clusters=len({pair.cluster for pair in pairs}),
        simulated=sum(pair.simulated for pair in pairs),
        only_live=sum(pair.live.passed and not pair.shadow.passed for pair in pairs),
        only_shadow=sum(pair.shadow.passed and not pair.live.passed for pair in pairs),
        spent_nano=sum(pair.cost_nano for pair in pairs),
        live=_side([pair.live for pair in pairs]),
        shadow=_side([pair.shadow for pair in pairs]),
    )


def _side(answers: list[PairedAnswer]) -> SideNumbers:
    return SideNumbers(
        passed=rate(sum(answer.passed for answer in answers), len(answers)),
        failed=sum(answer.failure is not None for answer in answers),
        known_nano=sum(answer.cost_nano or 0 for answer in answers),
        unpriced=sum(answer.cost_nano is None for answer in answers),
        seconds=percentiles(answer.seconds for answer in answers if answer.failure is None),
        ttft_seconds=percentiles(a.ttft_seconds for a in answers if a.ttft_seconds is not None),
    )
