"""A run as other programs read it, and the same run brought back."""

import base64
import csv
import io
import json
import stat
from pathlib import Path

import msgspec
import pytest

from tests.evals.importing.scene import brought
from tiercel.domain.errors import ConfigError
from tiercel.evals.evaluation import Candidate, Evaluation, Expectation, Item
from tiercel.evals.exporting import FORMATS, export_run, pieces
from tiercel.evals.exporting.rows import COLUMNS
from tiercel.evals.results import Result, Score
from tiercel.evals.run_folder import Manifest, RunFolder, open_run
from tiercel.testing.tasks import screenshot_png

ITEM = Item(
    id="i1",
    body={"messages": [{"role": "user", "content": "2+2?"}]},
    target=("4",),
    variables={"q": "2+2"},
    expectations=(Expectation(scorer="contains", value="4", weight=2.0),),
    metadata={"topic": "sums"},
)
EVALUATION = Evaluation(
    name="sums",
    hash="abc",
    candidates=(Candidate(id="fast", address="small@low"), Candidate(id="deep", address="openai/large")),
    items=(ITEM, msgspec.structs.replace(ITEM, id="i2")),
)
RIGHT = Result(
    item="i1",
    candidate="fast",
    state="passed",
    kind="ok",
    output="4",
    score=1.0,
    scores=(Score(name="contains", value=1.0, met=True, weight=2.0, reason="has it", cost_nano=1_000),),
    seconds=0.5,
    input_tokens=7,
    output_tokens=3,
    cost_nano=2_500_000,
    finish="stop",
    model_returned="small-1",
)
FORMULA = msgspec.structs.replace(
    RIGHT,
    item="i2",
    state="failed",
    kind="expectation",
    output='=HYPERLINK("https://example.org")\nüber',
    score=0.0,
    scores=(Score(name="contains", reason="lacks it"),),
    cost_nano=None,
    finish="length",
)
BROKEN = Result(item="i1", candidate="deep", state="error", kind="provider", reason="no connection")


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = tmp_path / "run"
    folder.mkdir()
    manifest = Manifest(
        id="r1", evaluation=EVALUATION, started_at=1_777_629_600.0, finished_at=1_777_629_660.0, tiercel="0"
    )
    (folder / "run.json").write_bytes(msgspec.json.encode(manifest))
    first_try = msgspec.structs.replace(BROKEN, candidate="fast")
    rows = [msgspec.json.encode(row) + b"\n" for row in (first_try, RIGHT, FORMULA, BROKEN)]
    (folder / "results.jsonl").write_bytes(b"".join(rows))
    return open_run(folder)


def written(run: RunFolder, form: str, candidate: str | None = None) -> str:
    return b"".join(pieces(run, form, candidate=candidate)).decode()


def test_lines_of_json_have_every_column_and_the_last_result_of_each(run: RunFolder) -> None:
    rows = [json.loads(line) for line in written(run, "jsonl").splitlines()]
    assert [list(row) for row in rows] == [list(COLUMNS)] * 3
    assert [(row["item"], row["candidate"], row["state"]) for row in rows] == [
        ("i1", "fast", "passed"),
        ("i2", "fast", "failed"),
        ("i1", "deep", "error"),
    ]
    assert (rows[0]["cost_usd"], rows[1]["cost_usd"], rows[0]["judges_cost_usd"]) == (0.0025, None, 1e-6)
    assert rows[0]["scores"][0]["value"] == 1.0


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_table_tells_a_picture_in_words(run: RunFolder, form: str) -> None:
    url = "data:image/png;base64," + base64.b64encode(screenshot_png()).decode()
    part = {"type": "image_url", "image_url": {"url": url}}
    item = msgspec.structs.replace(ITEM, body={"messages": [{"role": "user", "content": [part]}]})
    evaluation = msgspec.structs.replace(EVALUATION, items=(item,))
    manifest = msgspec.structs.replace(run.manifest, evaluation=evaluation)
    text = written(msgspec.structs.replace(run, manifest=manifest), form)
    assert "base64" not in text
    assert "[image: PNG, 96x64, 1 kB]" in text


