"""What OpenAI's Chat Completions refuses, and what Google's compatible endpoint does besides. Pure."""

from collections.abc import Iterator

import msgspec

from tiercel.domain.json import Json, JsonObject
from tiercel.testing.lab.seals import is_sealed_by
from tiercel.testing.lab.strict.asked import (
    TOOL_NAME,
    Asked,
    Objection,
    loose_places,
    names_in,
    object_in,
    objects,
    unknown,
)
from tiercel.wire.gemini.signature import SKIPS_VALIDATION

OWN_SERVERS = ("openai", "azure")
MOST_STOPS = 4
LONGEST_ID = 64
_SAID = ("content", "tool_calls", "refusal", "audio", "function_call")
_KNOWN = names_in(
    "messages model audio frequency_penalty presence_penalty logit_bias logprobs top_logprobs "
    "max_completion_tokens max_tokens metadata modalities moderation n parallel_tool_calls prediction "
    "prompt_cache_key prompt_cache_options prompt_cache_retention reasoning_effort response_format "
    "safety_identifier seed service_tier stop store stream stream_options temperature top_p tool_choice tools "
    "user verbosity web_search_options functions function_call"
)


def objections(body: JsonObject, asked: Asked) -> Iterator[Objection]:
    """What is wrong with a body, the most telling first."""
    yield from _conversation(objects(body.get("messages")))
    yield from _tools(body)
    if asked.provider in OWN_SERVERS:
        yield from _own(body)
    if asked.provider == "gemini":
        yield from _signatures(objects(body.get("messages")), asked.model)


def _conversation(messages: list[JsonObject]) -> Iterator[Objection]:
    """Calls are answered at once, each exactly by its result, and nothing else is."""
    waiting: list[str] = []
    for index, message in enumerate(messages):
        if message.get("role") == "tool":
            if message.get("tool_call_id") not in waiting:
                yield Objection(
                    message=f"Invalid parameter: messages[{index}] with role 'tool' must be a response to a preceding "
                    "message with 'tool_calls'."
                )
            else:
                waiting.remove(message["tool_call_id"])
            continue
        yield from _unanswered(waiting)
        calls = objects(message.get("tool_calls"))
        waiting = [str(call.get("id")) for call in calls]
        yield from _calls(calls, f"messages[{index}].tool_calls")
        if message.get("role") == "assistant" and not any(map(message.get, _SAID)):
            yield Objection(
                message=f"Invalid value for 'content': expected a string, got null. (messages[{index}])"
            )
    yield from _unanswered(waiting)


def _unanswered(waiting: list[str]) -> Iterator[Objection]:
    if waiting:
        yield Objection(
            message="An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(waiting)}"
        )


def _calls(calls: list[JsonObject], place: str) -> Iterator[Objection]:
    for index, call in enumerate(calls):
        if len(str(call.get("id"))) > LONGEST_ID:
            yield Objection(
                message=f"Invalid '{place}[{index}].id': string too long. Expected a string with maximum length "
                f"{LONGEST_ID}.",
                code="string_above_max_length",
            )
        name = object_in(call, str(call.get("type", "function"))).get("name")
        if not isinstance(name, str) or not TOOL_NAME.fullmatch(name):
            yield Objection(
                message=f"Invalid '{place}[{index}].function.name': string does not match pattern."
            )


def _tools(body: JsonObject) -> Iterator[Objection]:
    names: list[str] = []
    for index, tool in enumerate(objects(body.get("tools"))):
        if tool.get("type") not in ("function", "custom"):
            yield Objection(message=f"Invalid value: {tool.get('type')!r}. (tools[{index}].type)")
            continue
        definition = object_in(tool, tool["type"])
        name = definition.get("name")
        if not isinstance(name, str) or not TOOL_NAME.fullmatch(name):
            yield Objection(
                message=f"Invalid 'tools[{index}].function.name': string does not match pattern. Expected a string "
                "that matches the pattern '^[a-zA-Z0-9_-]+$'.",
                code="invalid_value",
            )
        names.append(str(name))
        if definition.get("strict"):
            yield from strict_schema(definition.get("parameters"), f"function '{name}'")
    if len(names) != len(set(names)):
        yield Objection(message="Invalid 'tools': names must be unique.")
    if body.get("tool_choice") not in (None, "none") and not names:
        yield Objection(message="'tool_choice' is only allowed when 'tools' are specified.")
    if body.get("parallel_tool_calls") is not None and not names:
        yield Objection(message="'parallel_tool_calls' is only allowed when 'tools' are specified.")


def strict_schema(schema: Json, what: str) -> Iterator[Objection]:
    """What strict mode refuses in a schema."""
    for place in loose_places(schema):
        yield Objection(
            message=f"Invalid schema for {what}: In context={place}, 'additionalProperties' is required to be supplied "
            "and to be false, and 'required' to include every key in properties.",
            code="invalid_json_schema",
        )


def _own(body: JsonObject) -> Iterator[Objection]:
    """What only OpenAI's own servers refuse."""
    for name in unknown(body, _KNOWN):
        yield Objection(message=f"Unrecognized request argument supplied: {name}", code="unknown_parameter")
    if "max_tokens" in body and "max_completion_tokens" in body:
        yield Objection(
            message="Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        )
    if body.get("stream_options") is not None and not body.get("stream"):
        yield Objection(message="The 'stream_options' parameter is only allowed when 'stream' is enabled.")
    if isinstance(body.get("stop"), list) and len(body["stop"]) > MOST_STOPS:
        yield Objection(message=f"Invalid 'stop': array too long. Expected at most {MOST_STOPS}.")
    if body.get("top_logprobs") is not None and not body.get("logprobs"):
        yield Objection(message="'top_logprobs' is only allowed when 'logprobs' is enabled.")
    wanted = object_in(body, "response_format")
    schema = object_in(wanted, "json_schema")
    if schema.get("strict"):
        yield from strict_schema(schema.get("schema"), f"response_format '{schema.get('name')}'")
    if wanted.get("type") == "json_schema" and not TOOL_NAME.fullmatch(str(schema.get("name", ""))):
        yield Objection(message="Missing or invalid required parameter: 'response_format.json_schema.name'.")
    yield from says_json(wanted.get("type"), body.get("messages"), "messages")


def says_json(wanted: Json, content: Json, place: str) -> Iterator[Objection]:
    """OpenAI takes the JSON mode without a schema only where the prompt says the word."""
    if wanted == "json_object" and b"json" not in msgspec.json.encode(content).lower():
        yield Objection(
            message=f"'{place}' must contain the word 'json' in some form, to use 'response_format' of type "
            "'json_object'."
        )


def _signatures(messages: list[JsonObject], model: str) -> Iterator[Objection]:
    """Calls since the user last spoke bear the signature with which the model made them, the first of each turn."""
    spoken = [index for index, message in enumerate(messages) if message.get("role") == "user"]
    for index, message in enumerate(messages):
        calls = objects(message.get("tool_calls"))
        if not calls or index < (spoken[-1] if spoken else 0):
            continue
        signature = object_in(object_in(calls[0], "extra_content"), "google").get("thought_signature")
        yield from unsigned(signature, model, str(object_in(calls[0], "function").get("name")))


def unsigned(signature: Json, model: str, name: str) -> Iterator[Objection]:
    """What Google says of a call without its signature, or with another model's."""
    if signature is None:
        yield Objection(
            message="Function call is missing a thought_signature in functionCall parts. This is required for tools to "
            f"work correctly. Function call `default_api:{name}`."
        )
    elif signature != SKIPS_VALIDATION and not is_sealed_by(signature, model):
        yield Objection(message="Thought signature is not valid.")
