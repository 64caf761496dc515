"""`json_schema` passes what is JSON and fits the client's schema, as it stands or after a named repair."""

import asyncio
import json
import socket
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.checks.build import JSON_OBJECT, PLAIN, asking_for, choice, measure, tool_call
from tiercel.checks.backslashes import shows_latex
from tiercel.checks.isolated import Isolated
from tiercel.checks.json_schema import JSONSchema
from tiercel.domain.errors import CheckError
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import ModelRequest, Refusal
from tiercel.domain.response import Choice

PERSON: JsonObject = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}, "note": {"type": "string"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
EXPONENTIAL: JsonObject = {
    "$defs": {
        "d0": {"const": 0},
        **{f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n - 1}"}] * 2} for n in range(1, 31)},
    },
    "$ref": "#/$defs/d30",
}
LONG_SECONDS = 30.0
"""Far more than a busy machine takes, and far less than either schema does."""
CATASTROPHIC: JsonObject = {"type": "string", "pattern": "(?=x)|^(?:a|aa|(?=b))+$"}


@pytest.mark.parametrize(
    ("request_", "answer", "score", "reason"),
    [
        (asking_for(PERSON), '{"name": "Ada", "age": 36}', 1, "valid"),
        (asking_for(PERSON), ' \n{"name": "Ada", "age": 36}\n', 1, "valid"),
        (asking_for(PERSON), '{"name": "Ada", "age": "36"}', 0, "$.age: type"),
        (asking_for(PERSON), '{"name": "Ada"}', 0, "$: required"),
        (asking_for(PERSON), '{"name": "Ada", "age": 36, "x": 1}', 0, "$: additionalProperties"),
        (
            asking_for(PERSON),
            '{"name": "Ada", "age": 36, "age": 37}',
            0,
            "not JSON: an object has the same key twice",
        ),
        (asking_for({"type": "number"}), "NaN", 0, "not JSON: NaN is not JSON"),
        (asking_for({"type": "number"}), "1e999", 0, "not JSON: a number out of range"),
        (asking_for({"type": "number"}), "9" * 5000, 0, "not JSON: a number out of range"),
        (asking_for({"type": "string"}), '"\\ud800"', 0, "not JSON: half of a surrogate pair"),
        (asking_for({"type": "string"}), '"\\ud83d\\ude00"', 1, "valid"),
        (asking_for(True), "[" * 100_000, 0, "not JSON: nested too deeply"),
        (asking_for({"items": {"type": "integer"}}), "[1, 2, null]", 0, "$[2]: type"),
        (asking_for(False), "{}", 0, "$: falseSchema"),
        (JSON_OBJECT, "{}", 1, "valid"),
        (JSON_OBJECT, "[]", 0, "$: type"),
        (JSON_OBJECT, "I cannot say", 0, "not JSON: expecting value"),
        (JSON_OBJECT, "", 0, "not JSON: expecting value"),
        (PLAIN, "no JSON at all", 1, "no JSON asked for"),
    ],
)
async def test_score_and_reason(
    isolated: Isolated, request_: ModelRequest, answer: str, score: float, reason: str
) -> None:
    verdict = await measure(JSONSchema(isolated), answer, request=request_)
    assert (verdict.score, verdict.reason, verdict.repaired) == (score, reason, None)


@pytest.mark.parametrize(
    ("answer", "repaired", "repairs"),
    [
        ('\ufeff{"a": 1}', '{"a": 1}', ("bom",)),
        ('```json\n{"a": 1}\n```', '{"a": 1}', ("fences",)),
        ('Here you are:\n\n```\n{"a": 1}\n```\nAnything else?', '{"a": 1}', ("fences",)),
        ('```json\n{"a": 1}', '{"a": 1}', ("fences",)),
        ('\ufeff```json\n{"a": 1}\n```', '{"a": 1}', ("bom", "fences")),
        ('{"a": "x\ny\tz\x01"}', '{"a": "x\\ny\\tz\\u0001"}', ("newlines",)),
        ('{"a": "x\\\ny"}', '{"a": "x\\ny"}', ("newlines",)),
        ('```\n{"a": "x\ny"}\n```', '{"a": "x\\ny"}', ("fences", "newlines")),
        ('Sure! {"a": "}"} Done.', '{"a": "}"}', ("prose",)),
        ('It says "so": {"a": "x\ny"}.', '{"a": "x\\ny"}', ("prose", "newlines")),
        ('Draft {"a": 1}, no: {"a": 2}', '{"a": 2}', ("prose",)),
        ('{"a": [1, 2, 3]} where {} is empty', '{"a": [1, 2, 3]}', ("prose",)),
        ('{ broken, then {"a": 1}', '{"a": 1}', ("prose",)),
        (r'{"a": "\alpha"}', r'{"a": "\\alpha"}', ("backslashes",)),
        (r'{"a": "it\'s"}', r"""{"a": "it's"}""", ("backslashes",)),
        (
            r'{"a": "\(x\) \"y\" \\z \u00e9 \u12"}',
            r'{"a": "\\(x\\) \"y\" \\z \u00e9 \\u12"}',
            ("backslashes",),
        ),
        (r'x {"a": "\d+\b"} y', r'{"a": "\\d+\\b"}', ("prose", "backslashes")),
        (r'{"a": "C:\Users\new"}', r'{"a": "C:\\Users\\new"}', ("backslashes",)),
    ],
)
async def test_each_repair_is_named_in_order(
    isolated: Isolated, answer: str, repaired: str, repairs: tuple[str, ...]
) -> None:
    verdict = await measure(JSONSchema(isolated), answer, request=JSON_OBJECT)
    assert (verdict.score, verdict.repaired, verdict.repairs) == (1, repaired, repairs)


@pytest.mark.parametrize(
    "command", ["frac", "theta", "nabla", "beta", "right", "times", "text", "neq", "forall"]
)
async def test_a_repair_keeps_latex_that_would_parse_as_control_characters(
    isolated: Isolated, command: str
) -> None:
    """Beside a stray backslash and within a fence alike, and the line break beside it stays one."""
    for answer in (
        f'{{"a": "\\alpha \\{command}{{x}}\\nThen"}}',
        f'```\n{{"a": "\\alpha \\{command}{{x}}\\nThen"}}\n```',
    ):
        verdict = await measure(JSONSchema(isolated), answer, request=JSON_OBJECT)
        assert json.loads(verdict.repaired or "")["a"] == f"\\alpha \\{command}{{x}}\nThen"
    verdict = await measure(
        JSONSchema(isolated), f'```\n{{"a": "\\{command}{{x}}\\nThen"}}\n```', request=JSON_OBJECT
    )
    assert json.loads(verdict.repaired or "")["a"] == f"\\{command}{{x}}\nThen"


async def test_what_is_valid_as_it_stands_is_not_touched_but_its_damage_is_named(isolated: Isolated) -> None:
    verdict = await measure(JSONSchema(isolated), r'{"a": "\frac{1}{2}"}', request=JSON_OBJECT)
    assert (verdict.repaired, verdict.score) == (None, 1)
    assert verdict.reason == "valid, but a LaTeX command may have been read as an escape"


async def test_a_null_for_an_optional_key_is_left_out(isolated: Isolated) -> None:
    answer = '{"name": "Zoë", "age": 36, "note": null}'
    verdict = await measure(JSONSchema(isolated), answer, request=asking_for(PERSON))
    assert (verdict.repaired, verdict.repairs) == ('{"name": "Zoë", "age": 36}', ("nulls",))


async def test_all_nulls_for_optional_keys_are_left_out_wherever_they_stand(isolated: Isolated) -> None:
    people = asking_for({"items": PERSON})
    answer = '[{"name": "A", "age": 1, "note": null}, {"note": null, "name": "B", "age": 2}]'
    verdict = await measure(JSONSchema(isolated), answer, request=people)
    assert json.loads(verdict.repaired or "") == [{"name": "A", "age": 1}, {"name": "B", "age": 2}]


async def test_a_null_for_a_required_key_is_an_error(isolated: Isolated) -> None:
    verdict = await measure(JSONSchema(isolated), '{"name": null, "age": 36}', request=asking_for(PERSON))
    assert (verdict.score, verdict.repaired) == (0, None)


async def test_a_null_that_the_schema_allows_stays(isolated: Isolated) -> None:
    request = asking_for({"properties": {"note": {"type": ["string", "null"]}}})
    verdict = await measure(JSONSchema(isolated), '{"note": null}', request=request)
    assert (verdict.score, verdict.repaired) == (1, None)


async def test_a_part_of_a_json_answer_is_not_taken_for_the_answer(isolated: Isolated) -> None:
    answer = '{"result": {"name": "Ada", "age": 36}}'
    verdict = await measure(JSONSchema(isolated), answer, request=asking_for(PERSON))
    assert (verdict.score, verdict.repaired) == (0, None)


@pytest.mark.parametrize(
    "answer",
    [
        '{"people": [{"name": "Ada", "age": 36}, {"name"',
        '```json\n[{"name": "Ada", "age": 36}, {"na',
        '{"a": {}',
    ],
)
@pytest.mark.parametrize("request_", [asking_for(PERSON), JSON_OBJECT])
async def test_a_part_of_an_answer_that_was_cut_is_not_taken_for_the_answer(
    isolated: Isolated, answer: str, request_: ModelRequest
) -> None:
    verdict = await measure(
        JSONSchema(isolated), choice(answer, finish="length"), request=request_, cut_by_client=True
    )
    assert (verdict.score, verdict.repaired) == (0, None)
    assert verdict.reason == "cut at the client's own cap, not JSON"


async def test_a_footnote_is_no_attempt_at_json(isolated: Isolated) -> None:
    verdict = await measure(JSONSchema(isolated), "As said before [1].", request=JSON_OBJECT)
    assert verdict.reason == "not JSON: expecting value"


async def test_a_repair_that_does_not_fit_the_schema_is_not_delivered(isolated: Isolated) -> None:
    verdict = await measure(
        JSONSchema(isolated), '```\n{"name": 1, "age": 1}\n```', request=asking_for(PERSON)
    )
    assert (verdict.score, verdict.repaired, verdict.reason) == (0, None, "$.name: type")


async def test_the_model_is_told_what_is_wrong_and_to_give_only_the_json(isolated: Isolated) -> None:
    verdict = await measure(
        JSONSchema(isolated), '{"name": "S3CRET", "age": "S3CRET"}', request=asking_for(PERSON)
    )
    assert verdict.message == (
        'The JSON does not fit its schema. At $.age: the value is not of type "integer". '
        "Answer again with the complete JSON only: no code fence and no text around it."
    )


@pytest.mark.parametrize(
    ("cut_by_client", "reason"),
    [(False, "cut at a length limit, not JSON"), (True, "cut at the client's own cap, not JSON")],
)
async def test_a_cut_answer_is_named_as_one(isolated: Isolated, cut_by_client: bool, reason: str) -> None:
    answer = choice('{"name": "A', finish="length")
    verdict = await measure(JSONSchema(isolated), answer, request=JSON_OBJECT, cut_by_client=cut_by_client)
    assert (verdict.score, verdict.reason) == (0, reason)


@pytest.mark.parametrize(
    "answer",
    [choice("", tool_call()), choice("Let me look.", tool_call()), choice("", Refusal(text="No."))],
)
async def test_tool_calls_and_refusals_need_not_be_json(isolated: Isolated, answer: Choice) -> None:
    verdict = await measure(JSONSchema(isolated), answer, request=JSON_OBJECT)
    assert verdict.score == 1


async def test_the_policy_may_bring_a_schema_of_its_own(isolated: Isolated) -> None:
    verdict = await measure(JSONSchema(isolated), "[]", {"schema": {"type": "object"}}, request=PLAIN)
    assert verdict.reason == "$: type"


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({"type": "object"}, None),
        ({"pattern": "^(?=a)"}, None),
        ({"type": "strin"}, "the schema cannot be used at $.type: the value is not valid"),
        ({"$ref": "#/$defs/none"}, "the schema cannot be used"),
        ({"$ref": "https://example.com/schema"}, "the schema cannot be used"),
        ({"pattern": "("}, "the schema cannot be used"),
        ({"description": "x" * 300_000}, "the schema has 300018 bytes, the limit is 262144"),
    ],
)
def test_a_policys_schema_is_examined_when_it_is_loaded(
    isolated: Isolated, schema: JsonObject, problem: str | None
) -> None:
    problems = JSONSchema(isolated).problems({"schema": schema})
    assert [found[: len(problem or "")] for found in problems] == ([problem] if problem else [])


