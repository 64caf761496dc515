"""Which passage an attempt gets, and what its answer is once it went through one."""

from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from tiercel.checks.check import read_options
from tiercel.checks.incremental.shape import root_shape
from tiercel.checks.json_schema import JSONSchemaOptions, wanted_schema
from tiercel.checks.registry import Registry
from tiercel.checks.run import Checked
from tiercel.checks.schemas import SchemaError, prepare
from tiercel.domain.climb import Plan, Verdict
from tiercel.domain.errors import CheckError
from tiercel.domain.policy import Gate
from tiercel.domain.request import ModelRequest
from tiercel.domain.response import ModelResponse
from tiercel.engine.following import FollowedJSON
from tiercel.engine.holding import HeldBeginning, HeldWhole, Measured, Passage

GONE = "but it had gone out as it was"
ELSE = "what had gone out is not the beginning of the answer that was meant"


def make_passage(
    plan: Plan,
    request: ModelRequest,
    registry: Registry,
    *,
    others_follow: bool,
    clock: Callable[[], float],
) -> Passage:
    """The passage of one attempt. `clock` is monotonic seconds; `others_follow` is whether a rung stands behind it."""
    measured = partial(Measured, plan.hold, others_follow=others_follow, clock=clock)
    if plan.hold.mode != "incremental":
        return HeldBeginning(measured(), registry.suspicions(plan.gates))
    gate = next(gate for gate in plan.gates if gate.reads_json)
    schema = _followable(gate, request)
    return HeldWhole() if schema is None else FollowedJSON(root_shape(schema), measured, check=gate.check)


def _followable(gate: Gate, request: ModelRequest) -> bytes | None:
    """The schema that this gate wants met; `None` where it cannot be used, or may cost much: it is the check's own
    business then, at the end."""
    try:
        schema = wanted_schema(request, read_options(JSONSchemaOptions, gate.options))
        return schema if schema is not None and prepare(schema).validator is not None else None
    except (CheckError, SchemaError):
        return None


def as_it_went(plan: Plan, passage: Passage | None, response: ModelResponse, checked: Checked) -> Checked:
    """What checks measured of an answer that went out before it was measured.

    A repair came too late for what the client has. JSON that was followed as it came counts as repaired, where all that
    went out is the beginning of it.
    """
    if plan.hold.mode == "incremental" and passage is not None:
        if passage.rest_of(checked.response.text) is not None:
            return checked
        asked = {gate.check for gate in plan.gates if gate.reads_json}
        verdicts = [
            _missed(verdict, ELSE) if verdict.check in asked else verdict for verdict in checked.verdicts
        ]
        return Checked(verdicts=tuple(verdicts), response=response)
    if all([verdict.repaired is None for verdict in checked.verdicts]):
        return checked
    verdicts = [
        verdict if verdict.repaired is None else _missed(verdict, f"{verdict.reason}, {GONE}")
        for verdict in checked.verdicts
    ]
    return Checked(verdicts=tuple(verdicts), response=response)


def _missed(verdict: Verdict, reason: str) -> Verdict:
    return replace(verdict, score=0.0, reason=reason, repaired=None, repairs=(), error=None)
