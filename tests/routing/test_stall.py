"""Which conversations have stalled, and which only look like it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.policy import Stall
from tiercel.domain.request import Media, Message, Part, Role, Text, ToolCall, ToolResult
from tiercel.routing.stall import MOST_CYCLE, stalled

ASKS = "Why does the parser drop the last line of the file?"
USUAL = Stall()
NAMES = st.sampled_from(["read", "run", "wait"])
ARGUMENTS = st.sampled_from(["{}", '{"path": "a"}', '{"path": "b"}'])
RESULTS = st.sampled_from(["ok", "nothing found", "Error: no such file", "42"])


def say(role: Role, *parts: Part | str) -> Message:
    return Message(role=role, parts=tuple(Text(text=p) if isinstance(p, str) else p for p in parts))


def user(text: str = ASKS) -> Message:
    return say("user", text)


def step(
    name: str = "read",
    arguments: str = '{"path": "a"}',
    result: str = "nothing found",
    *,
    number: int = 0,
    is_error: bool = False,
) -> tuple[Message, ...]:
    """A turn of the model that calls one tool, and the tool's result."""
    call_id = f"call_{number}"
    return (
        say("assistant", ToolCall(id=call_id, name=name, arguments=arguments)),
        say("tool", ToolResult(call_id=call_id, parts=(Text(text=result),), is_error=is_error)),
    )


def kind(*messages: Message, stall: Stall = USUAL) -> str | None:
    sign = stalled(messages, stall)
    return None if sign is None else sign.kind


def steps(*turns: tuple[Message, ...]) -> list[Message]:
    return [message for turn in turns for message in turn]


@pytest.mark.parametrize("times", [1, 2, 3, 4])
def test_the_same_call_with_the_same_result_so_many_times_is_a_stall(times: int) -> None:
    loop = steps(*[step(number=n) for n in range(times)])
    assert kind(user(), *loop) == ("repeats" if times >= 3 else None)
    assert kind(user(), *loop, stall=Stall(repeats=times)) == ("repeats" if times else None)


STUCK: dict[str, list[Message]] = {
    "in circles": steps(
        step(number=0),
        step("run", "{}", "2 failed", number=1),
        step(number=2),
        step("run", "{}", "2 failed", number=3),
        step(number=4),
        step("run", "{}", "2 failed", number=5),
    ),
    "the same calls at the same time": [
        message
        for _ in range(3)
        for message in (
            say(
                "assistant",
                ToolCall(id="a", name="read", arguments="{}"),
                ToolCall(id="b", name="run", arguments="{}"),
            ),
            say("tool", ToolResult(call_id="a", parts=(Text(text="empty"),))),
            say("tool", ToolResult(call_id="b", parts=(Text(text="2 failed"),))),
        )
    ],
    "with polls between": steps(
        *[
            turn
            for n in range(3)
            for turn in (step(number=2 * n), step("wait", "{}", f"{n} s", number=2 * n + 1))
        ]
    ),
    "arguments written in another way": steps(
        step(arguments='{"path":"a","n":1}', number=0),
        step(arguments='{"n": 1, "path": "a"}', number=1),
        step(arguments='{ "path": "a", "n": 1 }', number=2),
    ),
    "ids that begin anew in each turn": steps(step(), step(), step()),
    "arguments that are no JSON": steps(*[step(arguments="*** Begin Patch", number=n) for n in range(3)]),
    "with words of the model between": [
        *steps(step(number=0), step(number=1)),
        say("assistant", "Let me look again."),
        *step(number=2),
    ],
    "with words of the client after a result": [
        *steps(step(number=0), step(number=1)),
        user("<system-reminder>tasks</system-reminder>"),
        *step(number=2),
    ],
}


@pytest.mark.parametrize("loop", STUCK.values(), ids=STUCK)
def test_who_goes_in_circles_is_found(loop: list[Message]) -> None:
    assert kind(user(), *loop, stall=Stall(polling=("wait",))) == "repeats"