@pytest.mark.parametrize(
    "schema", [{"type": "strin"}, {"$schema": "https://example.com/unknown"}, {"pattern": "("}]
)
async def test_a_clients_broken_schema_is_an_error_and_no_verdict(
    isolated: Isolated, schema: JsonObject
) -> None:
    with pytest.raises(CheckError, match="the schema cannot be used"):
        await measure(JSONSchema(isolated), "{}", request=asking_for(schema))


async def test_the_error_over_a_clients_schema_quotes_no_words_of_it(isolated: Isolated) -> None:
    with pytest.raises(CheckError, match=r"^the schema cannot be used at \$\.type$"):
        await measure(JSONSchema(isolated), "{}", request=asking_for({"type": "S3CRET"}))


@pytest.mark.parametrize("keyword", ["$ref", "$dynamicRef", "$schema"])
async def test_no_remote_reference_is_fetched(isolated: Isolated, keyword: str) -> None:
    """A schema that points at a listening socket brings nobody to its door."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        request = asking_for({keyword: f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"})
        with pytest.raises(CheckError, match="the schema cannot be used"):
            await measure(JSONSchema(isolated), "{}", request=request)
        with pytest.raises(BlockingIOError):
            server.accept()


async def test_patterns_with_lookaround_are_honoured(isolated: Isolated) -> None:
    """The linear-time engine does not know them; the worker's does."""
    request = asking_for({"type": "string", "pattern": "^(?!secret).*$"})
    assert (await measure(JSONSchema(isolated), '"public"', request=request)).score == 1
    assert (await measure(JSONSchema(isolated), '"secret"', request=request)).score == 0


