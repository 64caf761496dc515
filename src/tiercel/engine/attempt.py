"""One attempt: encode for the rung, call, cut, check, and write down what it took."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from tiercel.checks.registry import Registry
from tiercel.checks.run import AskFor, run_checks
from tiercel.checks.shown import MOST_CHARS
from tiercel.domain.catalog import Target
from tiercel.domain.climb import ASIDE, Attempt, Call, Plan, Rung, Verdict
from tiercel.domain.events import ReasoningDelta, StreamEvent, TextDelta
from tiercel.domain.failure import Failure
from tiercel.domain.policy import Gate
from tiercel.domain.record import AttemptRecord
from tiercel.domain.request import ModelRequest, Reasoning, Text
from tiercel.domain.response import Choice, ModelResponse, Usage
from tiercel.domain.tokens import CHARS_PER_TOKEN
from tiercel.engine.cut import CUT, StreamCutter, cut_response
from tiercel.engine.delivery import Delivery
from tiercel.engine.holding import Passage
from tiercel.engine.logprobs import (
    LOGPROBS,
    adds_logprobs,
    with_logprobs,
    without_logprobs,
    without_streamed,
)
from tiercel.engine.origins import Origins, maker_of
from tiercel.engine.passages import as_it_went, make_passage
from tiercel.engine.sessions import Sessions
from tiercel.engine.weighed import repairs_of, weighed, without_text
from tiercel.upstream.call import CallLimits, CallResult, Upstream
from tiercel.upstream.health import Health
from tiercel.wire.fit import lost_names
from tiercel.wire.provenance import without_foreign_seals, without_seals

Receive: TypeAlias = Callable[[Sequence[StreamEvent]], Awaitable[None] | None]
"""Takes a stream's events; what it returns must be awaited before reading on."""


MAX_VERSION_CHARS = 128
ENDED_EARLY = "ended early: what came had missed its check, and the rest was not wanted"


