"""What the lab refuses, as the real provider would: each rule with a body that breaks it and a word of the answer."""

from typing import Any

import msgspec
import pytest

from tiercel.domain.request import Format
from tiercel.testing.lab.seals import is_sealed_by, make_seal, read_seal
from tiercel.testing.lab.strict import objection

USER: Any = {"role": "user", "content": "Hello"}
VERSION = {"anthropic-version": "2023-06-01"}
LOOSE = {
    "type": "object",
    "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
    "required": ["a"],
}
CLOSED = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}


def says(format: Format, body: Any, *, provider: str = "openai", model: str = "gemini-3.5-flash") -> str:
    found = objection(format, body, provider, model, VERSION)
    return "" if found is None else found.message


def chat_call(call_id: str = "c1", name: str = "look", **more: Any) -> Any:
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}, **more}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def chat(*messages: Any, **more: Any) -> Any:
    return {"model": "m", "messages": [USER, *messages], **more}


RESULT = {"role": "tool", "tool_call_id": "c1", "content": "so"}


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (chat(chat_call(), RESULT), ""),
        (chat(RESULT), "must be a response to a preceding"),
        (chat(chat_call()), "did not have response messages: c1"),
        (chat(chat_call(), USER), "did not have response messages: c1"),
        (chat(chat_call("c" * 65), {**RESULT, "tool_call_id": "c" * 65}), "string too long"),
        (chat(chat_call(name="a.b"), RESULT), "does not match pattern"),
        (chat({"role": "assistant", "content": None}), "got null"),
        (chat(tools=[{"type": "function", "function": {"name": "a b"}}]), "does not match pattern"),
        (
            chat(
                tools=[{"type": "function", "function": {"name": "a", "strict": True, "parameters": LOOSE}}]
            ),
            "strict",
        ),
        (chat(tools=[{"type": "function", "function": {"name": "a"}}] * 2), "unique"),
        (chat(tool_choice="auto"), "only allowed when 'tools'"),
        (chat(parallel_tool_calls=True), "only allowed when 'tools'"),
        (chat(top_k=4), "Unrecognized request argument supplied: top_k"),
        (chat(max_tokens=4, max_completion_tokens=4), "at the same time"),
        (chat(stream_options={}), "only allowed when 'stream'"),
        (chat(stop=list("abcde")), "array too long"),
        (chat(top_logprobs=2), "only allowed when 'logprobs'"),
        (chat(response_format={"type": "json_object"}), "the word 'json'"),
        (chat({"role": "user", "content": "as JSON"}, response_format={"type": "json_object"}), ""),
        (
            chat(response_format={"type": "json_schema", "json_schema": {"schema": CLOSED}}),
            "json_schema.name",
        ),
    ],
)
def test_openai_chat(body: Any, word: str) -> None:
    said = says("openai_chat", body)
    assert bool(said) == bool(word)
    assert word.replace("strict", "additionalProperties") in said


def test_compatible_servers_ignore_what_they_do_not_know() -> None:
    assert says("openai_chat", chat(top_k=4), provider="stepfun") == ""


def signed(signature: str | None) -> Any:
    extra: Any = {} if signature is None else {"extra_content": {"google": {"thought_signature": signature}}}
    return chat(chat_call(**extra), RESULT)


OWN = make_seal("gemini-3.5-flash", "look")
FOREIGN = make_seal("gemini-3.5-pro", "look")
SIGNATURES = [
    (None, "missing a thought_signature"),
    (OWN, ""),
    (FOREIGN, "not valid"),
    ("c2lnbmVk", "not valid"),
    ("skip_thought_signature_validator", ""),
]


@pytest.mark.parametrize(("signature", "word"), SIGNATURES)
def test_signatures_at_googles_compatible_endpoint(signature: str | None, word: str) -> None:
    said = says("openai_chat", signed(signature), provider="gemini")
    assert (bool(said), word in said) == (bool(word), True)


def gemini_calls(signature: str | None, *after: Any) -> Any:
    call: Any = {"functionCall": {"name": "look", "args": {}}}
    if signature is not None:
        call["thoughtSignature"] = signature
    plain = {"functionCall": {"name": "look", "args": {}}}
    result = {"functionResponse": {"name": "look", "response": {"result": "so"}}}
    return gemini(
        {"role": "user", "parts": [{"text": "Hello"}]},
        {"role": "model", "parts": [call, plain]},
        {"role": "user", "parts": [result, result]},
        *after,
    )


def gemini(*contents: Any, **more: Any) -> Any:
    return {"contents": list(contents or ({"role": "user", "parts": [{"text": "Hello"}]},)), **more}


@pytest.mark.parametrize(("signature", "word"), SIGNATURES)
def test_geminis_signatures(signature: str | None, word: str) -> None:
    said = says("gemini", gemini_calls(signature))
    assert (bool(said), word in said) == (bool(word), True)


