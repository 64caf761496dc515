"""A request made to fit its target: what was decided about the call, and what the model can take.

Works on nouns, before any format is written, so that both formats give way in the same manner. What has to go is
listed by name and never goes silently. A request that fits as it is comes back as the same object.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from tiercel.domain.catalog import Target
from tiercel.domain.request import (
    ATTRIBUTION,
    EFFORTS,
    Effort,
    Message,
    ModelRequest,
    ResponseFormat,
    Sampling,
    Text,
)
from tiercel.wire.fields import FORMATS

JSON_INSTRUCTION = "Answer with a single JSON {what} and nothing else: no explanation, no code fence."
SCHEMA_INSTRUCTION = "It must be valid against this JSON Schema:\n{schema}"


MAX_LOST = 40
MAX_NAME = 80

_ODD = re.compile(r"[^a-zA-Z0-9_.\[\]-]")
_UNSET = Sampling()


class Fitted(msgspec.Struct, frozen=True, kw_only=True):
    """The request to be written, whether it differs from the client's, and the names of what was left out."""

    request: ModelRequest
    changed: bool
    lost: tuple[str, ...]


def fit(request: ModelRequest, target: Target, rejects: tuple[str, ...] = ()) -> Fitted:
    """What of `request` this target can be sent; `rejects` names what its server refuses beside its model."""
    capabilities = target.deployment.model.capabilities
    lost: list[str] = []
    changes: dict[str, Any] = {}
    if target.max_output_tokens is not None and target.max_output_tokens != request.max_output_tokens:
        changes["max_output_tokens"] = target.max_output_tokens
    if target.stream != request.stream:
        changes["stream"] = target.stream
    if target.effort or request.effort:
        _fit_effort(request, target, changes, lost)
    if rejects or capabilities.rejects:
        _drop_rejected(request, (*capabilities.rejects, *rejects), changes, lost)
    if request.n > 1 and not capabilities.choices:
        changes["n"] = 1
        lost.append("n")
    if request.tools and not capabilities.tools:
        changes |= {"tools": (), "tool_choice": None, "parallel_tool_calls": None}
        lost.append("tools")
    messages = request.messages
    if request.format == "anthropic" and target.deployment.provider.format != "anthropic":
        messages = _without_attribution(messages)
    wanted = request.response_format
    if wanted is not None and wanted.kind == "json_schema" and not capabilities.structured_output:
        changes["response_format"] = None
        lost.append("response_format")
        messages = with_instruction(messages, json_instruction(wanted))
    if target.correction is not None:
        messages = (*messages, *_re_ask(target.previous_text, target.correction))
    if messages is not request.messages:
        changes["messages"] = messages
    if not changes:
        return Fitted(request=request, changed=False, lost=())
    return Fitted(request=msgspec.structs.replace(request, **changes), changed=True, lost=tuple(lost))


def lost_names(lost: Sequence[str]) -> tuple[str, ...]:
    """The names for a record and a header: sorted, once each, few, and harmless though clients choose field names.

    What `extra` keeps for one format alone (under its name) means nothing to another, and is no loss.
    """
    meant = [name for name in lost if name.rpartition(".")[2] not in FORMATS]
    names = sorted({_ODD.sub("_", name)[:MAX_NAME] for name in meant})
    if len(names) > MAX_LOST:
        names[MAX_LOST:] = [f"and {len(names) - MAX_LOST} more"]
    return tuple(names)


def json_instruction(wanted: ResponseFormat) -> str:
    """What tells a model in words that it must answer in JSON, where its API has no field for it."""
    if wanted.schema is None:
        return JSON_INSTRUCTION.format(what="object")
    schema = msgspec.json.encode(wanted.schema).decode()
    return f"{JSON_INSTRUCTION.format(what='value')} {SCHEMA_INSTRUCTION.format(schema=schema)}"


def naming_json(request: ModelRequest) -> ModelRequest:
    """The request as OpenAI takes it: some JSON may only be asked for where a message says so in words.

    Its own clients know that rule, and are told when they break it; those of other formats have none.
    """
    wanted = request.response_format
    if (
        wanted is None
        or wanted.kind != "json_object"
        or request.format in ("openai_chat", "openai_responses")
    ):
        return request
    if any("json" in message.text.lower() for message in request.messages):
        return request
    messages = with_instruction(request.messages, json_instruction(wanted))
    return msgspec.structs.replace(request, messages=messages)


def with_instruction(messages: Sequence[Message], instruction: str) -> tuple[Message, ...]:
    """The conversation with one more system message, after those it begins with."""
    first_turn = next(
        (i for i, message in enumerate(messages) if message.role not in ("system", "developer")),
        len(messages),
    )
    added = Message(role="system", parts=(Text(text=instruction),))
    return (*messages[:first_turn], added, *messages[first_turn:])


def nearest_effort(wanted: Effort, accepted: Sequence[Effort]) -> Effort | None:
    """The most that is accepted and not above what is wanted, else the least that is accepted."""
    ordered = [effort for effort in EFFORTS if effort in accepted]
    below = [effort for effort in ordered if EFFORTS.index(effort) <= EFFORTS.index(wanted)]
    return below[-1] if below else next(iter(ordered), None)


def _without_attribution(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    first = messages[0] if messages else None
    if first is None or first.role != "system" or not first.text.startswith(ATTRIBUTION):
        return messages
    return messages if "\n" in first.text.strip() else messages[1:]


def _fit_effort(request: ModelRequest, target: Target, changes: dict[str, Any], lost: list[str]) -> None:
    wanted = target.effort or request.effort
    if wanted is None:
        return
    accepted = target.deployment.model.capabilities.efforts
    given = wanted if wanted in accepted else nearest_effort(wanted, accepted)
    if given != request.effort:
        changes["effort"] = given
    if given != wanted:
        lost.append("reasoning_effort")


def _drop_rejected(
    request: ModelRequest, rejects: tuple[str, ...], changes: dict[str, Any], lost: list[str]
) -> None:
    sampling = request.sampling
    extra = request.extra
    for name in rejects:
        if name in Sampling.__struct_fields__:
            if getattr(sampling, name) != getattr(_UNSET, name):
                sampling = msgspec.structs.replace(sampling, **{name: getattr(_UNSET, name)})
                lost.append(name)
        elif name in extra:
            extra = {key: value for key, value in extra.items() if key != name}
            lost.append(name)
        elif name in _DROPPABLE and getattr(request, name) not in (None, {}):
            changes[name] = _DROPPABLE[name]
            lost.append(name)
    if sampling is not request.sampling:
        changes["sampling"] = sampling
    if extra is not request.extra:
        changes["extra"] = extra


_DROPPABLE: dict[str, Any] = {
    "parallel_tool_calls": None,
    "tool_choice": None,
    "response_format": None,
    "user": None,
    "metadata": {},
}


def _re_ask(previous: str | None, correction: str) -> tuple[Message, ...]:
    complaint = Message(role="user", parts=(Text(text=correction),))
    if not previous:
        return (complaint,)
    return (Message(role="assistant", parts=(Text(text=previous),)), complaint)