def test_csv_holds_what_the_lines_hold(run: RunFolder) -> None:
    """But a text that a spreadsheet would run begins with an apostrophe."""
    table = list(csv.DictReader(io.StringIO(written(run, "csv"))))
    lines = [json.loads(line) for line in written(run, "jsonl").splitlines()]
    assert table[1]["output"] == "'" + lines[1]["output"]
    assert (table[0]["score"], table[1]["cost_usd"], table[0]["cached"]) == ("1.0", "", "false")
    assert json.loads(table[0]["messages"]) == lines[0]["messages"]


def test_parquet_holds_what_the_lines_hold(run: RunFolder, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    export_run(run, "parquet", tmp_path / "x.parquet")
    rows = parquet.read_table(tmp_path / "x.parquet").to_pylist()
    packed = [name for name, kind in COLUMNS.items() if kind == "json"]
    found = [{name: json.loads(v) if name in packed else v for name, v in row.items()} for row in rows]
    assert found == [json.loads(line) for line in written(run, "jsonl").splitlines()]


def test_a_log_of_inspect_comes_back_as_the_same_answers(run: RunFolder, tmp_path: Path) -> None:
    log = written(run, "inspect-json", "fast")
    imported = brought(tmp_path, "inspect", "log.json", {"log.json": log})
    (back,) = imported.runs
    assert [item.id for item in back.evaluation.items] == ["i1", "i2"]
    assert [(r.item, r.state, r.output, r.seconds, r.finish) for r in back.results] == [
        ("i1", "passed", "4", 0.5, "stop"),
        ("i2", "failed", FORMULA.output, 0.5, "length"),
    ]
    assert (back.results[0].input_tokens, back.results[0].model_returned) == (7, "small-1")
    assert imported.rows[0]["input"] == [{"role": "user", "content": "2+2?"}]


def test_a_log_of_inspect_has_what_its_schema_requires(run: RunFolder) -> None:
    """As `EvalLog`, `EvalSpec` and `EvalSample` are documented; a model's name has a provider there."""
    log = json.loads(written(run, "inspect-json", "fast"))
    assert (log["version"], log["status"], log["eval"]["model"]) == (2, "success", "tiercel/small@low")
    assert {"created", "task", "dataset", "model", "config"} <= log["eval"].keys()
    assert {"id", "epoch", "input", "target", "messages", "output", "scores"} <= log["samples"][0].keys()
    assert log["results"]["scores"][0]["metrics"]["accuracy"]["value"] == 0.5
    assert (
        json.loads(written(run, "inspect-json", "deep"))["samples"][0]["error"]["message"] == "no connection"
    )


def test_promptfoos_results(run: RunFolder) -> None:
    whole = json.loads(written(run, "promptfoo-json"))
    rows = whole["results"]["results"]
    assert whole["results"]["stats"] | {"tokenUsage": None} == {
        "successes": 1,
        "failures": 1,
        "errors": 1,
        "tokenUsage": None,
    }
    assert [(row["testIdx"], row["promptIdx"], row["success"], row["failureReason"]) for row in rows] == [
        (0, 0, True, 0),
        (1, 0, False, 1),
        (0, 1, False, 2),
    ]
    assert rows[0]["provider"] == {"id": "small@low", "label": "fast"}
    assert (rows[0]["latencyMs"], rows[0]["cost"], rows[1]["cost"]) == (500, 0.0025, None)
    assert whole["config"]["tests"][0] == {
        "vars": {"q": "2+2", "messages": '[{"role":"user","content":"2+2?"}]'},
        "assert": [{"type": "contains", "value": "4", "weight": 2.0}],
        "metadata": {"topic": "sums", "id": "i1"},
    }


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_is_whole_and_for_its_owner_only(run: RunFolder, tmp_path: Path, form: str) -> None:
    target = tmp_path / "out"
    export_run(run, form, target, candidate="fast")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert not (tmp_path / "out.part").exists()


@pytest.mark.parametrize(
    ("candidate", "complaint"),
    [(None, "say which with --candidate: fast, deep"), ("x", "--candidate x: the run has fast, deep")],
)
def test_a_log_of_inspect_is_of_one_model(run: RunFolder, candidate: str | None, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        written(run, "inspect-json", candidate)


def test_where_it_cannot_be_written(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        export_run(run, "csv", tmp_path / "gone" / "x.csv")
