"""What a scorer is: it measures one answer for one expectation. What the score means is said by the expectation."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from tiercel.domain.errors import TiercelError
from tiercel.domain.request import ModelRequest
from tiercel.domain.response import Choice, ModelResponse
from tiercel.evals.evaluation import Candidate, Expectation, Item, JudgeSettings

SCORER_SECONDS = 30.0


class ScorerError(TiercelError):
    """A scorer could not do its work. That is never the candidate's fault. What it took all the same is told as in
    `Scored`."""

    def __init__(self, message: str, *, cost_nano: int = 0, calls: int = 0, unpriced_calls: int = 0) -> None:
        super().__init__(message)
        self.cost_nano = cost_nano
        self.calls = calls
        self.unpriced_calls = unpriced_calls


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer with what it answers. Seconds as in `Result`: `None` where there are none, as for one from the cache.

    `baseline` is the baseline's answer to the same item, for who compares; `None` where there is none.
    """

    item: Item
    candidate: Candidate
    request: ModelRequest
    response: ModelResponse
    repeat: int = 1
    seconds: float | None = None
    ttft_seconds: float | None = None
    ttfa_seconds: float | None = None
    cost_nano: int | None = None
    baseline: ModelResponse | None = None

    @property
    def text(self) -> str:
        """What a reader sees."""
        return self.response.text

    @property
    def choice(self) -> Choice:
        """The answer's first choice: evaluations ask for one."""
        return self.response.choices[0]


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured, 0 to 1. `met` is `None` where the expectation's threshold decides.

    `flaw` says what kind of miss it is, for the result's one word. `pending` means that a person has still to say.
    `cost_nano` is what its `calls` cost, but for `unpriced_calls` of them, whose price is unknown. `both_orders` counts
    verdicts on two answers in both orders, `flips` those of them that turned over with the order.
    """

    value: float
    reason: str = ""
    met: bool | None = None
    repaired: bool = False
    flaw: str = ""
    by: str = ""
    cost_nano: int = 0
    calls: int = 0
    unpriced_calls: int = 0
    both_orders: int = 0
    flips: int = 0
    pending: bool = False


class ScorerInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a scorer says of itself.

    `value` and `options` say what it takes. It is met from `threshold` on where the expectation gives none; with
    `own_threshold` the expectation's is no score but the scorer's own measure. `seconds` is how long it may take for
    one answer. `reads_times` is whether it measures what an answer from the cache does not have; `asks` whether it asks
    a judge; `compares` whether it needs the baseline's answer.
    """

    name: str
    summary: str
    value: str = ""
    options: dict[str, str] = {}
    threshold: float = 1.0
    seconds: float = SCORER_SECONDS
    own_threshold: bool = False
    reads_times: bool = False
    asks: bool = False
    compares: bool = False


class Scorer(Protocol):
    """Built in, found through an entry point of the group `tiercel.scorers`, or named as `module:function`."""

    @property
    def info(self) -> ScorerInfo:
        """Its name and what it takes."""
        ...

    def problems(self, expectation: Expectation) -> list[str]:
        """What keeps this expectation from being measured, in words with the fix; none if it can be."""
        ...

    async def score(self, answer: Answer, expectation: Expectation) -> Scored:
        """Measure the answer. Raises `ScorerError` (or `CheckError`) where it could not do its work."""
        ...


def judge_of(expectation: Expectation, judges: Mapping[str, JudgeSettings]) -> JudgeSettings | None:
    """Who judges: the judge that is named, else the only one there is."""
    if expectation.judge is None and len(judges) == 1:
        return next(iter(judges.values()))
    return judges.get(expectation.judge or "")


def compares(expectation: Expectation, info: ScorerInfo, judges: Mapping[str, JudgeSettings]) -> bool:
    """Whether the baseline's answer is needed: by the scorer, or because its judge looks at pairs."""
    judge = judge_of(expectation, judges) if info.asks else None
    return info.compares or (judge is not None and judge.mode == "pairwise")


def as_text(value: object) -> str:
    """A value of an expectation as text: numbers and truth values as JSON writes them."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
