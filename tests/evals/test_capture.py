"""Items drawn from traffic: weights that undo the drawing, each prompt once, redaction that holds."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from tests.records.samples import record
from tiercel.cli.eval.capture import traffic_rows
from tiercel.cli.main import main
from tiercel.domain.errors import ConfigError
from tiercel.domain.request import Format, Media, Message, ModelRequest, Text, Tool, ToolCall, ToolResult
from tiercel.domain.response import Choice, ModelResponse
from tiercel.domain.settings import ContentKept, Storage
from tiercel.evals.capture import Captured, Wanted, capture
from tiercel.evals.files import Surroundings, load_evaluation
from tiercel.evals.scorers.registry import ScorerRegistry
from tiercel.records.recorder import Recorder

ANSWER = ModelResponse(choices=(Choice(parts=(Text(text="So."),)),))


def says(text: str) -> tuple[Message, ...]:
    return (Message(role="user", parts=(Text(text=text),)),)


def keep(
    folder: Path,
    asked: Iterable[tuple[str, tuple[Message, ...]]],
    *,
    kept: ContentKept = "full",
    tools: tuple[Tool, ...] = (),
    format: Format = "openai_chat",
) -> None:
    """Answered requests, each of a task and with these messages, one after the other."""
    recorder = Recorder.open(Storage(folder=str(folder), content=kept))
    for number, (task, messages) in enumerate(asked):
        name = f"r{number:04}"
        request = ModelRequest(format=format, model="auto", messages=messages, tools=tools)
        recorder.said(name, request, ANSWER)
        made = record(name, started_at=1_760_000_000.0 + number)
        recorder.finished(
            msgspec.structs.replace(made, task=task, delivered=1, session=f"s{number % 7}", format=format)
        )
    recorder.close()


def draw(folder: Path, **wanted: object) -> Captured:
    return capture(folder, msgspec.convert({"since": 0.0, **wanted}, Wanted))


def test_weights_add_up_to_the_requests_of_each_stratum(tmp_path: Path) -> None:
    keep(
        tmp_path,
        [("coding", says(f"c{n}")) for n in range(30)] + [("summary", says(f"s{n}")) for n in range(3)],
    )
    rows = draw(tmp_path, number=10, strata=["task"]).rows
    tasks = Counter(row["metadata"]["task"] for row in rows)
    assert tasks == {"coding": 7, "summary": 3}
    weights = Counter[str]()
    for row in rows:
        weights[row["metadata"]["task"]] += row.get("weight", 1)
    assert weights == {"coding": pytest.approx(30), "summary": 3}


def test_a_prompt_that_was_sent_often_is_drawn_once_and_weighs_as_often(tmp_path: Path) -> None:
    keep(tmp_path, [("coding", says("again"))] * 5 + [("coding", says("once"))])
    rows = draw(tmp_path).rows
    assert sorted((row["input"][0]["content"], row.get("weight", 1)) for row in rows) == [
        ("again", 5),
        ("once", 1),
    ]
    assert len(draw(tmp_path, copies=True).rows) == 6


def test_the_seed_decides_and_a_larger_draw_holds_the_smaller_one(tmp_path: Path) -> None:
    keep(tmp_path, [("coding", says(f"c{n}")) for n in range(40)])

    def ids(**wanted: int) -> set[str]:
        return {row["id"] for row in draw(tmp_path, **wanted).rows}

    assert ids(number=10, seed=3) == ids(number=10, seed=3) < ids(number=20, seed=3)
    assert ids(number=10, seed=3) != ids(number=10, seed=4)


def test_a_conversation_with_tools_comes_back_as_a_request(tmp_path: Path) -> None:
    call = ToolCall(id="c1", name="look", arguments='{"at": "roof"}')
    talk = (
        *says("Look at the roof."),
        Message(role="assistant", parts=(call,)),
        Message(role="tool", parts=(ToolResult(call_id="c1", parts=(Text(text="red"),)),)),
    )
    keep(tmp_path, [("agent_step", talk)], tools=(Tool(name="look", parameters={"type": "object"}),))
    (row,) = draw(tmp_path).rows
    assert [message["role"] for message in row["input"]] == ["user", "assistant", "tool"]
    assert row["input"][1]["tool_calls"][0]["function"] == {"name": "look", "arguments": '{"at": "roof"}'}
    assert row["config"]["tools"][0]["function"]["name"] == "look"


def test_what_only_another_format_knows_stays_behind(tmp_path: Path) -> None:
    told = Message(
        role="system", parts=(Text(text="Be short."),), extra={"openai_responses": {"instructions": True}}
    )
    keep(tmp_path, [("x", (told, *says("Hi")))], format="openai_responses")
    (row,) = draw(tmp_path).rows
    assert row["input"] == [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi"}]


def test_redaction_takes_out_what_opens_or_names_and_pictures_leave_no_item(tmp_path: Path) -> None:
    picture = Media(kind="image", data="aGVsbG8=", mime_type="image/png")
    keep(
        tmp_path,
        [("x", says("mail to jo@example.org")), ("x", (Message(role="user", parts=(picture,)),))],
    )
    captured = draw(tmp_path, redact=True)
    assert [row["input"][0]["content"] for row in captured.rows] == ["mail to [email]"]
    assert captured.left_out == {"its image or file was taken out by redaction": 1}
    assert len(draw(tmp_path).rows) == 2


def test_sessions_group_items_without_being_named(tmp_path: Path) -> None:
    keep(tmp_path, [("x", says(f"{n}")) for n in range(14)])
    sessions = Counter(row["metadata"]["session"] for row in draw(tmp_path).rows)
    assert len(sessions) == 7
    assert not {f"s{n}" for n in range(7)} & sessions.keys()


@pytest.mark.parametrize("kept", ["none", "hashes"])
def test_without_stored_prompts_it_says_what_to_switch_on(tmp_path: Path, kept: ContentKept) -> None:
    keep(tmp_path, [("x", says("a"))], kept=kept)
    with pytest.raises(ConfigError, match=r"content = .redacted.*under \[storage\]"):
        draw(tmp_path)


def test_what_cannot_be_drawn_by_is_told_with_the_nearest_word(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'tasc' is nothing to draw by; did you mean 'task'"):
        draw(tmp_path, strata=["tasc"])


def test_the_command_writes_items_that_an_evaluation_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    keep(tmp_path / "data", [("x", says(f"{n}")) for n in range(4)])
    command = ["eval", "capture", "--since", "2020-01-01", "--n", "2", "--data", "data"]
    assert main(command) == 0
    assert "wrote items.jsonl: 2 items of 4 answered requests" in capsys.readouterr().out
    assert main(command) == 2
    assert "already there; --force" in capsys.readouterr().err
    items = [json.loads(line) for line in Path("items.jsonl").read_text().splitlines()]
    assert [item["weight"] for item in items] == [2, 2]
    assert Path("items.jsonl").stat().st_mode & 0o777 == 0o600
    Path("eval.yaml").write_text(
        "targets: [auto]\ntests: items.jsonl\ndefaultTest: {assert: [{type: contains, value: a}]}\n"
        "analysis: {cluster: metadata.session}\n"
    )
    from tiercel.checks.registry import Registry

    around = Surroundings(scorers=ScorerRegistry(Registry.load()))
    assert all(item.cluster for item in load_evaluation(Path("eval.yaml"), around).items)


def test_tests_may_name_the_traffic_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiercel.toml").write_text('version = 1\n[storage]\nfolder = "data"\n[[providers]]\nname = "x"\n')
    keep(tmp_path / "data", [("x", says(f"{n}")) for n in range(4)])
    assert len(traffic_rows("traffic://2020-01-01?n=3&strata=task")) == 3
    with pytest.raises(ConfigError, match="no request was answered in that time"):
        traffic_rows("traffic://last-1h")
    for wrong, said in (
        ("last-x", "is no time"),
        ("last-7d?n=0", "from 1 to"),
        ("last-7d?m=1", "'m' is not known"),
    ):
        with pytest.raises(ConfigError, match=said):
            traffic_rows(f"traffic://{wrong}")
