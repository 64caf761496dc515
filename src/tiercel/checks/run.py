"""Runs a policy's checks on an answer, and contains whatever a check may do wrong.

A check that crashes, overruns or gives nonsense becomes a verdict with `error` set; it never costs the client its
answer. What cannot be contained is a check that blocks the event loop: no timer can cut it short.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from tiercel.checks.check import CHECK_SECONDS, Ask, Check, MeasureNow, Opinion, Subject
from tiercel.domain.catalog import Model
from tiercel.domain.climb import Verdict
from tiercel.domain.errors import CheckError
from tiercel.domain.policy import Gate
from tiercel.domain.request import ModelRequest
from tiercel.domain.response import Choice, ModelResponse
from tiercel.ladder.gates import gate_passes

AskFor = Callable[[int], Ask]
"""The means to call the models of the gate at this place."""


class Checks(Protocol):
    """Where checks are found by name."""

    def get(self, name: str, /) -> Check | None:
        """The check of this name, if there is one."""
        ...


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What the checks measured, in the order of the gates that applied, and the answer as their repairs left it."""

    verdicts: tuple[Verdict, ...]
    response: ModelResponse


async def run_checks(
    gates: Sequence[Gate],
    request: ModelRequest,
    response: ModelResponse,
    *,
    registry: Checks,
    cut_by_client: bool = False,
    by: Model | None = None,
    ask_for: AskFor | None = None,
    seconds: float | None = None,
) -> Checked:
    """Measure every choice of `response` at every gate that applies to `request`, in order.

    A gate's verdict is its worst choice's. Repaired text goes into the answer at once, so that later gates see it.
    Gates that compare opinions are left to `compare`. Models are called only about an answer that passed the gates
    before. `by` is the model that gave it. `seconds` bounds each gate; else its check says for itself. Never raises for
    what a check does.
    """
    verdicts: list[Verdict] = []
    for place, gate in enumerate(gates):
        if gate.applies != "always" and not applies_to(gate, request):
            continue
        calls_models = gate.asks != "nobody" or gate.embed is not None
        if calls_models and (gate.asks == "opinions" or _missed(gates, verdicts)):
            continue
        started = time.perf_counter()
        check = registry.get(gate.check)
        at_once = getattr(check, "measure_now", None)
        measured: list[Verdict] = []
        is_repaired = False
        for choice in response.choices:
            subject = Subject(request=request, choice=choice, cut_by_client=cut_by_client, by=by)
            if at_once is not None:
                verdict = _measure_now(at_once, gate, subject)
            else:
                deadline = started + (_seconds_of(check, gate) if seconds is None else seconds)
                ask = ask_for(place) if ask_for is not None and calls_models else None
                verdict = await _measure(check, gate, subject, ask, deadline)
            measured.append(verdict)
            is_repaired = is_repaired or verdict.repaired is not None
        if is_repaired:
            response = _repaired(response, measured)
        worst = measured[0] if len(measured) == 1 else _worst(gate, response.choices, measured)
        verdicts.append(msgspec.structs.replace(worst, seconds=time.perf_counter() - started))
    return Checked(verdicts=tuple(verdicts), response=response)


async def compare(
    gate: Gate,
    request: ModelRequest,
    response: ModelResponse,
    opinions: Sequence[Opinion],
    *,
    registry: Checks,
    by: Model | None = None,
    has_voice: bool = True,
    ask: Ask | None = None,
) -> Verdict:
    """The verdict of a gate that compares an answer with what others said. Never raises for what a check does.

    An opinion is one answer: a request for several is not compared. An answer without a voice is one that misses
    another gate: only what the others say among themselves counts. `ask` is for a gate that names who embeds.
    """
    started = time.perf_counter()
    check = registry.get(gate.check)
    if len(response.choices) != 1:
        return _failed(gate, f"{len(response.choices)} answers cannot be compared with one")
    subject = Subject(
        request=request, choice=response.choices[0], by=by, opinions=tuple(opinions), has_voice=has_voice
    )
    verdict = await _measure(check, gate, subject, ask, started + _seconds_of(check, gate))
    return msgspec.structs.replace(verdict, seconds=time.perf_counter() - started)


def _seconds_of(check: Check | None, gate: Gate) -> float:
    if gate.seconds is not None:
        return gate.seconds
    return CHECK_SECONDS if check is None else check.info.seconds


