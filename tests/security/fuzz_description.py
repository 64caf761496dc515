"""Our routes as OpenAPI, for `scripts/fuzz_api.py`: made from the table of routes, with bodies roughly described.

The formats are their makers' own, and `docs/api.md` says what of them is understood. So this is for fuzzing alone and
served to nobody: a description that tools trust would have to be exact.
"""

from typing import get_args

from tiercel.domain.facts import Risk, Task
from tiercel.domain.json import Json, JsonObject
from tiercel.gateway.routes import NAMED_ROUTES, PUBLIC, ROUTES

STRING: JsonObject = {"type": "string"}
NUMBER: JsonObject = {"type": "number", "minimum": 0, "maximum": 1}
FLAG: JsonObject = {"type": "boolean"}
ANYTHING: JsonObject = {}


def array(items: JsonObject, **more: Json) -> JsonObject:
    return {"type": "array", "items": items, **more}


def thing(required: tuple[str, ...] = (), **properties: JsonObject) -> JsonObject:
    """An object that may have more than these."""
    return {"type": "object", "required": list(required), "properties": dict(properties)}


def one_of(*choices: JsonObject) -> JsonObject:
    return {"anyOf": list(choices)}


def word(*words: str) -> JsonObject:
    return {"enum": list(words)}


MODEL = word("auto", "fast", "little", "auto:any")
TOKENS: JsonObject = {"type": "integer", "minimum": 1, "maximum": 100_000}
PART = thing(
    ("type",), type=word("text", "image_url", "input_audio", "file"), text=STRING, image_url=ANYTHING
)
CALL = thing(
    ("id",),
    id=STRING,
    type=word("function"),
    function=thing(("name", "arguments"), name=STRING, arguments=STRING),
)
MESSAGE = thing(
    ("role",),
    role=word("system", "developer", "user", "assistant", "tool"),
    content=one_of(STRING, array(PART)),
    tool_calls=array(CALL),
    tool_call_id=STRING,
    name=STRING,
)
TOOL = thing(
    ("type", "function"),
    type=word("function"),
    function=thing(("name",), name=STRING, parameters=ANYTHING),
)
CHAT = thing(
    ("model", "messages"),
    model=MODEL,
    messages=array(MESSAGE, minItems=1),
    stream=FLAG,
    n={"type": "integer", "minimum": 1, "maximum": 8},
    max_tokens=TOKENS,
    temperature=NUMBER,
    stop=one_of(STRING, array(STRING)),
    tools=array(TOOL),
    tool_choice=ANYTHING,
    response_format=thing(
        ("type",), type=word("text", "json_object", "json_schema"), json_schema=thing(schema=ANYTHING)
    ),
    metadata={"type": "object", "additionalProperties": STRING},
)
BLOCK = thing(
    ("type",),
    type=word("text", "image", "tool_use", "tool_result", "thinking", "document"),
    text=STRING,
    id=STRING,
    name=STRING,
    input=thing(),
    tool_use_id=STRING,
    content=one_of(STRING, array(ANYTHING)),
    thinking=STRING,
    signature=STRING,
)
ANTHROPIC_MESSAGE = thing(
    ("role", "content"), role=word("user", "assistant"), content=one_of(STRING, array(BLOCK))
)
CREATE_MESSAGE = thing(
    ("model", "messages", "max_tokens"),
    model=MODEL,
    messages=array(ANTHROPIC_MESSAGE, minItems=1),
    max_tokens=TOKENS,
    stream=FLAG,
    system=one_of(STRING, array(BLOCK)),
    tools=array(thing(("name",), name=STRING, input_schema=ANYTHING)),
    thinking=thing(("type",), type=word("enabled", "disabled"), budget_tokens=TOKENS),
)
ITEM = thing(
    type=word("message", "function_call", "function_call_output", "reasoning", "item_reference"),
    role=word("user", "assistant", "system", "developer"),
    content=one_of(STRING, array(thing(("type",), type=word("input_text", "output_text"), text=STRING))),
    call_id=STRING,
    name=STRING,
    arguments=STRING,
    output=STRING,
    id=STRING,
)
CREATE_RESPONSE = thing(
    ("model", "input"),
    model=MODEL,
    input=one_of(STRING, array(ITEM)),
    instructions=STRING,
    stream=FLAG,
    max_output_tokens=TOKENS,
    tools=array(thing(("type",), type=word("function", "custom"), name=STRING, parameters=ANYTHING)),
    text=thing(format=thing(("type",), type=word("text", "json_object", "json_schema"), schema=ANYTHING)),
    reasoning=thing(effort=word("low", "medium", "high")),
)
GEMINI_PART = thing(
    text=STRING,
    inlineData=thing(mimeType=STRING, data=STRING),
    functionCall=thing(("name",), name=STRING, args=thing()),
    functionResponse=thing(("name",), name=STRING, response=thing()),
    thought=FLAG,
)
GENERATE_CONTENT = thing(
    ("contents",),
    contents=array(thing(role=word("user", "model"), parts=array(GEMINI_PART)), minItems=1),
    systemInstruction=thing(parts=array(GEMINI_PART)),
    generationConfig=thing(
        maxOutputTokens=TOKENS, temperature=NUMBER, responseSchema=ANYTHING, candidateCount=TOKENS
    ),
    tools=array(thing(functionDeclarations=array(thing(("name",), name=STRING, parameters=ANYTHING)))),
)
EMBED_CONTENT = thing(("content",), content=thing(parts=array(GEMINI_PART)), model=STRING)