class Machinery(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine works with; put together once, in `gateway/app.py`. `clock` is monotonic seconds."""

    upstream: Upstream
    health: Health
    registry: Registry
    clock: Callable[[], float]
    draw: Callable[[], float]
    origins: Origins
    sessions: Sessions


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one attempt: for the ladder, for the record, and the answer itself where there is one."""

    attempt: Attempt
    record: AttemptRecord
    response: ModelResponse | None = None


class _Meter:
    """Counts what a stream has brought so far, for the bill of an attempt that is stopped half-way."""

    def __init__(self, forward: Receive | None) -> None:
        self._forward = forward
        self.visible_chars = 0
        self.reasoning_chars = 0

    def __call__(self, events: Sequence[StreamEvent]) -> Awaitable[None] | None:
        for event in events:
            if isinstance(event, TextDelta):
                self.visible_chars += len(event.text)
            elif isinstance(event, ReasoningDelta):
                self.reasoning_chars += len(event.text)
        return self._forward(events) if self._forward is not None else None

    def usage(self, input_tokens: int) -> Usage:
        """What the attempt has used at least; estimated, and marked partial."""
        return Usage(
            uncached=input_tokens,
            visible=int(self.visible_chars / CHARS_PER_TOKEN),
            reasoning=int(self.reasoning_chars / CHARS_PER_TOKEN),
            source="partial",
        )


class AttemptRunner:
    """Runs one call of a climb. `received` is the clock's reading at the request's receipt."""

    lost: tuple[str, ...] = ()
    """What the deployment cannot carry, known once the request was written for it."""
    _sent = False
    # the next is there where the answer streams, the others where a client sees it come
    _meter: _Meter | None = None
    _cutter: StreamCutter | None = None
    _passage: Passage | None = None

    def __init__(
        self,
        machinery: Machinery,
        request: ModelRequest,
        plan: Plan,
        call: Call,
        *,
        delivery: Delivery | None,
        received: float,
        previous_text: str | None = None,
        ask_for: AskFor | None = None,
    ) -> None:
        self.call = call
        self._machinery = machinery
        self._request = request
        self._plan = plan
        self._rung: Rung = plan.rung_at(call.rung)
        self._ask_for = ask_for
        self._gates: Sequence[Gate] = plan.gates
        if call.why == "opinion":
            delivery = None  # it is compared; nothing of it streams
            # and it is worth what it costs only while nobody is asked about it in turn
            self._gates = [gate for gate in plan.gates if not gate.calls_models]
        self._delivery = delivery
        self._sent_request = request
        """What is asked, before anything is left out: the client's request."""
        self._adds_logprobs = False
        for gate in plan.gates:
            if gate.reads_logprobs:
                self._adds_logprobs = adds_logprobs(request, self._rung)
        self._others_follow = call.rung + 1 < len(plan.rungs)
        """Whether the ladder has a rung behind this one; then a whole answer that never comes must leave it time."""
        self._received = received
        self._previous_text = previous_text
        self._began = machinery.clock()
        if request.stream:
            self._meter = _Meter(None if delivery is None else self._receiver(delivery))

    @property
    def _stream(self) -> int:
        """The number under which the client's stream knows this attempt."""
        return self.call.number

    def _receiver(self, delivery: Delivery) -> Receive:
        """Where the events of this attempt go, past what the client's limit cuts off and what the policy holds back."""
        mode, cut_at = self._plan.hold.mode, self._rung.cut_at
        if cut_at is not None and mode != "incremental":
            self._cutter = StreamCutter(cut_at)
        if mode in ("first", "incremental"):
            self._passage = self._make_passage()
        receive = delivery.receiver(self._stream, self._cutter, self._passage)
        return without_streamed(receive) if self._adds_logprobs else receive

    def _make_passage(self) -> Passage:
        return make_passage(
            self._plan,
            self._request,
            self._machinery.registry,
            others_follow=self._others_follow,
            clock=self._machinery.clock,
        )

    async def run(self) -> Finding:
        """Make the call and measure the answer. Cancelling it closes the connection; see `stopped`."""
        if self.call.delay_seconds > 0:
            await asyncio.sleep(self.call.delay_seconds)
        machinery, name = self._machinery, self._rung.deployment.name
        self._began = machinery.clock()
        self._sent = True
        machinery.health.began(name)
        request, unsealed = self._readable_request()
        if self._adds_logprobs:
            request = with_logprobs(request)
        self.lost = unsealed
        result = await machinery.upstream.call(
            request,
            self._target(),
            self._limits(),
            self._meter,
            self._note_lost if request.stream else None,
        )
        if unsealed:
            result = replace(result, lost=lost_names((*result.lost, *unsealed)))
        if self._adds_logprobs:
            result = replace(result, lost=tuple(name for name in result.lost if name != LOGPROBS))
        unwanted = self._passage.complaint if self._passage is not None else None
        if isinstance(unwanted, Failure):
            result = replace(result, failure=unwanted)
        machinery.health.observe(name, result)
        if isinstance(unwanted, Verdict) and result.response is not None:
            return self._answered(result, result.response, (unwanted,), ended_early=True)
        if result.failure is not None or result.response is None:
            return self._failed(result)
        return await self._measured(result, result.response)

    async def _measured(self, result: CallResult, response: ModelResponse) -> Finding:
        """What the checks say of an answer that came, cut where the client wants it."""
        was_cut = False
        had_more_room = self._rung.cut_at is not None or self.call.output_boost > 1
        if had_more_room:  # than the client gave
            response, was_cut = self._cut(response)
        checked = await run_checks(
            self._gates,
            self._request,
            response,
            registry=self._machinery.registry,
            cut_by_client=was_cut or self._client_cap_reached(response),
            by=self._rung.deployment.model,
            ask_for=self._ask_for,
        )
        if self._delivery is not None and self._passed_through:
            checked = as_it_went(self._plan, self._passage, response, checked)
        answer = without_logprobs(checked.response) if self._adds_logprobs else checked.response
        return self._answered(result, answer, checked.verdicts)

    def _note_lost(self, lost: tuple[str, ...]) -> None:
        self.lost = lost_names((*self.lost, *lost))

    def stopped(self, failure: Failure) -> Finding:
        """What is known of an attempt that was cancelled: at least what it was sent, and what came back so far."""
        result = CallResult(failure=failure, seconds=self._machinery.clock() - self._began)
        if self._sent:
            self._machinery.health.observe(self._rung.deployment.name, result)
            meter = self._meter or _Meter(None)
            result = replace(result, usage=meter.usage(self._plan.facts.size.tokens))
        attempt = Attempt(call=self.call, state="failed", failure=failure)
        return Finding(attempt=attempt, record=self._record("cancelled", result, failure))

    def _readable_request(self) -> tuple[ModelRequest, tuple[str, ...]]:
        """The request without the seals that this deployment cannot read, and the names of what went."""
        request = self._sent_request
        if self.call.unsealed:
            return without_seals(request)
        for message in request.messages:
            if message.role == "assistant":  # nobody else's turns have seals
                maker = maker_of(self._rung.deployment)
                return without_foreign_seals(request, maker, self._machinery.origins.of_seal)
        return request, ()

    def _target(self) -> Target:
        cap = self._rung.max_output_tokens
        if self.call.output_boost > 1:
            cap = self._boosted_cap()
        return Target(
            deployment=self._rung.deployment,
            effort=self._rung.effort,
            max_output_tokens=cap,
            stream=self._request.stream,
            correction=self.call.correction,
            previous_text=self._previous_text,
        )

    def _boosted_cap(self) -> int | None:
        """More room after thinking ate the answer, within what the model can do."""
        capabilities = self._rung.deployment.model.capabilities
        cap = max(self._rung.max_output_tokens or 0, capabilities.output_floor) * self.call.output_boost
        if cap == 0:
            return None
        return min(cap, capabilities.max_output) if capabilities.max_output else cap

    def _limits(self) -> CallLimits:
        limits = self._plan.limits
        left_seconds = limits.deadline_seconds - (self._machinery.clock() - self._received)
        if not self._request.stream and self._others_follow:
            left_seconds = min(left_seconds, limits.whole_answer_seconds)
        return CallLimits(
            first_token_seconds=self._rung.first_token_seconds or limits.first_token_seconds,
            idle_seconds=limits.idle_seconds,
            total_seconds=max(0.001, left_seconds),
        )

    def _cut(self, response: ModelResponse) -> tuple[ModelResponse, bool]:
        if self._cutter is not None and self._passed_through:
            if not self._cutter.was_cut:
                return response, False
            choices = tuple(replace(choice, finish=CUT) for choice in response.choices)
            return replace(response, choices=choices), True
        cut_at = self._rung.cut_at if self.call.output_boost == 1 else self._request.max_output_tokens
        if cut_at is None or self._plan.facts.strict_json or self._plan.hold.mode == "incremental":
            return response, False
        return cut_response(response, cut_at)

    @property
    def _passed_through(self) -> bool:
        return self._delivery is not None and self._delivery.committed == self._stream

    def _client_cap_reached(self, response: ModelResponse) -> bool:
        """Whether an answer that ended by `length` did so at the limit that the client itself had set.

        One that has not half as many tokens met another limit: the server's own, or a window that was full.
        """
        client_cap = self._request.max_output_tokens
        if client_cap is None:
            return False
        for choice in response.choices:
            if choice.finish.reason == "length":
                break
        else:
            return False
        usage = response.usage
        if usage is not None and usage.source == "upstream" and 0 < 2 * usage.output < client_cap:
            return False
        upstream_cap = self._rung.max_output_tokens
        return self.call.output_boost == 1 and (upstream_cap is None or upstream_cap <= client_cap)

    def _answered(
        self,
        result: CallResult,
        response: ModelResponse,
        verdicts: tuple[Verdict, ...],
        *,
        ended_early: bool = False,
    ) -> Finding:
        choices = response.choices
        refused = bool(choices)
        for choice in choices:
            if choice.finish.reason != "content_filter" and not choice.refusal:
                refused = False
        attempt = Attempt(
            call=self.call,
            state="answered",
            finish=choices[0].finish.reason if choices else None,
            refused=refused,
            is_text=self._plan.review is not None and _is_text(choices),
            verdicts=verdicts,
        )
        record = weighed(self._plan, attempt, self._record("answered", result, verdicts=verdicts))
        if ended_early:
            record = replace(record, notes=(*record.notes, ENDED_EARLY))
        return Finding(attempt=attempt, record=record, response=response)

    def _failed(self, result: CallResult) -> Finding:
        failure = result.failure or Failure(kind="bad_response", message="the provider sent no answer")
        attempt = Attempt(call=self.call, state="failed", failure=failure)
        return Finding(
            attempt=attempt, record=self._record("failed", result, failure), response=result.response
        )

    def _record(
        self,
        state: Literal["answered", "failed", "cancelled"],
        result: CallResult,
        failure: Failure | None = None,
        verdicts: tuple[Verdict, ...] = (),
    ) -> AttemptRecord:
        response, usage = result.response, result.usage
        finish = response.choices[0].finish if response is not None and response.choices else None
        named = "" if response is None else response.model[:MAX_VERSION_CHARS]
        repairs: tuple[str, ...] = ()
        for verdict in verdicts:
            if verdict.repairs or verdict.repaired is not None:
                verdicts, repairs = without_text(verdicts), repairs_of(verdicts)
                break
        # in two steps: Python passes more than 15 arguments by way of a dictionary, which takes thrice as long
        return replace(
            self._sent_record(result),
            state=state,
            failure=failure,
            seconds=result.seconds,
            ttft_seconds=result.ttft_seconds,
            ttfa_seconds=result.ttfa_seconds,
            usage=usage,
            cost_nano=None if usage is None else cost_of(usage, self._rung),
            finish_reason=finish.reason if finish else None,
            finish_raw=finish.raw if finish else None,
            verdicts=verdicts,
            repairs=repairs,
            empty=failure is not None and failure.kind in ("empty", "empty_length"),
            version="" if named == self._rung.deployment.upstream_name else named,
        )

    def _sent_record(self, result: CallResult) -> AttemptRecord:
        """The record's part that tells what was sent, and to whom."""
        call, rung = self.call, self._rung
        deployment = rung.deployment
        notes = rung.notes
        if result.refused:
            notes += tuple([f"{name} left out: the provider refused it before" for name in result.refused])
        return AttemptRecord(
            number=call.number,
            why=call.why,
            rung=rung.name,
            deployment=deployment.name,
            provider=deployment.provider.name,
            model=deployment.model.name,
            tier=rung.tier,
            effort=rung.effort,
            began_seconds=self._began - self._received,
            lost=result.lost,
            notes=notes,
            asked_by=self._plan.asked_by(call.rung) if call.why in ASIDE else None,
            upstream_id=result.upstream_id,
            simulated=deployment.provider.simulated,
        )


def cost_of(usage: Usage, rung: Rung) -> int | None:
    """What the provider itself says it charged, else tokens times prices; `None` where a price is unknown."""
    if usage.reported_cost_nano is not None:
        return usage.reported_cost_nano
    return rung.deployment.billing.cost(usage)


def _is_text(choices: Sequence[Choice]) -> bool:
    """One answer of nothing but text, beside thinking, that came to its own end and is short enough to be shown."""
    if len(choices) != 1 or choices[0].finish.reason != "stop" or choices[0].logprobs is not None:
        return False
    only_text = all(isinstance(part, Text | Reasoning) for part in choices[0].parts)
    return only_text and 0 < len(choices[0].text.strip()) <= MOST_CHARS
