"""Recorded answers, played back by exact prompt: what models really said once, at no cost and always the same.

Two kinds of JSONL are read. Our own: `{"prompt", "model", "answer"}` with optional `usage`, `latency_seconds` and
`expected`. And the four models' solutions published with GSM8K: `{"question", "ground_truth", MODEL: {"is_correct",
"solution"}, …}`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.domain.json import JsonObject
from tiercel.domain.response import Usage
from tiercel.domain.tokens import TOKENS_PER_MESSAGE, estimate_tokens

GSM8K_MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
"""In the order of what they would cost to run, cheapest first (assumed: nobody published prices)."""


class RecordedUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens as the provider counted them then."""

    input: int = 0
    output: int = 0
    reasoning: int = 0


class RecordedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One model's answer to one prompt. `right` is what its publisher says of it, `expected` the known right answer."""

    prompt: str
    model: str
    answer: str
    usage: RecordedUsage | None = None
    latency_seconds: float | None = None
    expected: str | None = None
    right: bool | None = None


def usage_of(answer: RecordedAnswer) -> Usage:
    """The tokens of one call that gets this answer: as recorded, else estimated from the texts."""
    used = answer.usage
    if used is None:
        asked = TOKENS_PER_MESSAGE + estimate_tokens(answer.prompt)
        return Usage(uncached=asked, visible=estimate_tokens(answer.answer))
    return Usage(uncached=used.input, visible=used.output - used.reasoning, reasoning=used.reasoning)


class Recorded:
    """A file of recorded answers."""

    def __init__(self, answers: Sequence[RecordedAnswer]) -> None:
        self.answers = tuple(answers)
        self._by_key = {(answer.model, answer.prompt.strip()): answer for answer in answers}
        self.models = tuple(dict.fromkeys(answer.model for answer in answers))
        """In the order of their first appearance, which is the order of the ladder."""
        self.prompts = tuple(dict.fromkeys(answer.prompt for answer in answers))

    def find(self, model: str, prompt: str) -> RecordedAnswer | None:
        """What this model said to exactly this prompt."""
        return self._by_key.get((model, prompt.strip()))

    def knows(self, prompt: str) -> bool:
        """Whether any model's answer to this prompt was recorded."""
        return any(self.find(model, prompt) is not None for model in self.models)

    def expected(self, prompt: str) -> str | None:
        """The known right answer, where the file has one."""
        rows = (self.find(model, prompt) for model in self.models)
        return next((row.expected for row in rows if row is not None and row.expected is not None), None)


def read_recorded(path: Path) -> Recorded:
    """The answers of a file. Raises `ConfigError` naming the file and line that cannot be read."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    answers: list[RecordedAnswer] = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            answers += _read_line(line, f"{path}:{number}")
    if not answers:
        raise ConfigError(f"{path}: no recorded answers in it; expected one JSON object a line")
    return Recorded(answers)


def _read_line(line: bytes, where: str) -> Iterator[RecordedAnswer]:
    try:
        row = msgspec.json.decode(line)
        if isinstance(row, dict) and "question" in row and "ground_truth" in row:
            return iter(tuple(_read_gsm8k(row)))
        return iter((msgspec.convert(row, RecordedAnswer),))
    except (msgspec.DecodeError, msgspec.ValidationError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{where}: not a recorded answer ({error}); expected an object with prompt, model and answer"
        ) from error


def _read_gsm8k(row: JsonObject) -> Iterator[RecordedAnswer]:
    expected = str(row["ground_truth"]).rpartition("A:")[2].strip()
    for model in GSM8K_MODELS:
        if model in row:
            yield RecordedAnswer(
                prompt=row["question"],
                model=model,
                answer=row[model]["solution"],
                expected=expected,
                right=bool(row[model]["is_correct"]),
            )
