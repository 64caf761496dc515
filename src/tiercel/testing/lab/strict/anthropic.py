"""What Anthropic's Messages refuses. Pure."""

import re
from collections.abc import Iterator
from itertools import pairwise

from tiercel.domain.json import Json, JsonObject
from tiercel.testing.lab.seals import is_sealed_by
from tiercel.testing.lab.strict.asked import Asked, Objection, names_in, object_in, objects, unknown

_KNOWN = names_in(
    "model messages max_tokens system stop_sequences stream temperature top_p top_k tools tool_choice thinking "
    "metadata output_config service_tier container mcp_servers context_management cache_control "
    "inference_geo speed betas anthropic_version output_format"
)
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_MEDIA_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_REFUSED_KEYWORDS = ("minimum", "maximum", "minLength", "maxLength", "multipleOf", "exclusiveMinimum")
LEAST_BUDGET = 1_024
THOUGHTS = ("thinking", "redacted_thinking")


def objections(body: JsonObject, asked: Asked) -> Iterator[Objection]:
    """What is wrong with a body, the most telling first."""
    if "anthropic-version" not in asked.headers:
        yield Objection(message="anthropic-version: header is required")
    if not isinstance(body.get("max_tokens"), int):
        yield Objection(message="max_tokens: Field required")
    for name in unknown(body, _KNOWN):
        yield Objection(message=f"{name}: Extra inputs are not permitted")
    for name in asked.known.rejects or ():
        if name in body:
            yield Objection(message=f"`{name}` is not supported for this model.")
    turns = objects(body.get("messages"))
    yield from _order(turns)
    for index, turn in enumerate(turns):
        yield from _content(turn, f"messages.{index}", asked.model)
    yield from _results(turns)
    yield from _thinking(body, turns, asked)
    yield from _tools(body)
    yield from _schema(object_in(object_in(body, "output_config"), "format").get("schema"))


def _order(turns: list[JsonObject]) -> Iterator[Objection]:
    roles = [turn.get("role") for turn in turns if turn.get("role") != "system"]
    if roles and roles[0] != "user":
        yield Objection(message='messages: first message must use the "user" role')
    for before, after in pairwise(roles):
        if before == after:
            yield Objection(
                message='messages: roles must alternate between "user" and "assistant", but found multiple '
                f'"{after}" roles in a row'
            )


def _blocks(turn: JsonObject) -> list[JsonObject]:
    content = turn.get("content")
    return [{"type": "text", "text": content}] if isinstance(content, str) else objects(content)


def _content(turn: JsonObject, place: str, model: str) -> Iterator[Objection]:
    blocks = _blocks(turn)
    if not blocks:
        yield Objection(message=f"{place}: all messages must have non-empty content")
    for number, block in enumerate(blocks):
        where = f"{place}.content.{number}"
        match block.get("type"):
            case "text" if not str(block.get("text", "")).strip():
                yield Objection(message="messages: text content blocks must contain non-whitespace text")
            case "tool_use":
                yield from _tool_use(block, where)
            case "image":
                yield from _image(object_in(block, "source"), where)
            case "thinking" if not is_sealed_by(block.get("signature"), model, str(block.get("thinking"))):
                yield Objection(message=f"{where}: Invalid `signature` in `thinking` block")
    if turn.get("role") == "assistant" and blocks and str(blocks[-1].get("text", "")).endswith((" ", "\n")):
        yield Objection(message="messages: final assistant content cannot end with trailing whitespace")