BUSY: dict[str, list[Message]] = {
    "a poll that moves": steps(*[step("wait", "{}", f"{n * 20} %", number=n) for n in range(5)]),
    "tests after each edit": steps(
        step("run", "{}", "3 failed", number=0), step("edit", '{"at": 1}', "done", number=1),
        step("run", "{}", "1 failed", number=2), step("edit", '{"at": 2}', "done", number=3),
        step("run", "{}", "all passed", number=4),
    ),
    "other arguments": steps(*[step(arguments=f'{{"path": "{n}"}}', number=n) for n in range(5)]),
    "another tool": steps(*[step(f"read_{n}", number=n) for n in range(5)]),
    "an earlier task": [
        *steps(*[step(number=n) for n in range(3)]), say("assistant", "There is nothing."), user("And in b?"),
        *step(number=3),
    ],
    "what was repeated, and then left": steps(
        *[step(number=n) for n in range(3)], step("run", "{}", "fine", number=3)
    ),
    "tests after each edit that say the same": steps(
        *[
            turn
            for n in range(4)
            for turn in (
                step("edit", f'{{"at": {n}}}', "done", number=2 * n),
                step("run", "{}", "ok", number=2 * n + 1),
            )
        ]
    ),
    "the same look at it between other steps": steps(
        *[
            turn
            for n in range(4)
            for turn in (step("list", "{}", "a b", number=2 * n), step(arguments=f'{{"n": {n}}}', number=2 * n + 1))
        ]
    ),
    "calls made at the same time, of which one says something new": [
        message
        for n in range(3)
        for message in (
            say(
                "assistant",
                ToolCall(id=f"a{n}", name="read", arguments="{}"),
                ToolCall(id=f"b{n}", name="run", arguments=f'{{"n": {n}}}'),
            ),
            say("tool", ToolResult(call_id=f"a{n}", parts=(Text(text="empty"),))),
            say("tool", ToolResult(call_id=f"b{n}", parts=(Text(text=f"run {n}"),))),
        )
    ],
    "calls without results": [
        say("assistant", ToolCall(id=f"c{n}", name="read", arguments="{}")) for n in range(5)
    ],
}  # fmt: skip


@pytest.mark.parametrize("loop", BUSY.values(), ids=BUSY)
def test_who_gets_on_is_left_alone(loop: list[Message]) -> None:
    assert kind(user(), *loop) is None


@pytest.mark.parametrize(
    ("polling", "found"),
    [((), "repeats"), (("wait",), None), (("wa*",), None), (("*",), None), (("read",), "repeats")],
)
def test_tools_that_may_repeat_themselves_are_named(polling: tuple[str, ...], found: str | None) -> None:
    loop = steps(*[step("wait", "{}", "pending", number=n) for n in range(4)])
    assert kind(user(), *loop, stall=Stall(polling=polling)) == found


ERRORS = [
    "Error: no such file",
    "TypeError: 'int' object is not iterable",
    "Traceback (most recent call last):\n  File ...",
    "Error executing tool read: timed out",
    "An error occurred while running the tool. Please try again.",
    "fatal: not a git repository",
    "Failed to read a: permission denied",
    "bash: line 1: pyest: command not found",
    "Exit code: 1\nWall time: 0.1 seconds\nOutput:\n",
    "Process exited with code 127",
    '{"error": "no such file"}',
    '{"success": false, "reason": "gone"}',
    '{"status":"error"}',
    '{"output":"","metadata":{"exit_code":2,"duration_seconds":0.1}}',
    "<tool_use_error>String to replace not found</tool_use_error>",
]
FINE = [
    "Error handling in Rust is done with Result.",
    "errors.py\nexceptions.py",
    "0 errors, 0 warnings",
    "Exit code: 0\nOutput:\n",
    '{"error": null, "rows": 3}',
    '{"error": "", "rows": 3}',
    '{"success": true}',
    '{"output":"ok","metadata":{"exit_code":0}}',
    "failed_tests = []",
    "",
]


def failing(text: str, *, marked: bool = False, times: int = 3) -> list[Message]:
    return steps(
        *[step(arguments=f'{{"n": {n}}}', result=text, number=n, is_error=marked) for n in range(times)]
    )


