"""What is read from a request: by hint, from structure, from words; and how well that agrees with a person."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.routing.confusion import HARD, Labelled, evaluate, load
from tests.routing.made import request
from tiercel.domain.errors import CallerError
from tiercel.domain.facts import Facts
from tiercel.domain.request import (
    Hints,
    Media,
    Message,
    ModelRequest,
    Opaque,
    Part,
    Reasoning,
    ResponseFormat,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from tiercel.routing.facts import read_facts

PROMPTS = load()
TUNED = [prompt for prompt in PROMPTS if not prompt.held_out]
HELD_OUT = [prompt for prompt in PROMPTS if prompt.held_out]


def read(*messages: Message, **fields: Any) -> Facts:
    return read_facts(ModelRequest(format="openai_chat", model="auto", messages=messages, **fields), Hints())


def say(role: Role, *parts: Part | str) -> Message:
    return Message(role=role, parts=tuple(Text(text=p) if isinstance(p, str) else p for p in parts))


def test_hints_win_and_are_named() -> None:
    hints = Hints(task="coding", risk="high", latency="critical", residency="eu", session="s1")
    found = read_facts(request("Hi there!"), hints)
    assert (found.task, found.risk, found.latency) == ("coding", "high", "critical")
    assert (found.residency, found.session) == ("eu", "s1")
    assert found.stated == ("task", "risk", "latency", "residency", "session")
    assert list(found.signals) == ["complexity"]


def test_what_was_inferred_says_from_what_and_is_not_called_stated() -> None:
    found = read_facts(request("Summarize this text: rain, then sun."), Hints())
    assert found.stated == ()
    assert found.signals["task"] == "'summarize'"
    assert set(found.signals) == {"task", "complexity", "risk"}


def test_the_policys_residency_holds_unless_the_caller_states_one() -> None:
    found = read_facts(request(), Hints(), residency_default="eu")
    assert (found.residency, found.stated) == ("eu", ())
    assert found.signals["residency"] == "the policy's default"
    assert read_facts(request(), Hints(residency="local"), residency_default="eu").residency == "local"


@pytest.mark.parametrize("name", ["task", "risk", "latency"])
def test_a_hint_that_is_none_of_the_allowed_is_refused(name: str) -> None:
    with pytest.raises(CallerError) as raised:
        read_facts(request(), Hints(**{name: "sideways"}))
    assert (raised.value.kind, raised.value.param) == ("unsupported_value", name)


def test_modalities_are_those_of_the_whole_history_and_of_tool_results() -> None:
    picture = Media(kind="image", url="https://example.com/a.png")
    clip = Media(kind="video", url="https://example.com/a.mp4")
    found = read(
        say("user", "Look", clip),
        say("assistant", ToolCall(id="1", name="see", arguments="{}")),
        say("tool", ToolResult(call_id="1", parts=(picture,))),
        say("user", "and now?"),
    )
    assert found.modalities == ("text", "image", "video")


@pytest.mark.parametrize(
    ("messages", "in_loop"),
    [
        ((say("user", "hi"),), False),
        ((say("user", "hi"), say("assistant", "hello")), False),
        ((say("user", "hi"), say("assistant", ToolCall(id="1", name="f", arguments="{}"))), True),
        ((say("user", "hi"), say("tool", ToolResult(call_id="1", parts=()))), True),
        ((say("tool", ToolResult(call_id="1", parts=())), say("system", "be brief")), True),
        ((say("tool", ToolResult(call_id="1", parts=())), say("user", "thanks")), False),
    ],
)
def test_a_tool_loop_is_running_until_the_user_speaks(messages: tuple[Message, ...], in_loop: bool) -> None:
    assert read(*messages).in_tool_loop == in_loop


def test_tools_in_the_history_alone_already_need_a_model_that_takes_tools() -> None:
    found = read(
        say("user", "hi"),
        say("assistant", ToolCall(id="1", name="f", arguments="{}")),
        say("tool", ToolResult(call_id="1", parts=(Text(text="ok"),))),
    )
    assert found.tools


@pytest.mark.parametrize(
    ("kind", "strict"), [("text", False), ("json_object", True), ("json_schema", True), (None, False)]
)
def test_a_response_format_of_json_is_strict_json(kind: Any, strict: bool) -> None:
    shape = ResponseFormat(kind=kind) if kind else None
    assert read(say("user", "hi"), response_format=shape).strict_json == strict


@pytest.mark.parametrize(
    "more",
    [
        {"tools": (Tool(name="f", description="x" * 1_000),)},
        {"tools": (Tool(name="f", parameters={"description": "x" * 1_000}),)},
        {"tools": (Tool(name="f", raw={"type": "computer", "description": "x" * 1_000}),)},
        {"response_format": ResponseFormat(kind="json_schema", schema={"description": "x" * 1_000})},
    ],
)
def test_tools_and_schema_count_in_the_size(more: dict[str, Any]) -> None:
    bare = read(say("user", "hi")).size.tokens
    assert read(say("user", "hi"), **more).size.tokens >= bare + 150


@pytest.mark.parametrize(
    "part",
    [
        Text(text="x" * 1_000),
        Reasoning(text="x" * 1_000),
        ToolCall(id="1", name="f", arguments="x" * 1_000),
        ToolResult(call_id="1", parts=(Text(text="x" * 1_000),)),
        Opaque(source="anthropic", raw={"data": "x" * 1_000}),
    ],
)
def test_every_kind_of_part_counts_in_the_size(part: Part) -> None:
    assert read(say("user", "hi"), say("assistant", part)).size.tokens >= 150


def test_pictures_count_and_widen_the_margin() -> None:
    words = read(say("user", "hi")).size
    shown = read(say("user", "hi", Media(kind="image", data="x" * 100_000))).size
    assert 500 < shown.tokens < 5_000
    assert shown.margin > words.margin


@given(st.text(max_size=6_000), st.text(max_size=2_000))
def test_any_text_can_be_read_and_reads_the_same_again(text: str, system: str) -> None:
    messages = (say("system", system), say("user", text))
    assert read(*messages) == read(*messages)


@pytest.mark.parametrize("messages", [(), (say("user"),), (say("system", "x"),), (say("assistant", "x"),)])
def test_a_conversation_without_a_users_words_is_unknown(messages: tuple[Message, ...]) -> None:
    assert read(*messages).task == "unknown"


PROSE = "\n\n".join(
    ["The old bridge had stood for two hundred years, and nobody remembered who built it. " * 5] * 5
)


@pytest.mark.parametrize(
    ("prompt", "task"),
    [
        (f"Polish this press release:\n\n{PROSE}", "long_writing"),
        (f"Please proofread the following essay.\n\n{PROSE}", "long_writing"),
        (f"{PROSE}\n\nImprove the style of the text above.", "long_writing"),
        (f"请润色下面的文章。\n\n{PROSE}", "long_writing"),
        ("Proofread: I has two dog.", "simple_chat"),
        (f"Summarize this article:\n\n{PROSE}", "summary"),
        (f"Translate this into Polish:\n\n{PROSE}", "simple_chat"),
        (f"Polish this function:\n\n```python\n{'def f(x): return x' * 200}\n```", "coding"),
    ],
)
def test_who_has_a_long_text_edited_gets_a_long_text_written(prompt: str, task: str) -> None:
    assert read_facts(request(prompt), Hints()).task == task


def test_signals_never_quote_the_prompt_beyond_words_of_our_own() -> None:
    secret = "Zwiebelfisch"
    for template in ("Summarize {0}", "translate {0}", "{0}?", "```{0}```", "kill myself {0}", "{0}.py"):
        found = read(say("user", template.format(secret)))
        assert secret.lower() not in str(found.signals).lower()


def labels(prompt: Labelled) -> str:
    return (prompt.prompt or prompt.messages[-1].content)[:60]


def test_the_labelled_set_is_large_enough_to_say_something() -> None:
    """At least 160 prompts, a third of them held out, at least twelve of each task."""
    assert len(PROMPTS) >= 160
    assert len(HELD_OUT) * 3 >= len(PROMPTS) * 0.9
    counts = evaluate(PROMPTS).pairs
    for task in {prompt.task for prompt in PROMPTS}:
        assert sum(n for (label, _), n in counts.items() if label == task) >= 12


@pytest.mark.parametrize(("prompts", "floor"), [(TUNED, 0.95), (HELD_OUT, 0.88)], ids=["tuned", "held out"])
def test_tasks_are_read_as_a_person_labelled_them(prompts: list[Labelled], floor: float) -> None:
    """The floors lie a little under what was reached: 0.98, and 0.94 on the 79 held out, opened once."""
    result = evaluate(prompts)
    assert result.accuracy >= floor, result.table()


@pytest.mark.parametrize("prompts", [TUNED, HELD_OUT], ids=["tuned", "held out"])
def test_a_hard_task_is_seldom_taken_for_a_cheap_one(prompts: list[Labelled]) -> None:
    """At most one in twenty; unknown is the better mistake."""
    result = evaluate(prompts)
    hard = sum(n for (label, _), n in result.pairs.items() if label in HARD)
    assert result.hard_taken_for_cheap <= 0.05 * hard, result.table()


@pytest.mark.parametrize("prompt", [p for p in TUNED if p.complexity], ids=labels)
def test_complexity_is_read_as_labelled(prompt: Labelled) -> None:
    assert prompt.facts.complexity == prompt.complexity


@pytest.mark.parametrize("prompt", [p for p in TUNED if p.risk], ids=labels)
def test_risk_is_read_as_labelled(prompt: Labelled) -> None:
    assert prompt.facts.risk == prompt.risk


@pytest.mark.parametrize(
    ("prompt", "risk"),
    [
        ("Write a 900-word patient article on this medication and alcohol.", "medium"),
        ("Write a 900-word article on our new bakery.", "low"),
        ("What kinds of medication are there?", "low"),
    ],
)
def test_a_long_text_about_what_takes_care_is_a_risk(prompt: str, risk: str) -> None:
    """Its readers may act on it; who merely asks is told as ever."""
    assert read(say("user", prompt)).risk == risk


def test_risk_is_low_where_nothing_speaks_for_it() -> None:
    """Nobody pays for the deepest tier because of a word: all prompts without a label of risk are low."""
    assert [labels(p) for p in TUNED if p.risk is None and p.facts.risk != "low"] == []
