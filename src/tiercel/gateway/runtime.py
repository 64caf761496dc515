"""What endpoints work with: the current configuration as one immutable value, and the machinery behind it."""

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from tiercel.domain.climb import Plan
from tiercel.domain.errors import ProblemError, UnavailableError
from tiercel.domain.facts import Facts
from tiercel.domain.keys import AccessKey
from tiercel.domain.policy import Policy
from tiercel.domain.record import Feedback, Record, Started
from tiercel.domain.request import Hints, ModelRequest
from tiercel.domain.session import NO_SESSION, SessionState
from tiercel.domain.settings import Settings
from tiercel.engine.account import Receipt
from tiercel.engine.attempt import Machinery
from tiercel.gateway.access import Access
from tiercel.gateway.admission import Admission
from tiercel.gateway.exchange import Exchange
from tiercel.gateway.idempotency import Replays
from tiercel.gateway.load import Occupancy
from tiercel.gateway.shadowing import Shadowing
from tiercel.records.recorder import Recorder
from tiercel.routing.allowed import within
from tiercel.routing.facts import read_facts
from tiercel.routing.plan import make_plan
from tiercel.routing.sessions import in_conversation
from tiercel.routing.split import Draw, with_arm

if TYPE_CHECKING:
    from tiercel.records.telemetry import Exporter

UNRECORDED = UnavailableError(
    "storage_unavailable",
    "the gateway cannot keep records at the moment, and does not serve without them",
    retry_after_seconds=5.0,
)
CROWDED = UnavailableError(
    "overloaded",
    "more clients are connected than the gateway's limit of open files leaves room for",
    retry_after_seconds=1.0,
)


class State(msgspec.Struct, frozen=True, kw_only=True):
    """One configuration, whole. A reload makes another and swaps it in; a request keeps the one it began with."""

    settings: Settings
    policy: Policy
    admission: Admission
    machinery: Machinery

    @property
    def simulated(self) -> bool:
        """Whether nothing but simulated providers can be called."""
        deployments = self.settings.catalog.deployments.values()
        return bool(deployments) and all(deployment.provider.simulated for deployment in deployments)


class Runtime:
    """The running gateway, as far as endpoints may know it."""

    def __init__(self, state: State, recorder: Recorder, access: Access, shadowing: Shadowing) -> None:
        self.state = state
        self.recorder = recorder
        self.access = access
        self.shadowing = shadowing
        self.draining = False
        self.began_at = time.time()
        self.occupancy: Callable[[], Occupancy] | None = None
        """How full the server is; set by who runs one."""
        self.exporter: Exporter | None = None
        """Where telemetry is sent, where that is configured."""
        self.replays = Replays(state.machinery.clock)

    def ready(self, exchange: Exchange) -> tuple[bool, str]:
        """Whether requests can be served and recorded, as far as we know, and why not."""
        if self.draining:
            return False, "draining"
        if exchange.connection.one_too_many:
            return False, CROWDED.message
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            return False, f"nothing can be opened, so no provider can be called: {error.strerror}"
        return self.recorder.ready()

    def receipt(self, exchange: Exchange) -> Receipt:
        """The clocks of a request that has just been let in, its id, and who asks."""
        received = self.state.machinery.clock()
        return Receipt(id=exchange.id, started_at=time.time(), received=received, key=exchange.caller)

    def facts(self, state: State, request: ModelRequest, hints: Hints, key: AccessKey) -> Facts:
        """The facts of this request under this configuration; where it states nothing, what its key states."""
        if key.task is not None or key.risk is not None:
            hints = msgspec.structs.replace(hints, task=hints.task or key.task, risk=hints.risk or key.risk)
        return read_facts(request, hints, residency_default=state.policy.residency_default)

    def plan(
        self, state: State, request: ModelRequest, facts: Facts, key: AccessKey, request_id: str = ""
    ) -> Plan:
        """Filters, rule, ladder: the plan for a request with these facts, of what its key may use."""
        machinery = state.machinery
        session = NO_SESSION if facts.session is None else machinery.sessions.of(key, facts)
        plan = make_plan(
            request,
            facts,
            state.policy,
            state.settings.catalog,
            measured_speed=machinery.health.measured_speed(),
            session=session,
        )
        caller = machinery.origins.caller(request)
        if plan.split is not None:
            draw = self._draw(state, request, key, request_id, caller)
            plan = self._with_arm(state, request, plan, draw, session)
        if key.allowed:
            plan = within(plan, key.allowed)
        if caller is None and session is NO_SESSION and plan.stall is None:
            return plan
        return in_conversation(plan, request.messages, caller=caller, session=session)

    def _draw(
        self, state: State, request: ModelRequest, key: AccessKey, request_id: str, caller: str | None
    ) -> Draw:
        """Whom an arm of a split is drawn for, and what cannot be called for them now."""
        return Draw(
            request_id=request_id,
            project=key.project,
            key_id=key.id,
            user=request.user,
            allowed=key.allowed,
            budgeted=bool(key.id and self.access.budgets.allowance(key).bounds),
            resting=state.machinery.health.resting(state.settings.catalog.deployments),
            caller=caller,
        )

    def _with_arm(
        self, state: State, request: ModelRequest, plan: Plan, draw: Draw, session: SessionState
    ) -> Plan:
        speed = state.machinery.health.measured_speed()

        def planned(along: tuple[str, ...]) -> Plan:
            return make_plan(
                request,
                plan.facts,
                state.policy,
                state.settings.catalog,
                measured_speed=speed,
                along=along,
                session=session,
            )

        return with_arm(plan, draw, planned)

    def record_start(self, state: State, record: Record, plan: Plan) -> None:
        """Note the request before anything is sent. Raises `UnavailableError` where the policy is to refuse then."""
        started = Started(
            id=record.id,
            started_at=record.started_at,
            format=record.format,
            model_requested=record.model_requested,
            task=record.task,
            rule=record.rule,
            rung=plan.first.name if plan.rungs else "",
            project=record.project,
            key_id=record.key_id,
        )
        refuses = state.settings.storage.when_unwritable == "refuse"
        if refuses and self.recorder.problem() is not None:
            raise UNRECORDED
        try:
            self.recorder.started(started)
        except UnavailableError as error:
            if refuses:
                raise UNRECORDED from error

    def record_end(self, record: Record) -> None:
        """Append the record before the answer's last byte; a full disk takes no paid answer away."""
        if self.exporter is not None:
            self.exporter.finished(record)
        try:
            self.recorder.finished(record)
        except UnavailableError:
            # the recorder has logged and counted it, and /readyz says so
            return

    def record_feedback(self, feedback: Feedback) -> None:
        """Keep what a user said. Raises `UnavailableError` when it was not written."""
        try:
            self.recorder.feedback(feedback)
        except UnavailableError as error:
            # the recorder's own words name folders of this machine
            raise UNRECORDED from error

    def record_rejection(self, state: State, receipt: Receipt, record: Record, error: ProblemError) -> None:
        """Keep a record of a request that we could not serve as it was."""
        machinery = state.machinery
        self.record_end(
            msgspec.structs.replace(
                record,
                seconds=machinery.clock() - receipt.received,
                problem=error.kind,
                message=error.message,
                simulated=state.simulated,
            )
        )