def _missed(gates: Sequence[Gate], verdicts: Sequence[Verdict]) -> bool:
    """Whether one of these verdicts, which stand in the order of their gates, misses its gate."""
    left = iter(gates)
    return any(
        not gate_passes(next(gate for gate in left if gate.check == verdict.check), verdict)
        for verdict in verdicts
    )


def applies_to(gate: Gate, request: ModelRequest) -> bool:
    """Whether this gate measures answers to this request at all."""
    match gate.applies:
        case "always":
            return True
        case "json":
            return wants_json(request)
        case "tests":
            return "tests" in request.annotations


def wants_json(request: ModelRequest) -> bool:
    """Whether the client asked for JSON."""
    return request.response_format is not None and request.response_format.wants_json


def contained(what: str, call: Callable[[], object]) -> object:
    """The result of a plug-in's own code. Raises `CheckError`, whatever that code raises."""
    try:
        return call()
    except Exception as error:
        raise CheckError(f"{what}: {type(error).__name__}: {error}") from error


def _measure_now(measure: MeasureNow, gate: Gate, subject: Subject) -> Verdict:
    """One choice's verdict from a check that never waits: no timer, no coroutine."""
    try:
        verdict = measure(subject, gate.options)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except CheckError as error:
        return _failed(gate, str(error))
    except BaseException as error:  # as below
        return _failed(gate, _in_words(error))
    return _plausible(gate, verdict)


async def _measure(
    check: Check | None, gate: Gate, subject: Subject, ask: Ask | None, deadline: float
) -> Verdict:
    """One choice's verdict, whatever happens. `deadline` is a reading of `time.perf_counter`."""
    if check is None:
        return _failed(gate, "no such check")
    timer = asyncio.timeout(deadline - time.perf_counter())
    try:
        async with timer:
            verdict = await check.measure(subject, gate.options, ask)
    except (asyncio.CancelledError, KeyboardInterrupt, GeneratorExit):
        raise
    except CheckError as error:
        return _failed(gate, str(error))
    except BaseException as error:  # also SystemExit, and panics of native code, which are no Exceptions
        return _failed(gate, "took too long" if timer.expired() else _in_words(error))
    return _plausible(gate, verdict)


def _plausible(gate: Gate, verdict: object) -> Verdict:
    if not isinstance(verdict, Verdict):
        return _failed(gate, f"gave a {type(verdict).__name__} and not a Verdict")
    if not 0 <= verdict.score <= 1:
        return _failed(gate, f"gave the score {verdict.score}, outside 0 to 1")
    return verdict if verdict.check == gate.check else msgspec.structs.replace(verdict, check=gate.check)


def _failed(gate: Gate, error: str) -> Verdict:
    return Verdict(check=gate.check, score=0.0, reason="could not be measured", error=error)


def _in_words(error: BaseException) -> str:
    """The kind of error only: what it says may quote the answer."""
    return f"crashed with {type(error).__name__}"


def _repaired(response: ModelResponse, verdicts: list[Verdict]) -> ModelResponse:
    choices = tuple(
        choice if verdict.repaired is None else choice.with_text(verdict.repaired)
        for choice, verdict in zip(response.choices, verdicts, strict=True)
    )
    return msgspec.structs.replace(response, choices=choices)


def _worst(gate: Gate, choices: tuple[Choice, ...], verdicts: list[Verdict]) -> Verdict:
    """The lowest score; a check's error counts where no choice was seen to miss the gate."""
    if not verdicts:
        return Verdict(check=gate.check, score=0.0, reason="no answer")
    measured = [place for place, verdict in enumerate(verdicts) if verdict.error is None]
    lowest = min(measured, key=lambda place: verdicts[place].score, default=None)
    place = lowest
    if lowest is None or (len(measured) < len(verdicts) and verdicts[lowest].score >= gate.at_least):
        place = next(place for place, verdict in enumerate(verdicts) if verdict.error is not None)
    assert place is not None
    worst = verdicts[place]
    label = f"choice {choices[place].index}"
    return msgspec.structs.replace(
        worst,
        reason=f"{label}: {worst.reason}",
        error=None if worst.error is None else f"{label}: {worst.error}",
        repairs=tuple(dict.fromkeys(repair for verdict in verdicts for repair in verdict.repairs)),
    )
