"""Two answers are the same or not, kind by kind; and what holds of comparing whatever the answers are."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.checks.build import choice
from tiercel.checks.comparing.compare import compare, kind_of
from tiercel.checks.comparing.likeness import KINDS, Kind
from tiercel.domain.request import Message, ModelRequest, Refusal, ResponseFormat, Text, ToolCall
from tiercel.domain.response import Choice


def asking(text: str = "", response_format: ResponseFormat | None = None) -> ModelRequest:
    """A request whose user says this."""
    message = Message(role="user", parts=(Text(text=text),))
    return ModelRequest(
        format="openai_chat", model="auto", messages=(message,), response_format=response_format
    )


def calling(*calls: tuple[str, str]) -> Choice:
    """An answer that calls these tools with these arguments."""
    parts = [ToolCall(id=f"c{place}", name=name, arguments=text) for place, (name, text) in enumerate(calls)]
    return choice("", *parts, finish="tool_calls")


OPTIONS = "Which city is the capital?\nA) Lyon\nB) Paris\nC) Nice\nAnswer with the letter."
LABELS = "Classify the ticket as one of: billing, delivery, other.\n\nMy parcel is late."


@pytest.mark.parametrize(
    ("kind", "asked", "a", "b", "same"),
    [
        ("exact", "", "Paris", " paris.\n", True),
        ("exact", "", "**Paris**", "The answer is Paris", True),
        ("exact", "", "mgItr", "MGItr", False),
        ("exact", "", "Paris", "Lyon", False),
        ("exact", "", r"\boxed{\dfrac{x}{2} + 1}", r"So it is \boxed{\frac{x}{2}+1}.", True),
        ("number", "", "5", "5.0", True),
        ("number", "", "It costs 5,0", "So 5", True),
        ("number", "", "1,234 people", "1234", True),
        ("number", "Wie viel sind 3,75 und 1.234?", "1.234", "1234", True),
        ("number", "", "1.234", "1234", False),
        ("number", "", "1,234.50", "1.234,50", True),
        ("number", "", "$5 million", "5,000,000", True),
        ("number", "", "half: 1/2", "0.5", True),
        ("number", "", "2 + 3 = 5 eggs", "#### 5\nI checked it 3 times.", True),
        ("number", "", "5 kg", "5", True),
        ("number", "", "5 kg", "5 g", False),
        ("number", "", "50%", "50 percent", True),
        ("number", "", "50%", "0.5", False),
        ("number", "", "5", "-5", False),
        ("number", "", "five", "5", False),
        ("choice", OPTIONS, "B", "(b)", True),
        ("choice", OPTIONS, "**B) Paris**\n\nIt has been since 987.", "Answer: B", True),
        ("choice", OPTIONS, "Option B is right.", "Paris", True),
        ("choice", OPTIONS, "B", "C", False),
        ("choice", OPTIONS, "A or B", "B", False),
        ("choice", "Is it prime? Answer yes or no.", "Yes.", "Yes, as only 1 and 7 divide it.", True),
        ("choice", "Is it prime? Answer yes or no.", "No, though some say yes.", "yes", False),
        ("choice", "True or false?", "FALSE", "This is false.", True),
        ("choice", LABELS, "delivery", "Category: Delivery", True),
        ("choice", LABELS, "delivery", "billing", False),
        ("json", "", '{"a": 5, "b": [1, 2]}', '```json\n{"b": [1.0, 2], "a": 5.0}\n```', True),
        ("json", "", '{"a": [1, 2]}', '{"a": [2, 1]}', False),
        ("json", "", '{"a": 1}', '{"a": true}', False),
        ("json", "", '{"a": "1"}', '{"a": 1}', False),
        ("json", "", '{"a": null}', "{}", False),
        ("json", "", '{"reasoning": "x", "answer": "18"}', '{"reasoning": "y", "answer": 18.0}', True),
        ("json", "", '{"reasoning": "x", "answer": "18"}', '{"reasoning": "x", "answer": "19"}', False),
        ("json", "", '{"answer": "08999", "steps": 1}', '{"answer": "8999", "steps": 1}', False),
        ("json", "", '{"reason": "", "answer": "[1, 2]"}', '{"reason": "", "answer": [1,2]}', True),
        ("json", "", '{"reason": "", "answer": "0LikeThis"}', '{"reason": "", "answer": "0LikeThat"}', False),
        ("json", "", '{"reason": "", "answer": "1Oe-Err-B"}', '{"reason": "", "answer": "\'1Oe-Err-B\'"}', True),
        ("json", "", '{"reason": "", "answer": "8mph"}', '{"reason": "", "answer": "8"}', True),
        ("json", "", '{"reason": "", "answer": "8kilometers"}', '{"reason": "", "answer": "8 km"}', True),
        ("json", "", '{"reason": "", "answer": "a 5-foot wall"}', '{"reason": "", "answer": "5"}', False),
        ("json", "", '{"reason": "", "answer": "5-foot"}', '{"reason": "", "answer": "5 ft"}', True),
        ("json", LABELS, '{"reason": "a", "label": "Delivery"}', '{"reason": "b", "label": "delivery"}', True),
        ("code", "", "```python\nx = 1  # one\n```", "```python\nx=1\n```", True),
        ("code", "", "```python\nif a:\n  b()\nc()\n```", "```python\nif a:\n    b()\nc()\n```", True),
        ("code", "", "```python\nif a:\n  b()\nc()\n```", "```python\nif a:\n  b()\n  c()\n```", False),
        ("code", "", "```js\nlet a=1; f('x')\n```", "Here:\n```js\nlet a = 1;\n\nf(\"x\") // go\n```", True),
        ("code", "", "```python\nx = 1\n```", "```python\nx = 2\n```", False),
        ("text", "", "The cat sat on the mat today.", "The cat sat on the mat, today!", True),
        ("text", "", "It took three of us 14 days to get there.", "It took three of us 15 days to get there.", False),
        (
            "text", "",
            "The old bridge is safe for cars and for lorries today.",
            "The old bridge is not safe for cars and for lorries today.",
            False,
        ),
        ("text", "", "Cats sleep.", "The treaty was signed by both kings.", False),
    ],
)  # fmt: skip
def test_answers_of_each_kind(kind: Kind, asked: str, a: str, b: str, same: bool) -> None:
    likeness = compare(asking(asked), choice(a), choice(b), kind=kind)
    assert (likeness.kind, likeness.same) == (kind, same)


DOUBLE = """```python
def double(values):
    {0} = []
    for {1} in values:
        {0}.append({1} * 2)
    return {0}
```"""


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (DOUBLE.format("out", "value"), DOUBLE.format("result", "v"), True),
        (DOUBLE.format("out", "value"), DOUBLE.replace("double", "twice").format("out", "value"), False),
        (DOUBLE.format("out", "value"), DOUBLE.replace("values", "items").format("out", "value"), False),
        ("```python\nLIMIT = 5\n```", "```python\nMOST = 5\n```", False),
        ("```python\ndef f(a):\n    b = min(a)\n```", "```python\ndef f(a):\n    b = max(a)\n```", False),
    ],
    ids=["local names", "function's name", "parameter's name", "global name", "another function"],
)
def test_only_local_names_of_python_may_differ(a: str, b: str, same: bool) -> None:
    assert compare(asking(), choice(a), choice(b), kind="code").same == same


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ([("f", '{"x": 5, "y": "a"}')], [("f", '{"y": "a", "x": 5.0}')], True),
        ([("f", "{}"), ("g", "{}")], [("g", "{}"), ("f", "")], True),
        ([("f", '{"x": null}')], [("f", "{}")], True),
        ([("f", "{}"), ("f", "{}")], [("f", "{}")], False),
        ([("f", "{}")], [("g", "{}")], False),
        ([("f", '{"x": 1}')], [("f", '{"x": 2}')], False),
        ([("f", "{bad")], [("f", "{bad")], True),
    ],
    ids=["numbers", "any order", "null", "twice", "name", "arguments", "no JSON"],
)
def test_tool_calls(a: list[tuple[str, str]], b: list[tuple[str, str]], same: bool) -> None:
    likeness = compare(asking(), calling(*a), calling(*b))
    assert (likeness.kind, likeness.same) == ("tool_calls", same)


def test_a_call_is_not_like_words() -> None:
    assert not compare(asking(), calling(("f", "{}")), choice("f")).same


@pytest.mark.parametrize(
    ("asked", "answers", "kind"),
    [
        ("Capital of France?", ["Paris", "Paris."], "exact"),
        ("How many eggs?", ["She has 3, so 6 in all, which you can see when you count.", "6"], "number"),
        ("What do I pay?", ["Answer: 6 euros", "6"], "number"),
        (OPTIONS, ["B", "B)"], "choice"),
        ("Give JSON", ['{"a": 1}', 'Sure:\n```json\n{"a": 1}\n```'], "json"),
        ("Write code", ["```python\nx\n```", "Here it is:\n```python\ny\n```"], "code"),
        ("Explain.", ["Because of many things. " * 9, "It is due to [1] the weather. " * 9], "text"),
        ("Explain.", [], "text"),
    ],
)  # fmt: skip
def test_the_kind_is_seen_from_request_and_answers(asked: str, answers: list[str], kind: Kind) -> None:
    assert kind_of(asking(asked), list(map(choice, answers))) == kind


def test_whoever_asks_for_json_has_json_compared() -> None:
    request = asking("x", ResponseFormat(kind="json_object"))
    assert kind_of(request, [choice("no"), choice("no")]) == "json"


def test_a_refusal_is_like_another_but_like_nothing_else() -> None:
    refused = choice("", Refusal(text="I cannot help."))
    assert compare(asking(), refused, choice("", Refusal(text="Sorry, no."))).same
    assert not compare(asking(), refused, choice("Paris")).same
    assert not compare(asking(), refused, choice("")).same


PIECES = (
    "yes", "no", "A)", "(B)", "5", "5,0", "1.234", "{", "}", "[", '"a":', '"b"', "```", "```python", "\n", "def f(x):",
    "    y = 1", "Answer:", "####", r"\boxed{", "'", '"""', "\\", "#", "//", "=", "not", "the", "1/0", "$", "%",
    "\x00", "é", "½", "٣",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=12).map(" ".join)
