"""Following JSON as it comes: what is settled, what breaks the schema, and agreement with the check of the whole."""

import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.checks.incremental.follow import MAX_TOKEN_CHARS, Follower
from tiercel.checks.incremental.shape import root_shape
from tiercel.checks.json_text import NotJSONError, parse_strict
from tiercel.checks.schemas import examine, prepare

PERSON: Any = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "kind": {"enum": ["cat", "dog"]},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 4}, "minItems": 1, "maxItems": 2},
        "code": {"type": "string", "pattern": "^[A-Z]{2}$"},
        "step": {"type": "number", "multipleOf": 0.5},
        "friend": {"$ref": "#"},
    },
    "required": ["name"],
    "additionalProperties": False,
}


def follower(schema: Any) -> Follower:
    return Follower(root_shape(msgspec.json.encode(schema)))


def followed(schema: Any, *pieces: str) -> tuple[str, Follower]:
    made = follower(schema)
    return "".join([made.feed(piece) for piece in pieces]), made


@pytest.mark.parametrize(
    ("text", "settled", "path", "keyword"),
    [
        ('{"name": 5}', '{"name": ', "$.name", "type"),
        ('{"name": "Ann", "age": 151}', '{"name": "Ann", "age": ', "$.age", "maximum"),
        ('{"name": "Ann", "age": 1.5}', '{"name": "Ann", "age": ', "$.age", "type"),
        ('{"kind": "cow"}', '{"kind": ', "$.kind", "enum"),
        ('{"tags": []}', '{"tags": [', "$.tags", "minItems"),
        ('{"tags": ["a", "b", "c"]}', '{"tags": ["a", "b"', "$.tags", "maxItems"),
        ('{"tags": ["a", "bbbbbb', '{"tags": ["a", "', "$.tags[1]", "maxLength"),
        ('{"code": "X"}', '{"code": ', "$.code", "pattern"),
        ('{"step": 0.3}', '{"step": ', "$.step", "multipleOf"),
        ('{"age": 3}', '{"age": 3', "$", "required"),
        ('{"nick": 3}', "{", "$", "additionalProperties"),
        ('{"name": "A", "friend": {"age": 2}}', '{"name": "A", "friend": {"age": 2', "$.friend", "required"),
        ("[1]", "", "$", "type"),
    ],
)
def test_what_breaks_the_schema_is_seen_at_once_and_not_settled(
    text: str, settled: str, path: str, keyword: str
) -> None:
    got, made = followed(PERSON, text)
    assert made.finding is not None
    assert (got, made.status, made.finding.path, made.finding.keyword) == (settled, "missed", path, keyword)


@pytest.mark.parametrize(
    ("text", "settled"),
    [
        ('{"name": "two\nlines"}', '{"name": "two'),
        ('{"name": "C:\\dir and more"}', '{"name": "C:'),
        ('{"name": "a\\ud800b and more text"}', '{"name": "a'),
        ("{'name': 1}", "{"),
        ('{"name": "A", "name": "B"}', '{"name": "A", '),
        ('{"age": NaN}', '{"age": '),
        ('{"age": 01}', '{"age": '),
        ('{"name": "A",}', '{"name": "A",'),
        ('{"name": "A" "age": 1}', '{"name": "A" '),
        ('{"age": null}', '{"age": '),
        ('{"code": "' + "A" * MAX_TOKEN_CHARS + '"}', '{"code": '),
    ],
)
def test_what_only_the_whole_answer_can_tell_is_left_to_it(text: str, settled: str) -> None:
    """Text that a repair may mend, a null that may be left out, a value too long to keep."""
    got, made = followed(PERSON, text)
    assert (got, made.status) == (settled, "left")


def test_a_string_about_whose_end_nothing_is_said_is_settled_as_it_comes() -> None:
    made = follower(PERSON)
    assert made.feed('{"name": "On') == '{"name": "On'
    assert made.feed("ce \\") == "ce "
    assert made.feed('"upon') == '\\"upon'


def test_a_string_with_conditions_is_settled_when_it_has_ended() -> None:
    made = follower(PERSON)
    assert made.feed('{"kind": "c') == '{"kind": '
    assert made.feed('at"') == '"cat"'


def test_what_follows_the_value_is_none_of_it() -> None:
    got, made = followed(PERSON, '{"name": "A"} and so on')
    assert (got, made.status) == ('{"name": "A"}', "closed")


