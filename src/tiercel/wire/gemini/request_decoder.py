"""A client's generateContent body as a `ModelRequest`: types checked, every field read or kept.

The model's name and whether the answer streams stand in the path: here they are empty and false. What is not read
keeps its place in its name: `generationConfig.speechConfig`, `toolConfig.retrievalConfig`.
"""

from tiercel.domain.errors import CallerError
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import ModelRequest, ResponseFormat, Sampling, Tool, ToolChoice
from tiercel.wire import fields
from tiercel.wire.gemini.client_schema import json_schema
from tiercel.wire.gemini.contents_decoder import read_contents, read_system
from tiercel.wire.gemini.signature import FORMAT
from tiercel.wire.gemini.spelling import camel
from tiercel.wire.gemini.thinking import read_thinking
from tiercel.wire.scan import parse_object

CONFIG = "generationConfig"
TOOL_CONFIG = "toolConfig"
CALLING = f"{TOOL_CONFIG}.functionCallingConfig"
_KNOWN = frozenset(("model", "contents", "systemInstruction", "tools", TOOL_CONFIG, CONFIG))
_READ_CONFIG = frozenset(
    (
        "temperature",
        "topP",
        "topK",
        "maxOutputTokens",
        "stopSequences",
        "candidateCount",
        "seed",
        "presencePenalty",
        "frequencyPenalty",
        "responseLogprobs",
        "logprobs",
        "thinkingConfig",
    )
)
_FORMAT_FIELDS = frozenset(("responseMimeType", "responseSchema", "responseJsonSchema"))
_DECLARATION = frozenset(("name", "description", "parameters", "parametersJsonSchema"))
_MODES = ("AUTO", "ANY", "NONE", "VALIDATED", "MODE_UNSPECIFIED")
_JSON = "application/json"


def decode_request(body: bytes) -> ModelRequest:
    """Raises `CallerError` naming the field."""
    source = camel(parse_object(body))
    # the path says which model: a body that names another cannot be sent on as it is
    return read_request(source, raw=None if "model" in source else body)


def read_request(source: JsonObject, raw: bytes | None) -> ModelRequest:
    """The same for a body that was read, its keys in camelCase. Raises `CallerError`."""
    config = camel(fields.optional_object(source, CONFIG, CONFIG) or {}, CONFIG)
    effort, thinking_extra = read_thinking(config)
    wanted, read_fields = _response_format(config)
    rest = fields.leftovers(config, _READ_CONFIG | read_fields)
    choice, choice_extra = _tool_choice(source)
    return ModelRequest(
        format=FORMAT,
        model="",
        messages=(*read_system(source.get("systemInstruction")), *read_contents(source)),
        raw=raw,
        tools=_tools(source),
        tool_choice=choice,
        response_format=wanted,
        max_output_tokens=fields.optional_integer(
            config, "maxOutputTokens", f"{CONFIG}.maxOutputTokens", least=1
        ),
        effort=effort,
        sampling=_sampling(config),
        n=fields.optional_integer(config, "candidateCount", f"{CONFIG}.candidateCount", least=1) or 1,
        include_usage=True,
        extra={
            **fields.leftovers(source, _KNOWN),
            **_placed(rest, CONFIG),
            **thinking_extra,
            **choice_extra,
        },
    )


def _placed(rest: JsonObject, place: str) -> JsonObject:
    return {f"{place}.{key}": value for key, value in rest.items()}


def _sampling(config: JsonObject) -> Sampling:
    stops = fields.optional_list(config, "stopSequences", f"{CONFIG}.stopSequences") or []
    for index, stop in enumerate(stops):
        if not isinstance(stop, str):
            fields.refuse(f"{CONFIG}.stopSequences[{index}]", "a string", stop)
    return Sampling(
        temperature=fields.optional_number(config, "temperature", f"{CONFIG}.temperature"),
        top_p=fields.optional_number(config, "topP", f"{CONFIG}.topP"),
        top_k=_top_k(config),
        frequency_penalty=fields.optional_number(config, "frequencyPenalty", f"{CONFIG}.frequencyPenalty"),
        presence_penalty=fields.optional_number(config, "presencePenalty", f"{CONFIG}.presencePenalty"),
        seed=fields.optional_integer(config, "seed", f"{CONFIG}.seed"),
        stop=tuple(stops),
        logprobs=fields.optional_flag(config, "responseLogprobs", f"{CONFIG}.responseLogprobs"),
        top_logprobs=fields.optional_integer(config, "logprobs", f"{CONFIG}.logprobs", least=0),
    )


def _top_k(config: JsonObject) -> int | None:
    """A count that Google's SDK sends as `40.0`."""
    value = fields.optional_number(config, "topK", f"{CONFIG}.topK")
    if isinstance(value, float) and not value.is_integer():
        fields.refuse(f"{CONFIG}.topK", "a whole number", value)
    return None if value is None else int(value)


