"""`tiercel demo` and `tiercel lab`: they run without a key, show what they promise, and stop when told to."""

import asyncio
import http.client
import itertools
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from tiercel.checks.registry import Registry
from tiercel.checks.resolve import resolve_policy
from tiercel.checks.sandbox.boxes import find_confinement
from tiercel.cli.demo_answers import surprises
from tiercel.cli.demo_client import DemoClient, Reply
from tiercel.cli.demo_policy import demo_policy
from tiercel.cli.demo_show import without_sandbox
from tiercel.cli.demo_tasks import Outcome
from tiercel.cli.main import main
from tiercel.domain.climb import Verdict
from tiercel.domain.errors import CheckError
from tiercel.domain.record import AttemptRecord, Record
from tiercel.policy import shipped_policy
from tiercel.testing.faults import Fault
from tiercel.testing.scripted import Called, Fails, Says, ScriptedProvider
from tiercel.testing.tasks import demo_tasks


def has_sandbox() -> bool:
    try:
        asyncio.run(find_confinement())
    except CheckError:
        return False
    return True


needs_sandbox = pytest.mark.skipif(not has_sandbox(), reason="no sandbox works on this machine")
GSM8K = Path(__file__).parents[3] / "shared" / "data" / "evalsets" / "gsm8k" / "example_model_solutions.jsonl"


class Shown:
    """What one whole run of the demo printed."""

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        self.text = text

    def about(self, task: str) -> str:
        """What it says of a task: its own line and those of the calls below."""
        lines = self.text.splitlines()
        at = next(number for number, line in enumerate(lines) if line.startswith(f"{task} "))
        own = itertools.takewhile(lambda line: line.startswith("  "), lines[at + 1 :])
        return "\n".join([lines[at], *own])