def _tool_use(block: JsonObject, where: str) -> Iterator[Objection]:
    if not _ID.fullmatch(str(block.get("id", ""))):
        yield Objection(message=f"{where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
    if not _NAME.fullmatch(str(block.get("name", ""))):
        yield Objection(
            message=f"{where}.tool_use.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
        )
    if not isinstance(block.get("input"), dict):
        yield Objection(message=f"{where}.tool_use.input: Input should be a valid dictionary")


def _image(source: JsonObject, where: str) -> Iterator[Objection]:
    if source.get("type") == "base64" and source.get("media_type") not in _MEDIA_TYPES:
        expected = ", ".join(f"'{name}'" for name in _MEDIA_TYPES)
        yield Objection(message=f"{where}.image.source.base64.media_type: Input should be {expected}")


def _results(turns: list[JsonObject]) -> Iterator[Objection]:
    """All results of a turn's calls stand at the beginning of the next turn, and no others."""
    called: list[Json] = []
    for index, turn in enumerate(turns):
        blocks = _blocks(turn)
        kinds = [block.get("type") for block in blocks]
        returned = [block.get("tool_use_id") for block in blocks if block.get("type") == "tool_result"]
        missing = [str(call) for call in called if call not in returned]
        if missing:
            yield Objection(
                message=f"messages.{index - 1}: `tool_use` ids were found without `tool_result` blocks immediately "
                f"after: {', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` block in "
                "the next message."
            )
        for result in returned:
            if result not in called:
                yield Objection(
                    message=f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks: {result}."
                )
        if "tool_result" in kinds[len(returned) :]:
            yield Objection(message=f"messages.{index}: `tool_result` blocks must come before other content")
        called = [block.get("id") for block in blocks if block.get("type") == "tool_use"]
    if called:
        yield Objection(
            message=f"messages.{len(turns) - 1}: `tool_use` ids were found without `tool_result` blocks "
            "immediately after"
        )


def _thinking(body: JsonObject, turns: list[JsonObject], asked: Asked) -> Iterator[Objection]:
    thinking = object_in(body, "thinking")
    mode = asked.known.thinking
    if thinking.get("type") == "enabled":
        if mode != "budget":
            yield Objection(message='"thinking.type.enabled" is not supported for this model.')
        budget, limit = thinking.get("budget_tokens"), body.get("max_tokens")
        if not isinstance(budget, int) or budget < LEAST_BUDGET:
            yield Objection(
                message=f"thinking.enabled.budget_tokens: Input should be greater than or equal to {LEAST_BUDGET}"
            )
        elif isinstance(limit, int) and budget >= limit:
            yield Objection(message="`max_tokens` must be greater than `thinking.budget_tokens`.")
    if thinking.get("type") == "adaptive" and mode != "adaptive":
        yield Objection(message="adaptive thinking is not supported on this model")
    if thinking.get("type") not in ("enabled", "adaptive"):
        return
    if object_in(body, "tool_choice").get("type") in ("any", "tool"):
        yield Objection(message="Thinking may not be enabled when tool_choice forces tool use.")
    if body.get("temperature") not in (None, 1) or "top_k" in body:
        yield Objection(message="`temperature` may only be set to 1 when thinking is enabled.")
    yield from _begins_with_thought(thinking, turns)


def _begins_with_thought(thinking: JsonObject, turns: list[JsonObject]) -> Iterator[Objection]:
    """With a fixed budget, a turn whose calls are being answered still has the thought it began with."""
    if thinking.get("type") != "enabled" or len(turns) < 2:
        return
    blocks = _blocks(turns[-2])
    answering = any(block.get("type") == "tool_result" for block in _blocks(turns[-1]))
    if answering and blocks and blocks[0].get("type") not in THOUGHTS:
        yield Objection(
            message=f"messages.{len(turns) - 2}.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
            f"`{blocks[0].get('type')}`. When `thinking` is enabled, a final `assistant` message must start with a "
            "thinking block."
        )


def _tools(body: JsonObject) -> Iterator[Objection]:
    tools = objects(body.get("tools"))
    for index, tool in enumerate(tools):
        if tool.get("type", "custom") != "custom":
            continue
        if not _NAME.fullmatch(str(tool.get("name", ""))):
            yield Objection(
                message=f"tools.{index}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
            )
        if object_in(tool, "input_schema").get("type") != "object":
            yield Objection(message=f"tools.{index}.custom.input_schema.type: Field required")
    if body.get("tool_choice") is not None and not tools:
        yield Objection(message="tool_choice: may only be specified while providing tools")


def _schema(schema: Json, place: str = "output_config.format.schema") -> Iterator[Objection]:
    """Structured output takes objects that are closed, and no bounds."""
    if isinstance(schema, list):
        for item in schema:
            yield from _schema(item, place)
    if not isinstance(schema, dict):
        return
    if "properties" in schema and schema.get("additionalProperties") is not False:
        yield Objection(
            message=f"{place}: For 'object' type, 'additionalProperties' must be explicitly set to false"
        )
    for keyword in _REFUSED_KEYWORDS:
        if keyword in schema and not isinstance(schema[keyword], dict):
            yield Objection(message=f"{place}: property '{keyword}' is not supported")
    for inner in object_in(schema, "properties").values():
        yield from _schema(inner, place)
    for key in ("items", "anyOf"):
        yield from _schema(schema.get(key), place)
