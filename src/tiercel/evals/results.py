"""One answer to one item, measured: the row of `results.jsonl`, which every run only ever adds to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.domain.json import Json
from tiercel.evals.evaluation import DecidedBy
from tiercel.measure.message_words import answer_text

RESULTS = "results.jsonl"

Key: TypeAlias = tuple[str, str, int]
"""What a result answers: item, candidate, repeat."""

State: TypeAlias = Literal["passed", "failed", "error"]
"""An "error" says nothing about the candidate: nobody answered, or a scorer could not do its work."""

Kind: TypeAlias = Literal[
    "ok",
    "empty",
    "length",
    "refused",
    "invalid_json",
    "schema",
    "expectation",
    "timeout",
    "rate_limited",
    "provider",
    "scorer",
]
"""What a result came to, in a word: `ok` passed; the last four are errors, of which nothing is learned."""


class Score(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one expectation measured. `value` is 0 to 1; `repaired` means that it was met after a local repair.

    `unmeasured` says why the scorer could not do its work; then `value` and `met` mean nothing. `cost_nano` is what its
    `calls` cost, but for `unpriced_calls` of them, whose price is unknown; `by` is who judged, as `model (prompt
    version)`. `both_orders` counts verdicts on two answers in both orders, `flips` those that turned over with the
    order.
    """

    name: str
    value: float = 0.0
    met: bool = False
    weight: float = 1.0
    reason: str = ""
    repaired: bool = False
    unmeasured: str | None = None
    by: str = ""
    cost_nano: int = 0
    calls: int = 0
    unpriced_calls: int = 0
    both_orders: int = 0
    flips: int = 0

    @property
    def full_cost_nano(self) -> int | None:
        """What all its calls cost; `None` where the price of one is unknown."""
        return None if self.unpriced_calls else self.cost_nano


class CallMade(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One call that the answer took, as its record has it. Seconds run from the sending of the call."""

    model: str
    deployment: str = ""
    effort: str | None = None
    why: str = ""
    failure: str | None = None
    finish: str | None = None
    seconds: float | None = None
    ttft_seconds: float | None = None
    ttfa_seconds: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_nano: int | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One item put to one candidate once.

    `repeat` counts from 1. `score` is the weighted mean of its scores, 0 to 1. Seconds run from when the request was
    due: a wait for a free place counts. They are `None` for what came from the cache (`cached`), which has no latency.
    `cost_nano` is that of the answer, `None` where a price is unknown, and not that of its judges, which stands in the
    scores. `model_returned` is the version that the provider named. `at` is Unix time in seconds. `output` is the
    answer's text, `tool_calls` what it called, in words: `click({"x": 10})`.
    """

    item: str
    candidate: str
    repeat: int = 1
    state: State
    kind: Kind
    reason: str = ""
    output: str = ""
    tool_calls: tuple[str, ...] = ()
    score: float = 0.0
    scores: tuple[Score, ...] = ()
    seconds: float | None = None
    ttft_seconds: float | None = None
    ttfa_seconds: float | None = None
    tokens_per_second: float | None = None
    queue_seconds: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_nano: int | None = None
    finish: str | None = None
    calls: tuple[CallMade, ...] = ()
    lost: tuple[str, ...] = ()
    cached: bool = False
    simulated: bool = False
    model_returned: str = ""
    record: str = ""
    at: float = 0.0
    extra: dict[str, Json] = {}

    @property
    def key(self) -> Key:
        """What it answers: of several rows with one key the last counts."""
        return self.item, self.candidate, self.repeat

    @property
    def said(self) -> str:
        """The whole answer as a person reads it."""
        return answer_text(self.output, self.tool_calls)

    @property
    def faults(self) -> tuple[str, ...]:
        """What the answer did not meet, in words; of an error, why it says nothing of the candidate."""
        unmet = [f"{score.name}: {score.reason or 'not met'}" for score in self.scores if not score.met]
        found = [self.reason] if self.state == "error" else unmet or [self.reason]
        return tuple(fault for fault in found if fault)

    def value(self, decided_by: DecidedBy) -> float:
        """What it counts in a comparison, 0 to 1."""
        return float(self.state == "passed") if decided_by == "pass" else self.score

    @property
    def judges_nano(self) -> int:
        """What its scorers' calls cost, as far as it is known."""
        return sum(score.cost_nano for score in self.scores)

    @property
    def judges_unpriced_calls(self) -> int:
        """How many of its scorers' calls have an unknown price."""
        return sum(score.unpriced_calls for score in self.scores)


Row = TypeVar("Row")
_DECODER = msgspec.json.Decoder(Result)


def read_results(path: Path) -> Iterator[Result]:
    """The rows in their order; a last one that a crash cut short is left out.

    Raises `ConfigError` with the line for a row within the file that cannot be read.
    """
    return read_rows(path, _DECODER, "result")


def read_rows(path: Path, decoder: msgspec.json.Decoder[Row], what: str) -> Iterator[Row]:
    """The rows of any file that is only ever added to, as above. `what` is what a row is called in messages."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                yield decoder.decode(line)
            except msgspec.DecodeError as error:
                raise ConfigError(f"{path}, line {number}: no {what}: {error}") from error


def last_of_each(path: Path) -> dict[Key, Result]:
    """For each item, candidate and repeat its latest result, in the order of first appearance."""
    found: dict[Key, Result] = {}
    for result in read_results(path):
        found[result.key] = result
    return found