BODIES: dict[str, JsonObject] = {
    "/v1/chat/completions": CHAT,
    "/v1/responses": CREATE_RESPONSE,
    "/v1/responses/input_tokens": CREATE_RESPONSE,
    "/v1/messages": CREATE_MESSAGE,
    "/v1/messages/count_tokens": CREATE_MESSAGE,
    "/v1/embeddings": thing(("model", "input"), model=MODEL, input=one_of(STRING, array(STRING))),
    "/v1/feedback": thing(
        ("record",), record=STRING, verdict=word("accepted", "rejected"), score=NUMBER, comment=STRING
    ),
}
VERBS: dict[str, JsonObject] = {
    "generateContent": GENERATE_CONTENT,
    "streamGenerateContent": GENERATE_CONTENT,
    "countTokens": GENERATE_CONTENT,
    "embedContent": EMBED_CONTENT,
    "batchEmbedContents": thing(("requests",), requests=array(EMBED_CONTENT)),
}
HINTS: dict[str, JsonObject] = {
    "task": word(*get_args(Task)),
    "risk": word(*get_args(Risk)),
    "session": {"type": "string", "pattern": "^[a-z0-9]{1,40}$"},
}


def description() -> JsonObject:
    """All that is served, as OpenAPI. Raises `KeyError` for a route whose body nobody has described."""
    paths: dict[str, Json] = {}
    for path, methods in ROUTES.items():
        paths[path] = {method.lower(): operation(BODIES.get(path)) for method in methods}
        assert "POST" not in methods or path in BODIES, f"{path}: its body is not described here"
    for path, named in NAMED_ROUTES.items():
        paths[path + "{name}"] = {method.lower(): operation(None, "name") for method in named}
    for path, public in PUBLIC.items():
        paths[path] = {method.lower(): {**operation(None), "security": []} for method in public}
    for verb, body in VERBS.items():
        paths["/v1beta/models/{model}:" + verb] = {"post": operation(body, "model")}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tiercel", "version": "0"},
        "paths": paths,
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "security": [{"key": []}],
    }


def operation(body: JsonObject | None, name: str | None = None) -> JsonObject:
    """One method of a path; `name` is the part of the path that varies."""
    parameters: list[Json] = []
    if name is not None:
        varies = one_of(word("auto", "little", "fast"), {"type": "string", "minLength": 1})
        parameters.append({"name": name, "in": "path", "required": True, "schema": varies})
    described: dict[str, Json] = {"responses": {"default": {"description": "whatever it is"}}}
    if body is not None:
        parameters += [
            {"name": f"x-tiercel-{hint}", "in": "header", "required": False, "schema": schema}
            for hint, schema in HINTS.items()
        ]
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return {**described, "parameters": parameters}