def test_gemini_wants_no_signature_of_turns_that_are_over() -> None:
    later = ({"role": "model", "parts": [{"text": "So."}]}, {"role": "user", "parts": [{"text": "And now?"}]})
    assert says("gemini", gemini_calls(None, *later)) == ""


CALL: Any = {"functionCall": {"name": "look", "args": {}}, "thoughtSignature": OWN}
SAYS_SO: Any = {"functionResponse": {"name": "look", "response": {"result": "so"}}}
ASKED: Any = {"role": "user", "parts": [{"text": "Hello"}]}


def declared(**more: Any) -> Any:
    return gemini(tools=[{"functionDeclarations": [{"name": "look", **more}]}])


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (gemini(), ""),
        ({"contents": []}, "contents is not specified"),
        (gemini(ASKED, {"role": "assistant", "parts": [{"text": "x"}]}), "valid role"),
        (gemini({"role": "user", "parts": []}), "must not be empty"),
        (gemini({"role": "user", "parts": [{"thought": True}]}), "required oneof field"),
        (
            gemini(ASKED, {"role": "model", "parts": [CALL, CALL]}, {"role": "user", "parts": [SAYS_SO]}),
            "number of",
        ),
        (gemini(ASKED, {"role": "model", "parts": [CALL]}), "followed by function response"),
        (
            gemini({"role": "user", "parts": [{"fileData": {"fileUri": "https://x.org/a.png"}}]}),
            "Cannot fetch",
        ),
        (gemini(frequencyPenalty=1), 'Unknown name "frequencyPenalty"'),
        (gemini(generationConfig={"max_tokens": 1}), 'Unknown name "max_tokens"'),
        (
            gemini(generationConfig={"thinkingConfig": {"thinkingLevel": "LOW", "thinkingBudget": 1}}),
            "only set one",
        ),
        (gemini(generationConfig={"stopSequences": list("abcdef")}), "at most 5"),
        (
            gemini(generationConfig={"responseMimeType": "application/json", "responseSchema": CLOSED}),
            'Unknown name "additionalProperties"',
        ),
        (declared(parameters={"type": "object", "properties": {"a": {"const": 1}}}), 'Unknown name "const"'),
        (declared(parametersJsonSchema=CLOSED), ""),
        (declared(name="a b"), "Invalid function name"),
    ],
)
def test_gemini(body: Any, word: str) -> None:
    said = says("gemini", body)
    assert (bool(said), word in said) == (bool(word), True)


TOOL_USE: Any = {"type": "tool_use", "id": "t1", "name": "look", "input": {}}
TOOL_RESULT: Any = {"type": "tool_result", "tool_use_id": "t1", "content": "so"}
TEXT: Any = {"type": "text", "text": "Hello"}


def claude(*turns: list[Any], **more: Any) -> Any:
    roles = ("user", "assistant") * len(turns)
    messages = [
        {"role": role, "content": turn} for role, turn in zip(roles, turns or ([TEXT],), strict=False)
    ]
    return {"model": "m", "max_tokens": 4_000, "messages": messages, **more}


def thought(model: str, text: str = "hm") -> Any:
    return {"type": "thinking", "thinking": text, "signature": make_seal(model, "hm")}


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (claude([TEXT], [TOOL_USE], [TOOL_RESULT, TEXT]), ""),
        ({"messages": [USER]}, "max_tokens: Field required"),
        (claude(frequency_penalty=1), "Extra inputs are not permitted"),
        (claude(temperature=0.5), "`temperature` is not supported"),
        ({**claude(), "messages": [{"role": "assistant", "content": "x"}]}, "first message must use"),
        ({**claude(), "messages": [USER, USER]}, "roles must alternate"),
        (claude([]), "non-empty content"),
        (claude([{"type": "text", "text": " "}]), "non-whitespace"),
        (claude([TEXT], [{"type": "text", "text": "so "}], [TEXT]), "trailing whitespace"),
        (claude([TEXT], [TOOL_USE], [TEXT]), "without `tool_result` blocks immediately"),
        (claude([TEXT], [TOOL_USE]), "without `tool_result` blocks immediately"),
        (claude([TOOL_RESULT]), "unexpected `tool_use_id`"),
        (claude([TEXT], [TOOL_USE], [TEXT, TOOL_RESULT]), "must come before other content"),
        (claude([TEXT], [{**TOOL_USE, "id": "t.1"}], [{**TOOL_RESULT, "tool_use_id": "t.1"}]), "tool_use.id"),
        (claude([TEXT], [thought("claude-opus-4-8"), TEXT], [TEXT]), ""),
        (claude([TEXT], [thought("claude-haiku-4-5"), TEXT], [TEXT]), "Invalid `signature`"),
        (claude([TEXT], [thought("claude-opus-4-8", "changed"), TEXT], [TEXT]), "Invalid `signature`"),
        (claude(thinking={"type": "enabled", "budget_tokens": 2_000}), "not supported for this model"),
        (
            claude(thinking={"type": "adaptive"}, tools=[{"name": "a"}], tool_choice={"type": "any"}),
            "forces tool use",
        ),
        (claude(tools=[{"name": "a.b", "input_schema": {"type": "object"}}]), "should match pattern"),
        (claude(output_config={"format": {"type": "json_schema", "schema": LOOSE}}), "additionalProperties"),
        (claude([{"type": "image", "source": {"type": "base64", "media_type": "image/bmp"}}]), "media_type"),
    ],
)
def test_anthropic(body: Any, word: str) -> None:
    said = says("anthropic", body, provider="anthropic", model="claude-opus-4-8")
    assert (bool(said), word in said) == (bool(word), True)


