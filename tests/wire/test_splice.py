"""Only the outermost `model` changes, and nothing else by a byte."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.wire.splice import splice_model

TEXTS = st.text(alphabet='model":{}[],\\ é\n', max_size=12)
VALUES = st.recursive(
    TEXTS | st.integers() | st.just("model"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS | st.just("model"), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=4), st.dictionaries(TEXTS, VALUES, max_size=4), TEXTS, TEXTS)
def test_the_outermost_model_is_replaced_whatever_stands_around_it(
    before: dict[str, Any], after: dict[str, Any], old: str, new: str
) -> None:
    value = {**before, "model": old, **{k: v for k, v in after.items() if k not in before}}
    value["model"] = old
    body = json.dumps(value, ensure_ascii=False).encode()
    spliced = splice_model(body, new)
    assert spliced is not None
    assert json.loads(spliced) == {**value, "model": new}


@pytest.mark.parametrize("times", [0, 99])
def test_every_other_byte_stays_from_whichever_end_it_is_nearer(times: int) -> None:
    before = b' {\n"messages" :[ {"model":"inner", "x":"\\"model\\":\\"a\\""} ],\t'
    after = b', "role":"model" , "tools":[{"model":"inner"}], "n":1.50e0 }\n'
    padding = b'"padding" : [0' + b', [],{"model":{}} , "\\\\\\"model\\":"' * times + b"]"
    for body in (
        before + padding + b' , "model"\n:  "old"' + after,
        b"{" + padding + b',"model"\n:  "old"' + after,
        b'{"model"\n:  "old",' + padding + after,
        before + b'"model"\n:  "old" , ' + padding + b"}",
    ):
        assert json.loads(body)["model"] == "old"
        assert splice_model(body, "new") == body.replace(b'"old"', b'"new"')


@pytest.mark.parametrize("body", [b'{"mo\\u0064el":"a"}', b'{"model":7}', b'{"a":{"model":"b"}}'])
def test_where_it_cannot_be_exact_it_says_so(body: bytes) -> None:
    assert splice_model(body, "new") is None
