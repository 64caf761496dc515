"""Where a pasted request would go and why, decided as for a real one, calling nobody and keeping nothing."""

import asyncio
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, get_args

import msgspec
from starlette.responses import Response

from tiercel.domain.climb import Plan
from tiercel.domain.errors import CallerError, ProblemError
from tiercel.domain.facts import Latency, Risk, Task
from tiercel.domain.keys import ANYBODY, AccessKey
from tiercel.gateway.dashboard.standing import Standing, standings_now
from tiercel.gateway.dashboard.view import PageRoute, Visitor
from tiercel.gateway.explaining import PASTED, STATED, asked
from tiercel.policy.key_forms import key_id
from tiercel.records.key_store import KeyReader, StoredKeys
from tiercel.routing.explain import Explanation, RungLine, explain

FORMS = dict(
    zip(
        PASTED,
        ("a plain prompt", "Chat Completions", "Responses", "Anthropic Messages", "Gemini generateContent"),
        strict=True,
    )
)


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """One rung of the ladder, and how its deployment is doing at this moment."""

    line: RungLine
    standing: Standing


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What would become of the request: the ladder stage by stage, in the order in which it would be climbed."""

    explanation: Explanation
    stages: tuple[tuple[str, tuple[Rung, ...]], ...]


async def show(visitor: Visitor) -> Response:
    """The form, and below it what would become of the request that it brought."""
    if visitor.request.method == "GET":
        return _shown(visitor)
    try:
        text = visitor.form.get("request", "").encode()
        key = await asyncio.to_thread(_key, visitor)
        request, hints = await asyncio.to_thread(_asked, text, visitor.form)
        # on the event loop, where sessions, health and budgets live
        runtime = visitor.home.runtime
        state = runtime.state
        plan = runtime.plan(state, request, runtime.facts(state, request, hints, key), key)
    except ProblemError as error:
        return _shown(visitor, refused=error)
    return _shown(visitor, told=_told(plan, explain(plan, state.policy), standings_now(state)))


def _asked(text: bytes, form: Mapping[str, str]) -> Any:
    stated = {name: (form[name].strip(), name) for name in STATED if form.get(name, "").strip()}
    pasted: Any = form.get("format") or None
    if pasted is not None and pasted not in PASTED:
        raise CallerError("invalid_request", f"format: choose one of {', '.join(PASTED)}")
    return asked(text, model=form.get("model", "").strip() or "auto", form=pasted, stated=stated)


def _key(visitor: Visitor) -> AccessKey:
    """Who is taken to ask: of operators whoever they name, else somebody who may do everything in the project."""
    if not visitor.caller.is_operator:
        return AccessKey(project=visitor.caller.project or "")
    wanted = visitor.form.get("key", "").strip()
    if not wanted:
        return ANYBODY
    reader = KeyReader(Path(visitor.home.storage.folder), database_url=visitor.home.database_url)
    try:
        stored = (reader.poll() or StoredKeys()).keys.get(key_id(wanted))
    finally:
        reader.close()
    if stored is None:
        raise CallerError("invalid_request", f"key: there is none of the id {wanted[:40]!r}")
    return stored.key


def _told(plan: Plan, explanation: Explanation, standings: Mapping[str, Standing]) -> Told:
    rungs = [
        Rung(line=line, standing=standings[rung.deployment.name])
        for rung, line in zip(plan.rungs, explanation.ladder, strict=True)
    ]
    stages = groupby(rungs, key=lambda rung: rung.line.stage)
    return Told(explanation=explanation, stages=tuple((stage, tuple(own)) for stage, own in stages))


def _shown(visitor: Visitor, *, told: Told | None = None, refused: ProblemError | None = None) -> Response:
    return visitor.render(
        "explain.html",
        told=told,
        refused=refused,
        form=visitor.form,
        forms=FORMS,
        rules={rule.name for rule in visitor.home.runtime.state.policy.rules},
        choices={"task": get_args(Task), "risk": get_args(Risk), "latency": get_args(Latency)},
    )


EXPLAIN = PageRoute(path="/policy/explain", show=show, methods=("GET", "POST"))
