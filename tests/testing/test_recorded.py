"""Recorded answers: both kinds of file are read, and a bad line is named."""

from pathlib import Path

import pytest

from tiercel.domain.errors import ConfigError
from tiercel.testing.lab.recorded import GSM8K_MODELS, read_recorded

GSM8K = Path(__file__).parents[3] / "shared" / "data" / "evalsets" / "gsm8k" / "example_model_solutions.jsonl"


def write(folder: Path, *lines: str) -> Path:
    path = folder / "answers.jsonl"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_our_own_rows_are_found_by_model_and_prompt(tmp_path: Path) -> None:
    row = '{"prompt":"2+2?","model":"m","answer":"4","usage":{"input":5,"output":1},"latency_seconds":0.5}'
    found = read_recorded(write(tmp_path, row)).find("m", "2+2?")
    assert found is not None
    assert (found.answer, found.latency_seconds) == ("4", 0.5)


def test_gsm8k_rows_give_an_answer_for_each_model_and_the_right_number(tmp_path: Path) -> None:
    row = (
        '{"question":"q","ground_truth":"so\\nA: 18","6b_finetuning":{"is_correct":false,"solution":"A: 3"},'
        '"175b_verification":{"is_correct":true,"solution":"A: 18"}}'
    )
    recorded = read_recorded(write(tmp_path, row))
    assert recorded.models == ("6b_finetuning", "175b_verification")
    assert [answer.right for answer in recorded.answers] == [False, True]
    assert recorded.expected("q") == "18"


@pytest.mark.parametrize("line", ["{", "[]", '{"prompt": "p"}', '{"prompt":"p","model":"m","answer":3}'])
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    good = '{"prompt":"p","model":"m","answer":"a"}'
    with pytest.raises(ConfigError, match=r"answers\.jsonl:2: not a recorded answer"):
        read_recorded(write(tmp_path, good, line))


def test_a_missing_file_and_an_empty_one_are_told_of(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_recorded(tmp_path / "none.jsonl")
    with pytest.raises(ConfigError, match="no recorded answers"):
        read_recorded(write(tmp_path, ""))


@pytest.mark.skipif(not GSM8K.exists(), reason="the GSM8K solutions are not beside this checkout")
def test_the_published_gsm8k_solutions_are_read_whole() -> None:
    recorded = read_recorded(GSM8K)
    assert (len(recorded.prompts), recorded.models) == (1_319, GSM8K_MODELS)
    assert all(recorded.expected(prompt) is not None for prompt in recorded.prompts)
