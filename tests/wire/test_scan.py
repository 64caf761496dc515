"""Which bodies are taken as JSON objects, and what is said of the others."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.errors import CallerError, UpstreamDataError
from tiercel.wire.scan import MAX_VALUES, is_complete_json, parse_chunk, parse_object, parse_upstream_object

SEPARATORS = [(",", ":"), (", ", ": "), (" , ", " : ")]
KEYS = st.text(alphabet='ab"\\: é\n', max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(alphabet='":,{}[]\\ ab\n', max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


def nested(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


@given(
    st.dictionaries(KEYS, VALUES, max_size=5),
    st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")]),
    st.booleans(),
)
def test_valid_objects_are_read_as_json_loads_reads_them(
    value: dict[str, Any], separators: tuple[str, str], ascii_only: bool
) -> None:
    body = json.dumps(value, separators=separators, ensure_ascii=ascii_only).encode()
    assert parse_object(body) == value


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=5), st.data())
def test_a_key_that_stands_twice_is_found_wherever_it_stands(
    value: dict[str, Any], data: st.DataObject
) -> None:
    key = data.draw(st.sampled_from(sorted(value)))
    members = [f"{json.dumps(k)}:{json.dumps(v)}" for k, v in value.items()]
    members.append(
        f"{json.dumps(key)}{data.draw(st.sampled_from(['', ' ', '  ']))}:{json.dumps(data.draw(VALUES))}"
    )
    inner = "{" + ",".join(data.draw(st.permutations(members))) + "}"
    body = f'{{"outer":[1,{inner}],"text":"\\":\\\\"}}'
    with pytest.raises(CallerError, match="twice"):
        parse_object(body.encode())


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b'{"a":1,}', "not valid JSON"),
        (b'{"a":NaN}', "not valid JSON"),
        (b'{"a":Infinity}', "not valid JSON"),
        (b'{"a":-Infinity}', "not valid JSON"),
        (b'{"a":1e999}', "not valid JSON"),
        (b'{"a":"\\ud800"}', "not valid JSON"),
        (b'{"a":"\\udc00x"}', "not valid JSON"),
        (b'{"a":"\xff"}', "not valid UTF-8"),
        (b'{"a":"\xed\xa0\x80"}', "not valid UTF-8"),
        (b"[]", "not a JSON object"),
        (b'"x"', "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'{"a":1,"a":2}', "'a' twice"),
        (b'{"a":1,"\\u0061":2}', "'a' twice"),
        (b'{"m":[{"role":1,"role" :2}]}', "'role' twice"),
        (b'{"a\\\\":1,"a\\\\":2,"x":"\\":"}', "twice"),
        (b'{"a":":","a":":"}', "twice"),
        (b'{"a":1,"a":2,"b":"\\u003a"}', "'a' twice"),
        (b'{"a":1,"a":2,"b":"\\u003A"}', "'a' twice"),
        (b'{"a\\u003a":1,"a:":2}', "'a:' twice"),
        (nested(65), "64 levels"),
        (b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}", "64 levels"),
    ],
)
def test_what_cannot_be_taken_is_named(body: bytes, said: str) -> None:
    with pytest.raises(CallerError) as raised:
        parse_object(body)
    assert raised.value.kind == "invalid_json"
    assert said in raised.value.message


def test_64_levels_are_taken() -> None:
    assert parse_object(nested(64))


@pytest.mark.parametrize("text", ["a" * 70_000, "a\n" * 35_000, ":" * 70_000, "\\u003a:<" * 10_000])
def test_a_long_body_is_held_to_the_same(text: str) -> None:
    """Whether its texts are without escapes, as those of pictures, or full of them, or of colons."""
    fields = f'"x":[{{"text":{json.dumps(text)},"n":{10**30},"y":{{"z":":"}}'
    assert parse_object(f"{{{fields}}}]}}".encode())["x"][0]["text"] == text
    for key in ("n", "\\u006e"):
        with pytest.raises(CallerError, match="'n' twice"):
            parse_object(f'{{{fields},"{key}":1}}]}}'.encode())


@pytest.mark.parametrize("item", [b"1", b"[]", b"{}", b'{"a":1}', b"[[[]]]", b'""'])
def test_too_many_values_are_refused_before_they_are_built(item: bytes) -> None:
    body = b'{"a":[' + b",".join([item] * (MAX_VALUES + 10)) + b"]}"
    with pytest.raises(CallerError, match="100,000 values"):
        parse_object(body)


@pytest.mark.parametrize("item", [b"1", b"{}", b'""'])
def test_a_provider_can_send_no_more_values_either(item: bytes) -> None:
    body = b'{"a":[' + b",".join([item] * (MAX_VALUES + 10)) + b"]}"
    with pytest.raises(UpstreamDataError, match="100,000 values"):
        parse_upstream_object(body)


@pytest.mark.parametrize("text", ["", "[{" * 100, "a" * 9_000, "[{" * 9_000])
def test_a_providers_levels_are_counted_whatever_its_texts_hold(text: str) -> None:
    def with_text(levels: int) -> bytes:
        return b'{"text":' + json.dumps(text).encode() + b"," + nested(levels)[1:]

    assert parse_upstream_object(with_text(64))["text"] == text
    with pytest.raises(UpstreamDataError, match="64 levels"):
        parse_upstream_object(with_text(65))


@pytest.mark.parametrize("text", ['"', '\\"', '\\\\"', '":', '\\":', "\\", '{"a":1,"a":2}', "\\\\:"])
def test_quotes_and_backslashes_in_texts_are_no_structure(text: str) -> None:
    assert parse_object(json.dumps({text: [text]}).encode()) == {text: [text]}
    twice = f'{{{json.dumps(text)}:1,"b":{json.dumps(text)},{json.dumps(text)}:2}}'
    with pytest.raises(CallerError, match="twice"):
        parse_object(twice.encode())


def test_long_texts_full_of_commas_are_not_many_values() -> None:
    text = "a, b, [c], {d}, " * 50_000
    assert parse_object(json.dumps({"text": text}).encode()) == {"text": text}


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=5), st.data())
def test_in_what_a_provider_sends_the_last_of_two_keys_counts_whole_or_streamed(
    value: dict[str, Any], data: st.DataObject
) -> None:
    key = data.draw(st.sampled_from(sorted(value)))
    last = data.draw(VALUES)
    members = [f"{json.dumps(k)}:{json.dumps(v)}" for k, v in [*value.items(), (key, last)]]
    body = ("{" + ",".join(members) + "}").encode()
    assert parse_upstream_object(body) == parse_chunk(body) == {**value, key: last}


def test_an_upstreams_body_is_refused_in_its_own_name() -> None:
    with pytest.raises(UpstreamDataError):
        parse_upstream_object(b"<html>")


@pytest.mark.parametrize(
    ("data", "value"), [(b'{"a":1}', {"a": 1}), (b"[]", None), (b"{", None), (b"\xff", None)]
)
def test_a_streams_event_is_an_object_or_nothing(data: bytes, value: object) -> None:
    assert parse_chunk(data) == value


@pytest.mark.parametrize(("text", "complete"), [("{}", True), ('{"a":', False), ("", False), ("1", True)])
def test_cut_arguments_are_told_from_whole_ones(text: str, complete: bool) -> None:
    assert is_complete_json(text) is complete