@pytest.mark.parametrize("text", ERRORS)
def test_errors_in_a_row_are_a_stall_also_where_nothing_marks_them(text: str) -> None:
    assert kind(user(), *failing(text)) == "failures"
    assert kind(user(), *failing(text, times=2)) is None


@pytest.mark.parametrize("text", FINE)
def test_what_only_speaks_of_errors_is_none(text: str) -> None:
    assert kind(user(), *failing(text)) is None


def test_what_a_client_marks_as_an_error_is_one_whatever_it_says() -> None:
    assert kind(user(), *failing("nothing found", marked=True)) == "failures"


def test_one_good_result_ends_the_row_of_errors() -> None:
    loop = [
        *failing("Error: no", times=2),
        *step("run", "{}", "fine", number=8),
        *failing("Error: no", times=2),
    ]
    assert kind(user(), *loop) is None


AGAIN = [
    ASKS,
    "why does the parser drop the last line of the file",
    "Please: why does the parser drop the last line of the file??",
    "Again, why does the parser   drop the last line of the file, please!",
    "<system-reminder>be brief</system-reminder>",
]


@pytest.mark.parametrize("second", AGAIN[:4])
def test_a_user_who_asks_the_same_again_is_heard(second: str) -> None:
    assert kind(user(), say("assistant", "It does not."), user(second)) == "asked_again"


ELSE: dict[str, list[Message]] = {
    "other figures": [
        user("How much is 17 * 23 plus 4?"), say("assistant", "395"), user("How much is 17 * 24 plus 4?"),
    ],
    "another sign": [
        user("What does 3 + 4 come to here?"), say("assistant", "7"), user("What does 3 * 4 come to here?"),
    ],
    "another language": [
        user("Write a function in C++ that sorts"), say("assistant", "..."), user("Write a function in C# that sorts"),
    ],
    "a word more": [user(), say("assistant", "Because."), user(f"Explain in detail: {ASKS}")],
    "too short to mean the same": [
        user("continue"), say("assistant", "one"), user("continue"), say("assistant", "two"), user("continue"),
    ],
    "nothing answered between": [user(), user()],
    "another question between": [
        user(), say("assistant", "a"), user("Which encoding does the writer use?"), say("assistant", "b"), user(),
    ],
    "another picture": [
        say("user", "What can be seen in this picture?", Media(kind="image", data="aa")),
        say("assistant", "a cat"),
        say("user", "What can be seen in this picture?", Media(kind="image", data="bb")),
    ],
    "in the middle of the tools": [user(), say("assistant", "It does not."), user(), *step()],
    "said by the client after a result": [
        user(), *step(number=0), user("Remember to keep your list of tasks up to date."),
        *step("run", "{}", "fine", number=1), user("Remember to keep your list of tasks up to date."),
    ],
}  # fmt: skip


@pytest.mark.parametrize("messages", ELSE.values(), ids=ELSE)
def test_a_user_who_asks_something_else_is_not_taken_for_one_who_repeats(messages: list[Message]) -> None:
    assert kind(*messages) is None


def test_how_often_the_same_was_asked_is_counted_over_what_says_nothing() -> None:
    messages = [
        user(),
        say("assistant", "a"),
        user("no"),
        say("assistant", "b"),
        user(),
        say("assistant", "c"),
        user(),
    ]
    sign = stalled(messages, USUAL)
    assert sign is not None
    assert (sign.words, sign.beyond) == ("the user asked the same 3 times", 1)


def test_long_messages_are_the_same_only_character_for_character() -> None:
    text = "word " * 5_000
    assert kind(user(text), say("assistant", "a"), user(text)) == "asked_again"
    assert kind(user(text), say("assistant", "a"), user(text + "!")) is None


def test_marks_for_caches_that_wander_change_no_result() -> None:
    loop = steps(*[step(number=n) for n in range(3)])
    marked = say(
        "tool",
        ToolResult(
            call_id="call_2",
            parts=(Text(text="nothing found", extra={"cache_control": {"type": "ephemeral"}}),),
        ),
    )
    assert kind(user(), *loop[:-1], marked) == "repeats"