async def test_recursive_schemas_are_validated(isolated: Isolated) -> None:
    tree: JsonObject = {
        "type": "object",
        "properties": {"next": {"$ref": "#"}},
        "additionalProperties": False,
    }
    assert (
        await measure(JSONSchema(isolated), '{"next": {"next": {}}}', request=asking_for(tree))
    ).score == 1
    verdict = await measure(JSONSchema(isolated), '{"next": {"next": {"x": 1}}}', request=asking_for(tree))
    assert verdict.reason == "$.next.next: additionalProperties"


@pytest.mark.parametrize(
    ("schema", "answer"),
    [(EXPONENTIAL, "1"), (CATASTROPHIC, json.dumps("a" * 5000 + "c"))],
    ids=["exponential", "catastrophic pattern"],
)
async def test_a_hostile_schema_is_cut_and_the_loop_keeps_running(schema: JsonObject, answer: str) -> None:
    """The check gives up after its quarter of a second, and meanwhile the loop has next to nothing to do."""
    worker = Isolated(seconds=0.25)
    check = JSONSchema(worker)
    await measure(check, "{}", request=asking_for({"$ref": "#/$defs/x", "$defs": {"x": {"$ref": "#"}}}))
    longest = 0.0

    async def tick() -> None:
        nonlocal longest
        while True:
            before = time.thread_time()
            await asyncio.sleep(0.005)
            longest = max(longest, time.thread_time() - before)

    ticker = asyncio.create_task(tick())
    with pytest.raises(CheckError, match=r"took longer than|takes too long"):
        await asyncio.wait_for(measure(check, answer, request=asking_for(schema)), LONG_SECONDS)
    ticker.cancel()
    await worker.aclose()
    assert longest < 0.5


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
BROKEN_JSON = [
    '{"a": "',
    '"}',
    "\\frac",
    "\\",
    "\\'",
    '"',
    "{",
    "}",
    "[",
    "]",
    "\n",
    ",",
    ":",
    "null",
    "NaN",
    "1",
]
SURROUNDINGS = ["```json\n", "\n```", "```", "\ufeff", "Sure:", "\ud83d", '{"name": "Ada", "age": 36}']
SCRAPS = st.sampled_from([*BROKEN_JSON, *SURROUNDINGS])
MESSES = st.lists(SCRAPS | st.text(max_size=6), max_size=24).map("".join)