@pytest.fixture(scope="module")
def shown() -> Shown:
    command = [
        sys.executable,
        "-c",
        "import sys; from tiercel.cli.main import main; sys.exit(main(['demo']))",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return Shown(done.returncode, done.stdout)


def test_it_ends_well(shown: Shown) -> None:
    assert (shown.code, "UNEXPECTED" in shown.text) == (0, False)


def test_it_shows_every_task(shown: Shown) -> None:
    assert all(shown.about(task.name) for task in demo_tasks())


def test_it_shows_progress_the_report_and_the_next_steps(shown: Shown) -> None:
    parts = (
        f"{len(demo_tasks())} of {len(demo_tasks())} tasks",
        "Tiercel report:",
        "SIMULATED",
        "tiercel init",
        "curl",
    )
    places = [shown.text.index(part) for part in parts]
    assert places == sorted(places)


@pytest.mark.parametrize(
    "step",
    [
        "retry ",
        "fallback ",
        "re-ask ",
        "escalation ",
        "repair (fences)",
        "repair (newlines)",
        "failed (empty)",
    ],
)
def test_every_turn_of_the_ladder_is_seen(shown: Shown, step: str) -> None:
    assert step in shown.text


@pytest.mark.parametrize(
    ("task", "went"),
    [
        ("large-log", "first gemini-3.5-flash"),
        ("risk-delete", "first claude-opus-4-8"),
        ("gui-login", "first step-3.7-flash"),
        ("code-rate-limiter", "first claude-sonnet-4-5"),
        ("latency-autocomplete", "raised to"),
        ("chat-refusal", "refused"),
        ("agent-tests", "passed, right"),
        ("local-only", "refused, as it should be"),
    ],
)
def test_tasks_go_where_the_policy_sends_them(shown: Shown, task: str, went: str) -> None:
    assert went in shown.about(task)


@pytest.mark.parametrize(
    ("task", "check"),
    [
        ("extract-meeting", "json_schema"),
        ("reason-pipes", "agreement"),
        pytest.param("code-roman", "code", marks=needs_sandbox),
    ],
)
def test_each_kind_of_check_sends_an_answer_up(shown: Shown, task: str, check: str) -> None:
    assert re.search(f"{check} MISSED.*escalation ", shown.about(task), re.DOTALL)


def test_two_opinions_outvote_a_wrong_answer(shown: Shown) -> None:
    about = shown.about("reason-parking")
    assert ("passed, right" in about, "(elected and delivered)" in about) == (True, True)


@pytest.mark.parametrize("check", ["json_schema", "agreement", "code"])
def test_the_account_of_every_check_is_shown(shown: Shown, check: str) -> None:
    account = shown.text[shown.text.index("Tiercel report: checks") :]
    assert account.count(f"\n{check} ") == 4


def test_a_machine_without_a_sandbox_is_said() -> None:
    """In one line with the reason, and it is no failure of the demo."""
    broken = Verdict(check="code", score=0.0, reason="", error="no sandbox works here (nothing)")
    attempt = AttemptRecord(
        number=1, why="first", rung="a", deployment="a", provider="p", model="a", verdicts=(broken,)
    )
    record = msgspec.structs.replace(RECORD, attempts=(attempt,))
    lines = ["", "The check `code` could run no program here: no sandbox works here (nothing)"]
    assert without_sandbox([RECORD, record]) == lines
    assert without_sandbox([RECORD]) == []


def test_the_demos_policy_is_the_shipped_one_with_its_examples() -> None:
    """What stands there in comments is right as it stands: an operator only takes away the marks."""
    policy, shipped = demo_policy(), shipped_policy()
    added = [rule for rule in policy.rules if rule not in shipped.rules]
    assert [rule for rule in policy.rules if rule not in added] == list(shipped.rules)
    checks = {rule.name: [gate.check for gate in rule.gates or ()] for rule in added}
    assert checks == {
        "reasoning": ["finished", "json_schema", "agreement"],
        "coding": ["finished", "json_schema", "code"],
    }
    resolve_policy(policy, Registry.load())


def test_a_limit_sends_only_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--limit", "2"]) == 0
    printed = capsys.readouterr().out
    assert "2 of 2 tasks" in printed
    assert "summary-german" not in printed


def write_solutions(folder: Path) -> Path:
    """Three questions in GSM8K's form: the cheapest model knows one, the dearest two, nobody the third."""
    right = {"q1": ("6b_finetuning", "175b_verification"), "q2": ("175b_verification",), "q3": ()}
    models = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
    lines = []
    for question, knowing in right.items():
        row: dict[str, object] = {"question": question, "ground_truth": "so\nA: 18"}
        for model in models:
            row[model] = {"is_correct": model in knowing, "solution": f"A: {18 if model in knowing else 7}"}
        lines.append(json.dumps(row))
    path = folder / "solutions.jsonl"
    path.write_text("\n".join(lines), "utf-8")
    return path


def test_recorded_answers_end_in_each_models_accuracy_and_the_ladders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--answers", str(write_solutions(tmp_path))]) == 0
    lines = capsys.readouterr().out.splitlines()
    table = {line.split("  ")[0]: line.split()[-3:-1] for line in lines if "%" in line and "$" in line}
    assert table["6b_finetuning alone"] == ["33.3%", "1"]
    assert table["6b_verification alone"] == ["0.0%", "0"]
    assert table["175b_verification alone"] == ["66.7%", "2"]
    assert table["the ladder"] == ["66.7%", "2"]
    assert "Escalations: 6, in 2 of 3 requests." in lines
    assert any("oracle" in line for line in lines)
    assert any("Prices are assumed" in line for line in lines)


def test_a_model_without_an_answer_to_a_prompt_is_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "answers.jsonl"
    rows = [("p1", "a"), ("p1", "b"), ("p2", "b")]
    lines = [json.dumps({"prompt": prompt, "model": model, "answer": "fine"}) for prompt, model in rows]
    path.write_text("\n".join(lines), "utf-8")
    assert main(["demo", "--answers", str(path)]) == 0
    assert "Escalations: 0, in 0 of 2 requests." in capsys.readouterr().out


def test_an_answers_file_that_is_none_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--answers", str(tmp_path / "missing.jsonl")]) == 2
    assert "missing.jsonl: cannot be read" in capsys.readouterr().err


@pytest.mark.skipif(not GSM8K.exists(), reason="the GSM8K solutions are not beside this checkout")
def test_the_ladder_over_gsm8k_beats_its_best_model_at_less_cost(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--answers", str(GSM8K), "--limit", "60"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split("  ")[0]: line.split() for line in lines if "%" in line and "$" in line}
    best, ladder = rows["175b_verification alone"], rows["the ladder"]
    assert int(ladder[-2]) > int(best[-2])
    assert float(ladder[-1].strip("$")) < float(best[-1].strip("$"))


RECORD = Record(id="r", started_at=0.0, seconds=0.1, outcome="passed")
TASK = demo_tasks()[0]
LOCAL = next(task for task in demo_tasks() if task.outcome == "refused")


@pytest.mark.parametrize(
    ("outcome", "surprise"),
    [
        (Outcome(task=TASK, reply=Reply(status=200), record=RECORD, right=True), None),
        (Outcome(task=TASK, reply=Reply(status=200), record=None, right=True), "no record"),
        (Outcome(task=TASK, reply=Reply(status=502, problem="gone"), record=RECORD, right=None), "502: gone"),
        (Outcome(task=LOCAL, reply=Reply(status=400, problem="no"), record=RECORD, right=None), None),
        (Outcome(task=LOCAL, reply=Reply(status=200), record=RECORD, right=None), "although no deployment"),
    ],
)
def test_what_should_not_have_happened_is_said(outcome: Outcome, surprise: str | None) -> None:
    assert surprise is None if outcome.surprise is None else (surprise or "?") in outcome.surprise


def test_a_recorded_prompt_without_an_answer_is_said() -> None:
    answered = ("p", Reply(status=200), RECORD)
    assert surprises([answered, ("q", Reply(status=503, problem="gone"), RECORD)]) == [
        "'q': status 503: gone"
    ]


@pytest.mark.parametrize("stream", [False, True])
async def test_the_client_reads_text_and_tool_calls(stream: bool) -> None:
    says = Says(text="so be it", calls=(Called(name="look"),), finish="tool_calls")
    async with ScriptedProvider(says) as provider:
        client = DemoClient(provider.base_url.removesuffix("/v1"))
        reply = await client.ask({"model": "auto", "messages": [], "stream": stream}, {})
        await client.aclose()
    assert (reply.text, reply.calls, reply.answered) == ("so be it", ("look",), True)


@pytest.mark.parametrize(
    ("says", "status", "problem"),
    [
        (Fails(status=503, message="busy"), 503, "busy"),
        (Says(text="one two", fault=Fault(error_in_stream=True, after=2, message="broke")), 200, "broke"),
        (Says(text="one two", fault=Fault(cut=True, after=2)), 0, ""),
    ],
)
async def test_the_client_notices_what_went_wrong(says: Says | Fails, status: int, problem: str) -> None:
    async with ScriptedProvider(says) as provider:
        client = DemoClient(provider.base_url.removesuffix("/v1"))
        reply = await client.ask({"model": "auto", "messages": [], "stream": True}, {})
        await client.aclose()
    assert (reply.status, reply.answered) == (status, False)
    assert problem in (reply.problem or "")


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`tiercel` in a process of its own."""
    command = [
        sys.executable,
        "-c",
        "import sys; from tiercel.cli.main import main; sys.exit(main())",
        *arguments,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def line_with(process: subprocess.Popen[str], words: str) -> str:
    """The next line it prints that holds these words."""
    assert process.stdout is not None
    return next(line for line in process.stdout if words in line)


def port_in(line: str) -> int:
    return int(line.split("http://127.0.0.1:")[1].split("/")[0].split()[0].strip(".,"))


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_the_lab_serves_until_told_to_stop() -> None:
    with started("lab", "--port", "0") as process:
        port = port_in(line_with(process, "Simulated providers"))
        line_with(process, "tiercel serve")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/gemini/v1/models", headers={"authorization": "Bearer any"})
        assert json.load(connection.getresponse())["data"][0]["id"] == "gemini-3.5-flash"
        connection.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_the_demo_with_serve_stays_up_until_told_to_stop() -> None:
    with started("demo", "--limit", "1", "--serve") as process:
        line_with(process, "stay up")
        port = port_in(line_with(process, "curl"))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        body = {
            "model": "auto",
            "messages": [{"role": "user", "content": "What is the capital of Slovenia?"}],
        }
        connection.request(
            "POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"}
        )
        answer = json.load(connection.getresponse())
        connection.close()
        assert answer["choices"][0]["message"]["content"] == "The capital of Slovenia is Ljubljana."
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0


@pytest.mark.parametrize("arguments", [["lab", "--time-scale", "-1"], ["demo", "--limit", "few"]])
def test_a_wrong_argument_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "is not a" in capsys.readouterr().err
