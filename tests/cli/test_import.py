"""`tiercel import litellm`, as an operator runs it."""

from pathlib import Path

import pytest

from tests.policy.litellm_configs import COMPANY, LITERAL, SMALL
from tiercel.cli.main import main


def run(folder: Path, config: str, *args: str) -> int:
    file = folder / "config.yaml"
    file.write_text(config, "utf-8")
    return main(["import", "litellm", str(file), "--folder", str(folder), *args])


def test_both_files_are_written_and_pass_validation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`tiercel validate` finds nothing wrong in what was written, once the keys are set."""
    assert run(tmp_path, SMALL) == 0
    told = capsys.readouterr().out
    assert "2 models at 2 places" in told
    assert "OPENAI_API_KEY  (for openai)" in told
    monkeypatch.setenv("OPENAI_API_KEY", "a-key")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "another-key")
    files = ["--config", str(tmp_path / "tiercel.toml"), "--policy", str(tmp_path / "policy.toml")]
    assert main(["validate", *files]) == 0


def test_what_is_left_and_what_is_to_be_done_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with its line, and the commands as they can be run."""
    monkeypatch.setenv("AZURE_US_BASE", "https://company-us.openai.azure.com")
    assert run(tmp_path, COMPANY) == 0
    told = capsys.readouterr().out
    line = next(n for n, text in enumerate(COMPANY.splitlines(), 1) if "bedrock" in text)
    assert f"config.yaml: line {line}: titan: provider 'bedrock' is not served here" in told
    assert "  tiercel keys budget --project everybody --usd-per-month 500" in told


def test_files_that_are_there_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Unless the operator says otherwise; printing never writes."""
    (tmp_path / "policy.toml").write_text("mine")
    assert run(tmp_path, SMALL) == 2
    assert "--force overwrites" in capsys.readouterr().err
    assert run(tmp_path, SMALL, "--print") == 0
    assert "[providers.openai]" in capsys.readouterr().out
    assert [path.name for path in tmp_path.glob("*.toml")] == ["policy.toml"]
    assert (tmp_path / "policy.toml").read_text() == "mine"
    assert run(tmp_path, SMALL, "--force") == 0


def test_no_key_is_shown_or_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither on the screen nor in a file."""
    assert run(tmp_path, LITERAL) == 0
    told = capsys.readouterr()
    written = "".join(path.read_text() for path in tmp_path.glob("*.toml"))
    assert "LITERAL" not in told.out + told.err + written


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"\xff\xfe", "is not text in UTF-8"), (b"a: [", "line 1: not YAML"), (None, "No such file")],
)
def test_what_cannot_be_read_is_said_plainly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, problem: str
) -> None:
    """With the file's name and exit code 2."""
    file = tmp_path / "config.yaml"
    if content is not None:
        file.write_bytes(content)
    assert main(["import", "litellm", str(file)]) == 2
    assert problem in capsys.readouterr().err