@settings(max_examples=300, deadline=None)
@given(text=MESSES, request_=st.sampled_from([JSON_OBJECT, asking_for(PERSON), asking_for(True)]))
async def test_whatever_comes_is_measured_and_what_is_repaired_is_valid_and_stays_so(
    isolated: Isolated, text: str, request_: ModelRequest
) -> None:
    """Never raises; a repair parses with `json.loads`, passes untouched when measured again."""
    verdict = await measure(JSONSchema(isolated), text, request=request_)
    delivered = text if verdict.repaired is None else verdict.repaired
    if verdict.score == 1:
        json.loads(delivered)
        again = await measure(JSONSchema(isolated), delivered, request=request_)
        assert (again.score, again.repaired) == (1, None)
    else:
        assert verdict.repaired is None


@settings(max_examples=150, deadline=None)
@given(value=JSON_VALUES, ascii_only=st.booleans())
async def test_every_json_value_passes_as_it_stands(
    isolated: Isolated, value: Json, ascii_only: bool
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    verdict = await measure(JSONSchema(isolated), text, request=asking_for(True))
    assert (verdict.score, verdict.repaired) == (1, None)


@settings(max_examples=150, deadline=None)
@given(value=st.dictionaries(st.text(), JSON_VALUES, max_size=4))
async def test_a_fence_or_prose_around_it_does_not_change_the_value(isolated: Isolated, value: Json) -> None:
    """But for what looks like LaTeX whose backslashes were read as escapes: `\\bf`."""
    text = json.dumps(value)
    assume(not shows_latex(text))
    for wrapped in (f"```json\n{text}\n```", f"Here it is: {text}\nThanks!"):
        verdict = await measure(JSONSchema(isolated), wrapped, request=JSON_OBJECT)
        assert json.loads(verdict.repaired or "") == value


@pytest.mark.parametrize("text", ['{"a": "\\ud83d"}', '{"a": "\ud83d"}'], ids=["escaped", "raw"])
async def test_half_a_surrogate_pair_is_told_and_is_no_crash(isolated: Isolated, text: str) -> None:
    verdict = await measure(JSONSchema(isolated), text, request=JSON_OBJECT)
    assert (verdict.score, verdict.reason) == (0.0, "not JSON: half of a surrogate pair")