def test_anthropic_wants_the_thought_a_turn_with_calls_began_with() -> None:
    thinking = {"type": "enabled", "budget_tokens": 2_000}
    body = claude([TEXT], [TOOL_USE], [TOOL_RESULT], thinking=thinking)
    assert "Expected `thinking`" in says("anthropic", body, model="claude-haiku-4-5")


def test_anthropic_wants_its_version_named() -> None:
    found = objection("anthropic", claude(), "anthropic", "claude-opus-4-8", {})
    assert found is not None
    assert "anthropic-version" in found.message


def reasoning(model: str = "gemini-3.5-flash") -> Any:
    return {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": make_seal(model, "")}


FC: Any = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
FCO: Any = {"type": "function_call_output", "call_id": "c1", "output": "so"}


def responses(*items: Any, **more: Any) -> Any:
    return {"model": "m", "input": [USER, *items], **more}


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (responses(reasoning(), FC, FCO), ""),
        (responses(reasoning()), "without its required following item"),
        (responses(reasoning(), USER), "without its required following item"),
        (responses(reasoning("gemini-3.5-pro"), FC, FCO), "could not be verified"),
        (
            responses({"type": "reasoning", "id": "rs_1", "summary": []}, FC, FCO, store=False),
            "not persisted",
        ),
        (responses(FCO), "No tool call found"),
        (responses(FC), "No tool output found"),
        (responses({**FC, "id": "call_1"}, FCO), "begins with 'fc'"),
        (responses({"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}), "'output_text'"),
        (responses(tools=[{"type": "function", "function": {"name": "a"}}]), "tools[0].name"),
        (responses(messages=[]), "Unknown parameter: 'messages'"),
        (responses(max_output_tokens=4), "below minimum"),
        (responses(previous_response_id="resp_1"), "Previous response"),
        (responses(text={"format": {"type": "json_schema", "schema": CLOSED}}), "text.format.name"),
        (responses(text={"format": {"type": "json_object"}}), "the word 'json'"),
    ],
)
def test_openai_responses(body: Any, word: str) -> None:
    said = says("openai_responses", body)
    assert (bool(said), word in said) == (bool(word), True)


@pytest.mark.parametrize(
    ("message", "word"),
    [
        (USER, ""),
        ({"role": "developer", "content": "x"}, "invalid role"),
        ({"role": "user", "content": [{"type": "text"}]}, "cannot unmarshal"),
        ({"role": "user", "content": "", "images": ["https://x.org/a.png"]}, "illegal base64"),
        (
            {"role": "assistant", "content": "", "tool_calls": [{"function": {"arguments": "{}"}}]},
            "cannot unmarshal",
        ),
    ],
)
def test_ollama(message: Any, word: str) -> None:
    said = says("ollama", {"messages": [message]})
    assert (bool(said), word in said) == (bool(word), True)


FIELDS = (
    "messages",
    "input",
    "contents",
    "tools",
    "thinking",
    "output_config",
    "text",
    "generationConfig",
    "stop",
    "tool_choice",
)
JSON_BITS: list[Any] = [None, 1, "x", [], {}, [None], [{}], {"type": 1}, [{"type": []}], {"parts": 1}]


@pytest.mark.parametrize("format", ["openai_chat", "openai_responses", "anthropic", "gemini", "ollama"])
def test_no_shape_of_body_is_more_than_refused(format: Format) -> None:
    """Every field a rule looks at, with every kind of JSON in it."""
    for name in FIELDS:
        for bit in JSON_BITS:
            body = msgspec.json.decode(msgspec.json.encode({name: bit}))
            objection(format, body, "gemini", "claude-opus-4-8", VERSION)


def test_a_seal_says_who_made_it_and_of_what() -> None:
    seal = make_seal("one", "text")
    assert is_sealed_by(seal, "one", "text")
    assert not is_sealed_by(seal, "one", "other")
    assert not is_sealed_by(seal, "two", "text")


@pytest.mark.parametrize("text", ["", "c2lnbmVk", "not base64!", "é", None, 4])
def test_what_the_lab_did_not_make_is_no_seal(text: object) -> None:
    assert read_seal(text) is None
