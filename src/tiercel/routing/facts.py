"""The facts of a request: stated by the caller's hints, else read from structure and words. No model is asked.

Facts are guesses that choose a ladder; what a request may not do (residency, modality, window) never rests on the
guessed ones. Everything here is bounded work: the size of a request is counted, but only its instruction is read.
"""

from typing import TypeVar, get_args

from tiercel.domain.errors import CallerError
from tiercel.domain.facts import FactName, Facts, Latency, Risk, Task
from tiercel.domain.request import Hints, ModelRequest
from tiercel.routing.complexity import judge_complexity
from tiercel.routing.conversation import read_conversation
from tiercel.routing.risk import judge_risk
from tiercel.routing.size import measure_load
from tiercel.routing.task import judge_task
from tiercel.routing.wording import take_apart

TASKS: dict[str, Task] = {task: task for task in get_args(Task)}
RISKS: dict[str, Risk] = {risk: risk for risk in get_args(Risk)}
LATENCIES: dict[str, Latency] = {latency: latency for latency in get_args(Latency)}
Known = TypeVar("Known")

FACTS: tuple[FactName, ...] = ("task", "risk", "latency", "residency", "session")
UNSTATED = Hints()


def read_facts(request: ModelRequest, hints: Hints, *, residency_default: str | None = None) -> Facts:
    """The facts of this request. Hints win and are named in `stated`; `signals` says what the others were read from.

    Raises `CallerError` for a hint that is none of the allowed values.
    """
    stated = () if hints == UNSTATED else tuple(name for name in FACTS if getattr(hints, name) is not None)
    load = measure_load(request)
    conversation = read_conversation(request)
    wording = take_apart(conversation.asked)
    signals: dict[str, str] = {}
    if hints.task is None:
        task, signals["task"] = judge_task(request, conversation, wording)
    else:
        task = _stated(TASKS, "task", hints.task)
    complexity, signals["complexity"] = judge_complexity(
        task, wording, load.size.tokens, len(request.messages)
    )
    if hints.risk is None:
        risk, signals["risk"] = judge_risk(task, wording, tools=bool(request.tools))
    else:
        risk = _stated(RISKS, "risk", hints.risk)
    if hints.residency is None and residency_default is not None:
        signals["residency"] = "the policy's default"
    return Facts(
        task=task,
        complexity=complexity,
        risk=risk,
        latency="normal" if hints.latency is None else _stated(LATENCIES, "latency", hints.latency),
        residency=hints.residency or residency_default,
        session=hints.session,
        agent=hints.agent,
        modalities=load.modalities,
        size=load.size,
        strict_json=request.response_format is not None and request.response_format.wants_json,
        tools=bool(request.tools) or load.tool_calls,
        in_tool_loop=conversation.in_tool_loop,
        choices=request.n,
        stated=stated,
        signals=signals,
    )


def _stated(allowed: dict[str, Known], name: FactName, value: str) -> Known:
    if value not in allowed:
        raise CallerError(
            "unsupported_value", f"{name} hint: expected one of {', '.join(allowed)}", param=name
        )
    return allowed[value]
