"""What OpenAI's Responses refuses. Pure."""

from collections.abc import Iterator

from tiercel.domain.json import Json, JsonObject
from tiercel.testing.lab.seals import is_sealed_by
from tiercel.testing.lab.strict.asked import (
    TOOL_NAME,
    Asked,
    Objection,
    names_in,
    object_in,
    objects,
    unknown,
)
from tiercel.testing.lab.strict.openai_chat import LONGEST_ID, says_json, strict_schema

LEAST_OUTPUT = 16
_KNOWN = names_in(
    "model input instructions include max_output_tokens max_tool_calls metadata parallel_tool_calls "
    "previous_response_id conversation prompt prompt_cache_key prompt_cache_options prompt_cache_retention "
    "reasoning safety_identifier service_tier store stream stream_options temperature top_p top_logprobs text "
    "tool_choice tools truncation background context_management moderation user"
)
_CALLS = {"function_call": "fc", "custom_tool_call": "ctc"}
_RESULTS = {"function_call_output": "function call", "custom_tool_call_output": "custom tool call"}
_BEGINNINGS = {**_CALLS, "message": "msg", "reasoning": "rs"}
_SAID = ("output_text", "refusal")


def objections(body: JsonObject, asked: Asked) -> Iterator[Objection]:
    """What is wrong with a body, the most telling first."""
    for name in unknown(body, _KNOWN):
        yield Objection(message=f"Unknown parameter: '{name}'.", code="unknown_parameter")
    if body.get("previous_response_id") is not None:
        yield Objection(
            message=f"Previous response with id '{body['previous_response_id']}' not found.",
            code="previous_response_not_found",
        )
    items = objects(body.get("input"))
    for index, item in enumerate(items):
        yield from _item(item, f"input[{index}]")
        if item.get("type") == "reasoning":
            yield from _reasoning(item, items[index + 1 :], f"input[{index}]", asked.model)
            if item.get("encrypted_content") is None and body.get("store") is False:
                yield Objection(
                    message=f"Item with id '{item.get('id')}' not found. Items are not persisted when `store` is set "
                    "to false."
                )
    yield from _answered(items)
    yield from _tools(body)
    least = body.get("max_output_tokens")
    if isinstance(least, int) and least < LEAST_OUTPUT:
        yield Objection(
            message=f"Invalid 'max_output_tokens': integer below minimum value. Expected a value >= {LEAST_OUTPUT}.",
            code="integer_below_min_value",
        )
    wanted = object_in(object_in(body, "text"), "format")
    if wanted.get("type") == "json_schema":
        if not TOOL_NAME.fullmatch(str(wanted.get("name", ""))):
            yield Objection(message="Missing required parameter: 'text.format.name'.")
        if wanted.get("strict"):
            yield from strict_schema(wanted.get("schema"), f"text.format '{wanted.get('name')}'")
    yield from says_json(wanted.get("type"), [body.get("instructions"), body.get("input")], "input")


def _item(item: JsonObject, place: str) -> Iterator[Objection]:
    kind = _kind(item)
    beginning = _BEGINNINGS.get(kind)
    given = item.get("id")
    if beginning and given is not None and not str(given).startswith(beginning):
        yield Objection(
            message=f"Invalid '{place}.id': '{given}'. Expected an ID that begins with '{beginning}'.",
            code="invalid_value",
        )
    if len(str(item.get("call_id", ""))) > LONGEST_ID:
        yield Objection(
            message=f"Invalid '{place}.call_id': string too long. Expected a string with maximum length {LONGEST_ID}.",
            code="string_above_max_length",
        )
    if kind == "message":
        yield from _content(item, place)


def _content(item: JsonObject, place: str) -> Iterator[Objection]:
    """The model's own words have other part types than everybody else's."""
    for number, part in enumerate(objects(item.get("content"))):
        kind = part.get("type")
        if (kind in _SAID) != (item.get("role") == "assistant"):
            expected = "'output_text' and 'refusal'" if item.get("role") == "assistant" else "'input_text', …"
            yield Objection(
                message=f"Invalid value: '{kind}'. Supported values are: {expected}. ({place}.content[{number}])",
                code="invalid_value",
            )


def _reasoning(item: JsonObject, later: list[JsonObject], place: str, model: str) -> Iterator[Objection]:
    """Reasoning comes back with what it led to, and only to the model that can read it."""
    name = item.get("id", place)
    followed = later and (_kind(later[0]) in (*_CALLS, "reasoning") or _is_said(later[0]))
    if not followed:
        yield Objection(
            message=f"Item '{name}' of type 'reasoning' was provided without its required following item."
        )
    sealed = item.get("encrypted_content")
    if sealed is not None and not is_sealed_by(sealed, model):
        yield Objection(
            message=f"The encrypted content for item {name} could not be verified.",
            code="invalid_encrypted_content",
        )


def _kind(item: JsonObject) -> str:
    return str(item.get("type", "message"))


def _is_said(item: JsonObject) -> bool:
    return _kind(item) == "message" and item.get("role") == "assistant"


def _answered(items: list[JsonObject]) -> Iterator[Objection]:
    """Every call has its result and every result its call."""
    called = [str(item.get("call_id")) for item in items if _kind(item) in _CALLS]
    returned = [(str(item.get("call_id")), _kind(item)) for item in items if _kind(item) in _RESULTS]
    for call_id, kind in returned:
        if call_id not in called:
            yield Objection(message=f"No tool call found for {_RESULTS[kind]} output with call_id {call_id}.")
    for call_id in called:
        if call_id not in dict(returned):
            yield Objection(message=f"No tool output found for function call {call_id}.")


def _tools(body: JsonObject) -> Iterator[Objection]:
    for index, tool in enumerate(objects(body.get("tools"))):
        if tool.get("type") not in ("function", "custom"):
            continue
        name: Json = tool.get("name")
        if name is None:
            yield Objection(
                message=f"Missing required parameter: 'tools[{index}].name'.",
                code="missing_required_parameter",
            )
        elif not TOOL_NAME.fullmatch(str(name)):
            yield Objection(
                message=f"Invalid 'tools[{index}].name': string does not match pattern.", code="invalid_value"
            )
        # strict is the default here, unlike in Chat Completions, where a schema allows it
        if tool.get("strict"):
            yield from strict_schema(tool.get("parameters"), f"function '{name}'")
