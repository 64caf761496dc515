"""Was the answer quick and cheap enough? An answer from the cache has no latency, so such items are always asked."""

import re
from collections.abc import Callable

from tiercel.domain.money import usd_from_nano
from tiercel.evals.evaluation import Expectation
from tiercel.evals.scorers.plain import Plain
from tiercel.evals.scorers.scorer import Answer, Scored, ScorerError, ScorerInfo

DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min)\s*")
SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0}
METRICS: dict[str, Callable[[Answer], float | None]] = {
    "latency": lambda answer: answer.seconds,
    "ttft": lambda answer: answer.ttft_seconds,
    "ttfa": lambda answer: answer.ttfa_seconds,
}


def latency(answer: Answer, expectation: Expectation) -> Scored:
    """1 within the bound. `metric` takes another clock: until the first token, or the first of the answer."""
    name = str(expectation.options.get("clock", expectation.scorer))
    seconds = METRICS[name](answer)
    if seconds is None:
        raise ScorerError(f"{name} is not known of this answer: only streams have one")
    most = _bound(expectation)
    return Scored(
        value=float(seconds <= most), reason=f"{seconds:.3g} s, at most {most:g} s", met=seconds <= most
    )


def cost(answer: Answer, expectation: Expectation) -> Scored:
    """1 where it cost no more dollars than that."""
    if answer.cost_nano is None:
        raise ScorerError("the price of the model is not known: give it one in tiercel.toml")
    usd, most = float(usd_from_nano(answer.cost_nano)), _dollars(expectation)
    return Scored(value=float(usd <= most), reason=f"${usd:.6g}, at most ${most:g}", met=usd <= most)


def _bound(expectation: Expectation) -> float:
    """Seconds: a number is milliseconds, as promptfoo has it, a text says its unit."""
    given = expectation.threshold if expectation.value is None else expectation.value
    if isinstance(given, str) and (match := DURATION.fullmatch(given)):
        return float(match[1]) * SECONDS[match[2]]
    if isinstance(given, int | float) and not isinstance(given, bool) and given > 0:
        return given / 1_000
    raise ValueError(f"the bound is {given!r}: give one such as 2s or 500ms, or a number of milliseconds")


def _dollars(expectation: Expectation) -> float:
    given = expectation.threshold if expectation.value is None else expectation.value
    if isinstance(given, int | float) and not isinstance(given, bool) and given > 0:
        return float(given)
    raise ValueError(f"the bound is {given!r}: give a number of dollars for one answer, such as 0.002")


def _problems_of(read: Callable[[Expectation], float]) -> Callable[[Expectation], list[str]]:
    def find_problems(expectation: Expectation) -> list[str]:
        try:
            read(expectation)
        except ValueError as error:
            return [str(error)]
        clock = expectation.options.get("clock", "latency")
        return [] if clock in METRICS else [f"clock is {clock!r}: use one of {', '.join(METRICS)}"]

    return find_problems


def _timed(name: str, what: str) -> Plain:
    return Plain(
        info=ScorerInfo(
            name=name,
            summary=f"{what} within the bound",
            value="the bound, such as 2s or 500ms; as a number, or as `threshold`, in milliseconds",
            options={"clock": "latency, ttft or ttfa, in place of the scorer's own name"},
            own_threshold=True,
            reads_times=True,
        ),
        measure=latency,
        find_problems=_problems_of(_bound),
    )


SCORERS = (
    _timed("latency", "the whole answer came"),
    _timed("ttft", "the first token of any kind came"),
    _timed("ttfa", "the first token of the answer came, after any thinking,"),
    Plain(
        info=ScorerInfo(
            name="cost",
            summary="the answer cost no more",
            value="dollars for one answer (or as `threshold`)",
            own_threshold=True,
        ),
        measure=cost,
        find_problems=_problems_of(_dollars),
    ),
)
