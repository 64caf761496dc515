"""What Google's generateContent refuses. Pure."""

import re
from collections.abc import Iterator

from tiercel.domain.json import Json, JsonObject
from tiercel.testing.lab.strict.asked import Asked, Objection, names_in, object_in, objects
from tiercel.testing.lab.strict.openai_chat import unsigned

MOST_STOPS = 5
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
_TOP = names_in(
    "contents systemInstruction tools toolConfig generationConfig safetySettings cachedContent labels model "
    "serviceTier store"
)
_CONFIG = names_in(
    "temperature topP topK candidateCount maxOutputTokens stopSequences responseMimeType responseSchema "
    "responseJsonSchema responseFormat presencePenalty frequencyPenalty seed responseLogprobs logprobs "
    "thinkingConfig mediaResolution responseModalities speechConfig imageConfig enableEnhancedCivicAnswers"
)
_PART = names_in(
    "text thought thoughtSignature inlineData fileData functionCall functionResponse executableCode "
    "codeExecutionResult toolCall toolResponse videoMetadata mediaResolution partMetadata"
)
_NO_OPEN_SCHEMA = ("$ref", "$schema", "$defs", "const", "oneOf", "additionalProperties", "exclusiveMinimum")
_FETCHED = (
    "gs://",
    "https://generativelanguage.googleapis.com/",
    "https://www.youtube.com/",
    "https://youtu.be/",
)


def objections(body: JsonObject, asked: Asked) -> Iterator[Objection]:
    """What is wrong with a body, the most telling first."""
    config = object_in(body, "generationConfig")
    yield from _unknown(body, _TOP, "")
    yield from _unknown(config, _CONFIG, " at 'generation_config'")
    contents = objects(body.get("contents"))
    if not contents:
        yield Objection(message="* GenerateContentRequest.contents: contents is not specified")
    for index, content in enumerate(contents):
        yield from _content(content, index)
    yield from _turns(contents)
    yield from _signatures(contents, asked.model)
    yield from _config(config)
    yield from _tools(body)


def _unknown(source: JsonObject, known: frozenset[str], place: str) -> Iterator[Objection]:
    for name in source:
        if name not in known and _camel(name) not in known:
            yield Objection(
                message=f'Invalid JSON payload received. Unknown name "{name}"{place}: Cannot find field.'
            )


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _content(content: JsonObject, index: int) -> Iterator[Objection]:
    if content.get("role", "user") not in ("user", "model", "function"):
        yield Objection(message="Please use a valid role: user, model.")
    parts = objects(content.get("parts"))
    if not parts:
        yield Objection(
            message=f"* GenerateContentRequest.contents[{index}].parts: contents.parts must not be empty."
        )
    for number, part in enumerate(parts):
        place = f"contents[{index}].parts[{number}]"
        yield from _unknown(part, _PART, f" at '{place}'")
        if not part.keys() & (_PART - {"thought", "thoughtSignature", "partMetadata", "mediaResolution"}):
            yield Objection(
                message=f"* GenerateContentRequest.{place}.data: required oneof field 'data' must have one "
                "initialized field"
            )
        response = object_in(part, "functionResponse")
        if response and not isinstance(response.get("response"), dict):
            yield Objection(message=f"Invalid value at '{place}.function_response.response' (Struct)")
        linked = object_in(part, "fileData")
        address = linked.get("fileUri")
        fetched = (*_FETCHED, "https://") if linked.get("mimeType") else _FETCHED
        if isinstance(address, str) and not address.startswith(fetched):
            yield Objection(message=f"Cannot fetch content from the provided URL. ({place})")


def _having(content: JsonObject, key: str) -> list[JsonObject]:
    return [part for part in objects(content.get("parts")) if key in part]


def _turns(contents: list[JsonObject]) -> Iterator[Objection]:
    """Calls follow somebody's turn, and their results follow them at once, as many as there were calls."""
    before: JsonObject = {}
    for content in contents:
        calls = len(_having(before, "functionCall"))
        results = len(_having(content, "functionResponse"))
        if calls != results:
            yield Objection(
                message="Please ensure that the number of function response parts is equal to the number of function "
                "call parts of the function call turn."
            )
        if _having(content, "functionCall") and before.get("role", "user") == "model":
            yield Objection(
                message="Please ensure that function call turn comes immediately after a user turn or after a function "
                "response turn."
            )
        before = content
    if _having(before, "functionCall"):
        yield Objection(
            message="Please ensure that function call turns are followed by function response turns."
        )


def _signatures(contents: list[JsonObject], model: str) -> Iterator[Objection]:
    """Since the user last said something, each step's first call bears the signature its model gave it."""
    spoken = [index for index, content in enumerate(contents) if _is_spoken(content)]
    for content in contents[spoken[-1] if spoken else 0 :]:
        calls = _having(content, "functionCall")
        if calls:
            name = str(object_in(calls[0], "functionCall").get("name"))
            yield from unsigned(calls[0].get("thoughtSignature"), model, name)


def _is_spoken(content: JsonObject) -> bool:
    return content.get("role", "user") == "user" and not _having(content, "functionResponse")


def _config(config: JsonObject) -> Iterator[Objection]:
    thinking = object_in(config, "thinkingConfig")
    named = {_camel(name) for name in thinking}
    if {"thinkingLevel", "thinkingBudget"} <= named:
        yield Objection(message="You can only set one of thinking budget and thinking level.")
    stops = config.get("stopSequences")
    if isinstance(stops, list) and len(stops) > MOST_STOPS:
        yield Objection(message=f"The number of stop sequences must be at most {MOST_STOPS}.")
    if config.get("responseMimeType") != "application/json" and config.keys() & {
        "responseSchema",
        "responseJsonSchema",
    }:
        yield Objection(
            message="Function calling or schema with response mime type 'text/plain' is unsupported"
        )
    yield from _open_schema(config.get("responseSchema"), "generation_config.response_schema")


def _tools(body: JsonObject) -> Iterator[Objection]:
    for number, tool in enumerate(objects(body.get("tools"))):
        for index, declared in enumerate(objects(tool.get("functionDeclarations"))):
            place = f"tools[{number}].function_declarations[{index}]"
            if not _NAME.fullmatch(str(declared.get("name", ""))):
                yield Objection(message=f"* GenerateContentRequest.{place}.name: Invalid function name.")
            if "parameters" in declared and "parametersJsonSchema" in declared:
                yield Objection(
                    message=f"{place}: only one of parameters and parameters_json_schema may be set"
                )
            yield from _open_schema(declared.get("parameters"), f"{place}.parameters")
    calling = object_in(object_in(body, "toolConfig"), "functionCallingConfig")
    if calling.get("allowedFunctionNames") and calling.get("mode") not in ("ANY", "VALIDATED"):
        yield Objection(
            message="Allowed function names should be set only when function calling mode is ANY."
        )


def _open_schema(schema: Json, place: str) -> Iterator[Objection]:
    """The older schema fields know a part of OpenAPI's words only."""
    if isinstance(schema, list):
        for item in schema:
            yield from _open_schema(item, place)
    if not isinstance(schema, dict):
        return
    for keyword in _NO_OPEN_SCHEMA:
        if keyword in schema:
            yield Objection(
                message=f"Invalid JSON payload received. Unknown name \"{keyword}\" at '{place}': Cannot find field."
            )
    for inner in object_in(schema, "properties").values():
        yield from _open_schema(inner, place)
    for key in ("items", "anyOf"):
        yield from _open_schema(schema.get(key), place)