REQUESTS = st.sampled_from(["", OPTIONS, LABELS, "Yes or no?", "How many?", "3,75"]).map(asking)


@given(REQUESTS, TEXTS, TEXTS, st.sampled_from(KINDS) | st.none())
def test_likeness_is_symmetric_and_never_raises(
    request_: ModelRequest, a: str, b: str, kind: Kind | None
) -> None:
    there = compare(request_, choice(a), choice(b), kind=kind)
    assert compare(request_, choice(b), choice(a), kind=kind) == there
    assert 0 <= there.score <= 1


@given(REQUESTS, TEXTS, st.sampled_from(KINDS) | st.none())
def test_every_answer_is_like_itself(request_: ModelRequest, text: str, kind: Kind | None) -> None:
    assert compare(request_, choice(text), choice(text), kind=kind).same


@given(REQUESTS, TEXTS, st.sampled_from(KINDS))
def test_blanks_around_an_answer_mean_nothing(request_: ModelRequest, text: str, kind: Kind) -> None:
    assert compare(request_, choice(f"\n\n{text}  \n"), choice(text.strip() or "  "), kind=kind).same


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=4), VALUES, max_size=4))
def test_the_order_of_keys_and_the_layout_of_json_mean_nothing(value: dict[str, object]) -> None:
    turned = dict(reversed(value.items()))
    a, b = json.dumps(value), json.dumps(turned, indent=2, ensure_ascii=False)
    assert compare(asking(), choice(a), choice(b), kind="json").same


@pytest.mark.parametrize("kind", [*KINDS, None])
@pytest.mark.parametrize(
    "pattern",
    [
        "a word ",
        "12,3 ",
        "[",
        '{"a":',
        "'''\\",
        "'\\",
        "\n",
        "A) x ",
        "`",
        "```\n",
        "=",
        r"\boxed{",
        "Answer: 5\n",
        " ",
    ],
)
def test_a_megabyte_is_compared_in_bounded_time(kind: Kind | None, pattern: str) -> None:
    """And so is the largest answer that is read to its end."""
    for size in (240_000, 1_000_000):
        text = pattern * (size // len(pattern))
        started = time.process_time()
        compare(asking("How many? Yes or no?"), choice(text + "1"), choice(text + "2"), kind=kind)
        assert time.process_time() - started < 10


@settings(max_examples=20)
@given(st.integers(0, 200), st.integers(0, 200))
def test_deep_nesting_hurts_nobody(a: int, b: int) -> None:
    deep = [choice("[" * (n * 50) + "]" * (n * 50)) for n in (a, b)]
    compare(asking(), *deep, kind="json")