@pytest.mark.parametrize(
    "schema",
    [
        {"anyOf": [{"type": "string"}]},
        {"type": "object", "properties": {"a": {"$ref": "https://example.com/x"}}},
        {"type": "object", "properties": {"a": {"not": {"type": "number"}}}},
        {"type": "object", "patternProperties": {"a": {"type": "string"}}, "additionalProperties": False},
        {"type": "object", "minProperties": 2},
    ],
)
def test_what_a_schema_says_beyond_the_subset_is_left_to_the_end(schema: Any) -> None:
    settled, made = followed(schema, '{"a": 1}')
    assert (settled, made.status) == ('{"a": 1}', "closed")


LEAVES = st.sampled_from(
    [
        {"type": "string"},
        {"type": ["string", "null"], "maxLength": 2},
        {"type": "integer", "exclusiveMinimum": 0},
        {"type": "number", "multipleOf": 0.5, "maximum": 3},
        {"enum": ["a", 1, None]},
        {"const": "ab"},
        {"type": "string", "pattern": "^a"},
        {"type": "boolean"},
        True,
    ]
)
NAMES = st.sampled_from(["a", "b", "c"])
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("array"), "items": inner},
            optional={"minItems": st.integers(0, 2), "maxItems": st.integers(0, 2)},
        ),
        st.fixed_dictionaries(
            {"type": st.just("object"), "properties": st.dictionaries(NAMES, inner, max_size=3)},
            optional={
                "required": st.lists(NAMES, max_size=2, unique=True),
                "additionalProperties": st.one_of(st.booleans(), inner),
            },
        ),
    ),
    max_leaves=6,
)
VALUES = st.recursive(
    st.one_of(
        st.sampled_from(["", "a", "ab", "abc", 'ä"\\\n', "😀"]),
        st.integers(-1, 4),
        st.sampled_from([0.5, 0.3, 2.0]),
        st.booleans(),
        st.none(),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), inner, max_size=3)
    ),
    max_leaves=8,
).filter(lambda value: isinstance(value, dict | list))


@given(schema=SCHEMAS, value=VALUES, ascii_only=st.booleans(), cuts=st.lists(st.integers(0, 80), max_size=6))
def test_it_agrees_with_the_check_of_the_whole_however_the_text_is_split(
    schema: Any, value: Any, ascii_only: bool, cuts: list[int]
) -> None:
    """On the subset: closed where the whole is valid, missed or left to it where it is not; settled is a beginning."""
    text = json.dumps(value, ensure_ascii=ascii_only)
    at_once, whole = followed(schema, text)
    places = sorted({0, len(text), *[cut % (len(text) + 1) for cut in cuts]})
    pieces = [text[begin:end] for begin, end in pairwise(places)]
    in_pieces, made = followed(schema, *pieces)
    assert (in_pieces, made.status, made.finding) == (at_once, whole.status, whole.finding)
    assert text.startswith(at_once)
    validator = prepare(msgspec.json.encode(schema)).validator
    assert validator is not None
    if examine(validator, value).valid:
        assert (whole.status, at_once) == ("closed", text)
    elif "null" in text:
        assert whole.status in ("missed", "left")
    else:
        assert whole.status == "missed"


@given(text=st.text(alphabet='{}[]",:\\ \nu0dD8ae1-.tfn', max_size=40).map(lambda text: "[" + text))
def test_whatever_is_settled_is_strict_json(text: str) -> None:
    """Closed means: a value that everybody reads. Anything else is never called closed."""
    settled, made = followed(True, *text)
    assert text.startswith(settled)
    assert made.status != "missed"
    try:
        parse_strict(settled)
    except NotJSONError:
        assert made.status != "closed"
    else:
        assert made.status == "closed"


KEYWORDS = (
    *("type", "properties", "required", "items", "enum", "const", "a", "$ref", "$id", "$defs", "$schema"),
    *("pattern", "maxLength", "additionalProperties", "minItems", "maxItems", "multipleOf"),
)
ANYTHING = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from(["object", "string", "#", "^a", ""])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(KEYWORDS),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=10,
)


@given(schema=ANYTHING, value=VALUES)
def test_a_schema_that_is_none_breaks_nothing_but_itself(schema: Any, value: Any) -> None:
    """Clients write schemas; whatever they write, an answer is followed, or left to the check of the whole."""
    text = json.dumps(value)
    settled, made = followed(schema, text)
    assert text.startswith(settled)
    assert made.status in ("closed", "missed", "left")
