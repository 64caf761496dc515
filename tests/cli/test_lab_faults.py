"""`tiercel lab --fault`: what is rehearsed on whom, and what is wrong with what was written."""

import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from tiercel.cli.lab_faults import Said, fault_script, kinds_text, told
from tiercel.cli.main import build_parser, main
from tiercel.testing.fault_kinds import FAULT_KINDS

MODELS = ("small", "large")


def written(*arguments: str) -> list[Said]:
    said: list[Said] = build_parser().parse_args(["lab", *arguments]).faults
    return said


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["--fault", "overloaded"], ["overloaded: all calls of every model"]),
        (["--fault", "cut:0.25", "--model", "small"], ["cut: 25% of the calls of small"]),
        (
            ["--fault", "cut", "--fault", "stall", "--model", "small", "--fault", "slow"],
            ["cut: all calls of small", "stall: all calls of small", "slow: all calls of every model"],
        ),
        (
            ["--fault", "cut", "--model", "small", "--model", "large"],
            ["cut: all calls of small", "cut: all calls of large"],
        ),
    ],
)
def test_models_are_those_named_after_the_fault(arguments: list[str], lines: list[str]) -> None:
    shown = told(fault_script(written(*arguments), MODELS, seed=0))
    assert [line.strip().split(" (")[0] for line in shown] == lines


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--fault", "overloadd"], "did you mean 'overloaded'"),
        (["--fault", "zzz"], "there are reset"),
        (["--fault", "cut:2"], "a rate from 0 to 1, such as cut:0.2; got '2'"),
        (["--fault", "cut:"], "a rate from 0 to 1"),
        (["--fault", "cut:nan"], "a rate from 0 to 1"),
        (["--fault", "cut", "--model", "claude-opus-48"], "did you mean 'claude-opus-4-8'"),
        (["--model", "claude-opus-4-8"], "name the fault before it"),
    ],
)
def test_what_is_wrong_is_told_with_the_nearest_right_one(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lab", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_help_lists_every_kind() -> None:
    text = kinds_text()
    assert all(f"  {name} " in text for name in FAULT_KINDS)


def test_the_lab_tells_what_it_does_to_whom() -> None:
    code = "import sys; from tiercel.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "lab", "--port", "0", "--time-scale", "0"]
    faults = ["--fault", "unavailable", "--model", "step-3.7-flash"]
    lab = subprocess.Popen([*command, *faults], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert lab.stdout is not None
        root = lab.stdout.readline().split(" at ")[1].split()[0]
        body = b'{"model": "step-3.7-flash", "messages": [{"role": "user", "content": "hi"}]}'
        request = urllib.request.Request(f"{root}/stepfun/v1/chat/completions", body, {"x-api-key": "any"})
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(request, timeout=60)
        lab.send_signal(signal.SIGTERM)
        shown = lab.stdout.read()
        assert lab.wait(timeout=60) == 0
    finally:
        lab.kill()
        lab.communicate()
    assert "unavailable: all calls of step-3.7-flash" in shown
    assert "unavailable: call 1 of step-3.7-flash at stepfun" in shown