def _response_format(config: JsonObject) -> tuple[ResponseFormat | None, frozenset[str]]:
    """The answer's shape, and the fields that say it; other types than JSON mean something only here."""
    mime_type = fields.optional_text(config, "responseMimeType", f"{CONFIG}.responseMimeType")
    if mime_type == "text/plain":
        return None, frozenset(("responseMimeType",))
    if mime_type not in (None, _JSON):
        return None, frozenset()
    schema = config.get("responseJsonSchema")
    if schema is None:
        opened = fields.optional_object(config, "responseSchema", f"{CONFIG}.responseSchema")
        schema = None if opened is None else json_schema(opened)
    if schema is None:
        wanted = ResponseFormat(kind="json_object") if mime_type == _JSON else None
        return wanted, _FORMAT_FIELDS
    if not isinstance(schema, dict | bool):
        fields.refuse(f"{CONFIG}.responseJsonSchema", "an object", schema)
    return ResponseFormat(kind="json_schema", schema=schema), _FORMAT_FIELDS


def _tools(source: JsonObject) -> tuple[Tool, ...]:
    tools: list[Tool] = []
    for index, item in enumerate(fields.optional_list(source, "tools", "tools") or ()):
        param = f"tools[{index}]"
        tool = camel(fields.as_object(item, param), param)
        listed = fields.optional_list(tool, "functionDeclarations", f"{param}.functionDeclarations") or []
        tools += [_declared(d, f"{param}.functionDeclarations[{i}]") for i, d in enumerate(listed)]
        tools += [
            Tool(name=key, source=FORMAT, raw={key: value})
            for key, value in tool.items()
            if key != "functionDeclarations" and value is not None
        ]
    return tuple(tools)


def _declared(item: Json, param: str) -> Tool:
    declaration = camel(fields.as_object(item, param), param)
    parameters = fields.optional_object(declaration, "parametersJsonSchema", f"{param}.parametersJsonSchema")
    if parameters is None:
        opened = fields.optional_object(declaration, "parameters", f"{param}.parameters")
        parameters = None if opened is None else json_schema(opened)
    return Tool(
        name=fields.text(declaration, "name", f"{param}.name"),
        description=fields.optional_text(declaration, "description", f"{param}.description") or "",
        parameters=parameters,
        extra=fields.leftovers(declaration, _DECLARATION),
    )


def _tool_choice(source: JsonObject) -> tuple[ToolChoice | None, JsonObject]:
    """What may be called, and what else the tools' settings say."""
    found = camel(fields.optional_object(source, TOOL_CONFIG, TOOL_CONFIG) or {}, TOOL_CONFIG)
    calling = camel(fields.optional_object(found, "functionCallingConfig", CALLING) or {}, CALLING)
    extra = {
        **_placed(fields.leftovers(found, frozenset(("functionCallingConfig",))), TOOL_CONFIG),
        **_placed(fields.leftovers(calling, frozenset(("mode", "allowedFunctionNames"))), CALLING),
    }
    mode = (fields.optional_text(calling, "mode", f"{CALLING}.mode") or "MODE_UNSPECIFIED").upper()
    if mode not in _MODES:
        raise CallerError(
            "unsupported_value",
            f"{CALLING}.mode: expected one of {', '.join(_MODES[:-1])}",
            param=f"{CALLING}.mode",
        )
    allowed = fields.optional_list(calling, "allowedFunctionNames", f"{CALLING}.allowedFunctionNames") or []
    for index, name in enumerate(allowed):
        if not isinstance(name, str):
            fields.refuse(f"{CALLING}.allowedFunctionNames[{index}]", "a string", name)
    if allowed and mode not in (
        "ANY",
        "VALIDATED",
    ):  # names mean nothing with other modes, and stay what they are
        extra[f"{CALLING}.allowedFunctionNames"] = allowed
    return _choice(mode, tuple(allowed)), extra


def _choice(mode: str, names: tuple[str, ...]) -> ToolChoice | None:
    match mode:
        case "NONE":
            return ToolChoice(mode="none")
        case "ANY" if len(names) == 1:
            return ToolChoice(mode="named", names=names)
        case "ANY" | "VALIDATED" if names:
            must = "required" if mode == "ANY" else "auto"
            return ToolChoice(mode="allowed", names=names, raw={"allowed_tools": {"mode": must}})
        case "ANY":
            return ToolChoice(mode="required")
        case "VALIDATED":
            return ToolChoice(mode="auto", raw={"mode": mode})
        case "AUTO":
            return ToolChoice(mode="auto")
        case _:
            return None