@given(st.lists(st.tuples(NAMES, ARGUMENTS, RESULTS), max_size=12))
def test_a_sign_that_is_turned_off_is_never_seen(turns: list[tuple[str, str, str]]) -> None:
    loop = steps(*[step(*turn, number=n) for n, turn in enumerate(turns)])
    assert kind(user(), *loop, stall=Stall(repeats=0, failures=0, asked_again=0)) is None
    assert kind(user(), *loop, stall=Stall(repeats=0)) in (None, "failures")
    assert kind(user(), *loop, stall=Stall(failures=0)) in (None, "repeats")


@given(
    st.lists(st.tuples(NAMES, ARGUMENTS, RESULTS), max_size=4),
    st.lists(st.tuples(NAMES, ARGUMENTS, RESULTS), min_size=1, max_size=5),
    st.integers(1, 5),
    st.integers(2, 4),
    st.integers(1, 5),
)
def test_what_is_found_is_what_a_reader_would_count(
    before: list[tuple[str, str, str]],
    circle: list[tuple[str, str, str]],
    rounds: int,
    repeats: int,
    failures: int,
) -> None:
    """The last few turns, said over and over; the errors at the end, up to a result that is none."""
    turns = before + circle * rounds
    loop = steps(*[step(*turn, number=n) for n, turn in enumerate(turns)])
    goes_round = any(
        turns[-length * repeats :] == turns[-length:] * repeats for length in range(1, MOST_CYCLE + 1)
    )
    errors = 0
    while errors < len(turns) and turns[-1 - errors][2].startswith("Error"):
        errors += 1
    expected = "repeats" if goes_round else "failures" if errors >= failures else None
    assert kind(user(), *loop, stall=Stall(repeats=repeats, failures=failures)) == expected


@given(st.lists(st.tuples(NAMES, ARGUMENTS, RESULTS), min_size=1, max_size=8), st.text(max_size=30))
def test_what_stood_before_the_task_changes_nothing(turns: list[tuple[str, str, str]], text: str) -> None:
    loop = steps(*[step(*turn, number=n) for n, turn in enumerate(turns)])
    before = [user("Something else altogether?"), *loop, say("assistant", "Done.")]
    task = [user(text), *loop]
    assert stalled([*before, *task], USUAL) == stalled(task, USUAL)


@pytest.mark.parametrize(
    "arguments", ["[" * 3_000, "\\ud800", "{", "", "null"], ids=["deep", "half", "cut", "none", "null"]
)
def test_arguments_of_any_kind_are_compared(arguments: str) -> None:
    other = msgspec.json.encode({"path": "b"}).decode()
    loop = steps(
        step(arguments=arguments, number=0),
        step(arguments=other, number=1),
        step(arguments=arguments, number=2),
    )
    assert kind(user(), *loop) is None


TEXTS = st.one_of(
    st.sampled_from([ASKS, "continue", "Error: no", "<system-reminder>x</system-reminder>"]), st.text()
)
IDS = st.sampled_from(["a", "b", ""])
PARTS: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, text=TEXTS),
    st.builds(Media, kind=st.just("image"), data=st.text(max_size=3)),
    st.builds(ToolCall, id=IDS, name=NAMES, arguments=st.one_of(ARGUMENTS, st.text(max_size=5))),
    st.builds(ToolResult, call_id=IDS, parts=st.tuples(st.builds(Text, text=TEXTS)), is_error=st.booleans()),
)
MESSAGES = st.lists(
    st.builds(
        Message,
        role=st.sampled_from(["system", "developer", "user", "assistant", "tool"]),
        parts=st.lists(PARTS, max_size=3).map(tuple),
    ),
    max_size=20,
)


@given(MESSAGES)
def test_whatever_clients_send_is_read(messages: list[Message]) -> None:
    """Also what no model and no tool would say: it is not for us to find fault with a history."""
    sign = stalled(messages, USUAL)
    assert sign is None or sign.words
    assert stalled(messages, Stall(repeats=2, failures=1, asked_again=2)) is not None or sign is None
