"""Real outcomes that stand beside a checkout, where they do; tests over them skip, saying so, where they do not."""

import csv
import gzip
from pathlib import Path

import pytest

EVALSETS = Path(__file__).parents[3] / ".." / "shared" / "data" / "evalsets"
GSM8K = EVALSETS / "gsm8k" / "correct_by_model.csv.gz"
VERDICTS = EVALSETS / "judge" / "llmbar_verdicts.csv.gz"

needs_gsm8k = pytest.mark.skipif(not GSM8K.exists(), reason=f"{GSM8K.name} is not beside this checkout")
needs_verdicts = pytest.mark.skipif(
    not VERDICTS.exists(), reason=f"{VERDICTS.name} is not beside this checkout"
)


def gsm8k(model: str) -> list[int]:
    """Which of 1,319 items a model's recorded answer was right on."""
    with gzip.open(GSM8K, "rt", encoding="utf-8") as file:
        return [int(row[model]) for row in csv.DictReader(file)]
