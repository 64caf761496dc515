"""Who answers a copy of a request, and which requests are copied.

A copy goes through the same filters as a rung: residency, modality, capability, window. What a key may use is no filter
here, as nothing of the answer reaches it.
"""

from hashlib import blake2b

from msgspec.structs import replace

from tiercel.domain.catalog import Catalog
from tiercel.domain.climb import Excluded, Plan, Rung
from tiercel.domain.policy import Policy
from tiercel.domain.record import Outcome
from tiercel.domain.request import ModelRequest
from tiercel.routing.draft import guarded
from tiercel.routing.expand import nearest_effort, serving, split_effort
from tiercel.routing.filters import admits

DRAWS = 2**64
PAIRED: frozenset[Outcome] = frozenset(("passed", "marked", "refused", "failed", "withheld", "broken"))
"""Outcomes of requests that somebody was asked about, to the end: only those are copied."""


def is_drawn(comparison: str, record_id: str, share: float) -> bool:
    """Whether this request is one of the `share` that a comparison of this name copies: always the same answer for
    the same names, and for another comparison an independent one."""
    key = blake2b(comparison.encode(), digest_size=32).digest()
    drawn = blake2b(record_id.encode(), key=key, digest_size=8).digest()
    return int.from_bytes(drawn) < share * DRAWS


def is_ruled(rule: str) -> bool:
    """Whether a rule of this name chose the ladder: whoever names a model or tier has chosen for themselves."""
    return ":" not in rule


def shadow_plan(
    candidate: str,
    request: ModelRequest,
    plan: Plan,
    policy: Policy,
    catalog: Catalog,
    resting: frozenset[str] = frozenset(),
) -> Plan | Excluded:
    """The plan of a copy: one rung, the gates of the request that call no model, nobody beside it. Or what keeps the
    last deployment of the candidate from being called. `resting` are deployments that should not be called now."""
    name, stated = split_effort(candidate)
    out = Excluded(rung=candidate, filter="missing_key", reason="no deployment serves it")
    for deployment in serving(name, catalog):
        effort = stated or nearest_effort(deployment.model.capabilities, request.effort)
        obstacle = admits(deployment, plan.facts, request, effort)
        if obstacle is None and deployment.name not in resting:
            rung = guarded(Rung(deployment=deployment, stage=0, effort=effort), request, plan.facts, policy)
            return Plan(
                facts=plan.facts,
                rule=plan.rule,
                stages=(candidate,),
                rungs=(rung,),
                gates=tuple(gate for gate in plan.gates if not gate.calls_models),
                limits=replace(plan.limits, max_cost_nano=None),
                policy_hash=plan.policy_hash,
            )
        out = obstacle or Excluded(
            rung=candidate, filter="resting", reason="failed too often a moment ago, or is limited"
        )
    return out
