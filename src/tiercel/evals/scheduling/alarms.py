"""What a later run of the same evaluation gives reason to be alarmed by: worse, slower, silent, or another version."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.evals.comparing.answers import Answers, Measured, answers_of
from tiercel.evals.comparing.assessment import Assessment, assess_change
from tiercel.evals.results import Result
from tiercel.evals.statistics.latency import QuantileEstimate, quantile_interval

Kind = Literal["worse", "slower", "version", "silent"]
KINDS: tuple[Kind, ...] = ("worse", "slower", "version", "silent")
LEAST_SLOWER = 1.1
"""A median that rose by less is let be, however sure it is."""


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """One reason, in words without any prompt or answer in them."""

    kind: Kind
    candidate: str
    words: str


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate's figures of the later run. `p50` is of the whole answer in seconds, `None` without any."""

    candidate: str
    answered: int
    errors: int
    passed: int
    p50: float | None


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """The later run beside the kept one. `assessment` is `None` where there is none to hold it against yet."""

    alarms: tuple[Alarm, ...]
    watched: tuple[Watched, ...]
    assessment: Assessment | None = None


def look(kept: Measured | None, later: Measured) -> Looked:
    """Hold `later` against `kept`. Raises `ConfigError` where they cannot be compared."""
    sides = [answers_of(later, candidate) for candidate in later.manifest.evaluation.candidates]
    watched = tuple(map(_watched, sides))
    alarms = [
        Alarm(kind="silent", candidate=side.name, words=f"{side.name} answered nothing: {_why(side)}")
        for side in sides
        if not side.answered
    ]
    if kept is None:
        return Looked(alarms=tuple(alarms), watched=watched)
    if kept.manifest.simulated != later.manifest.simulated:
        raise ConfigError("one of the two runs is of simulated models, the other is not; keep another run")
    assessment = assess_change(kept, later)
    for contender in assessment.contenders:
        broken = [rail.guardrail.metric for rail in contender.guardrails if rail.state == "broken"]
        if contender.verdict == "worse" and contender.comparison is not None:
            words = contender.comparison.words(contender.name, contender.baseline)
            alarms.append(Alarm(kind="worse", candidate=_plain(contender.name), words=words))
        if broken:
            words = f"{_plain(contender.name)} broke its bound on {', '.join(broken)}"
            alarms.append(Alarm(kind="worse", candidate=_plain(contender.name), words=words))
    before = {one.id: answers_of(kept, one) for one in kept.manifest.evaluation.candidates}
    for side in sides:
        if side.name in before:
            alarms += _slower(before[side.name], side)
            alarms += _other_version(before[side.name], side)
    return Looked(alarms=tuple(alarms), watched=watched, assessment=assessment)


def _plain(name: str) -> str:
    """Its id: beside its former self it is called by its run as well."""
    return name.removesuffix(" (head)")


def _watched(side: Answers) -> Watched:
    speed = _p50(side)
    return Watched(
        candidate=side.name,
        answered=len(side.answered),
        errors=len(side.errors),
        passed=sum(row.state == "passed" for row in side.answered),
        p50=None if speed is None else speed.value,
    )


def _why(side: Answers) -> str:
    return side.errors[0].kind if side.errors else "it was not asked"


def _p50(side: Answers) -> QuantileEstimate | None:
    seconds = [row.seconds for row in side.answered if row.seconds is not None and not row.cached]
    return quantile_interval(seconds, 0.5) if seconds else None


def _slower(before: Answers, after: Answers) -> Iterable[Alarm]:
    """Where the two intervals of the median do not touch: values come from other days, so nothing finer is claimed."""
    one, other = _p50(before), _p50(after)
    if one is None or other is None or one.value is None or other.value is None:
        return
    apart = one.high is not None and other.low is not None and other.low > one.high
    if apart and other.value >= LEAST_SLOWER * one.value:
        words = f"{after.name} is slower: {other.words} seconds, before {one.words}"
        yield Alarm(kind="slower", candidate=after.name, words=words)


def _other_version(before: Answers, after: Answers) -> Iterable[Alarm]:
    """Which model answers for a rule or a tier is its own business."""
    if after.candidate.helped:
        return
    known, new = _versions(before.answered), _versions(after.answered)
    if known and new - known:
        words = (
            f"{after.name} names another version: {', '.join(sorted(new))}, before {', '.join(sorted(known))}"
        )
        yield Alarm(kind="version", candidate=after.name, words=words)


def _versions(rows: Iterable[Result]) -> set[str]:
    return {row.model_returned for row in rows if row.model_returned}
