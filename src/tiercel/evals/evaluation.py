"""The nouns of an evaluation: what is asked, of whom, what an answer must be, and what is to be decided by it.

`eval.yaml` and its items are read into these; the runner, the comparison and the reports know nothing else of files.
"""

from typing import Literal, TypeAlias

import msgspec

from tiercel.domain.json import Json, JsonObject

DecidedBy: TypeAlias = Literal["pass", "score"]
"""The primary metric: the share of answers that pass every expectation, or their mean weighted score."""


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that an answer is measured for.

    `scorer` names who measures, `value` is what it is given, `options` what else was said. `negated` turns its score
    over. The expectation is met from `threshold` on (`None`: the scorer's own). `weight` counts in the item's score; 0
    measures without counting. `metric` groups scores under a name of one's own. `judge` names one of the evaluation's
    judges. `line` is where it stands, counted from 1, for messages.
    """

    scorer: str
    value: Json = None
    options: JsonObject = {}
    negated: bool = False
    threshold: float | None = None
    weight: float = 1.0
    metric: str | None = None
    judge: str | None = None
    line: int | None = None

    @property
    def name(self) -> str:
        """What tables call it."""
        return self.metric or ("not-" if self.negated else "") + self.scorer


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to ask, and how its answers are measured.

    `id` is unique in the evaluation and stable: two runs are paired by it. `body` is the request as a chat completions
    client would send it, without its model. `target` holds the right answers, where they are known; `expectations` are
    the item's own after the evaluation's defaults, and it passes when every one that counts is met, or, where it has a
    `threshold`, when its weighted score reaches that. `weight` is what it counts in means (unequal sampling: one over
    its chance). `cluster` groups items that are no independent evidence, such as turns of one conversation.
    `metadata` is kept for slices. `source` and `line` say where it came from.
    """

    id: str
    body: JsonObject
    target: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    variables: JsonObject = {}
    expectations: tuple[Expectation, ...] = ()
    metadata: JsonObject = {}
    weight: float = 1.0
    threshold: float | None = None
    cluster: str | None = None
    source: str = ""
    line: int | None = None


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared: a model at an effort, or one of the policy's rules with all its tiers.

    `address` is what a client would say as `model`: `claude-haiku-4-5@low`, `auto:support`, `fast`. A model answers
    alone, as it is; `helped` is whether the policy's retries, fallbacks, checks and escalations hold, as they do for
    what is a rule, a tier or `auto`. `fields` go into every request to it, such as a temperature.
    """

    id: str
    address: str
    helped: bool = False
    fields: JsonObject = {}


class JudgeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A model, or several whose majority counts, that measures answers.

    "rubric" looks at one answer, "pairwise" at the candidate's beside the baseline's: in both `orders`, and a verdict
    that flips with the order is a tie, unless one order was asked for. `labels` is a file of people's verdicts to
    measure the judge by.
    """

    name: str
    models: tuple[str, ...]
    mode: Literal["rubric", "pairwise"] = "rubric"
    orders: Literal["both", "one"] = "both"
    criteria: str | None = None
    labels: str | None = None


class Guardrail(msgspec.Struct, frozen=True, kw_only=True):
    """A bound that the candidate must keep beside the primary metric, and all that it must where there is no baseline.

    `metric` is one of `GUARDRAILS`; `at_most` is absolute (dollars, seconds, a share), or a multiple of the baseline's
    where `relative`.
    """

    metric: str
    at_most: float
    relative: bool = False


GUARDRAILS = {
    "cost_per_success": "dollars for each item that passed",
    "p50_seconds": "the median latency",
    "p95_seconds": "the 95th percentile of latency",
    "p95_ttfa_seconds": "the 95th percentile of time to first answer token",
    "failure_rate": "the share of answers that did not pass",
    "invalid_format": "the share of answers that are not of the asked form",
    "retry_rate": "the share of answers that took more than one call",
    "non_stop_rate": "the share of answers that did not end by themselves",
}


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be decided, fixed before anybody is asked: may a candidate be worse than the baseline by `margin`?

    Shares run from 0 to 1. Several candidates are corrected by Holm's method, unless `correction` is "none". With
    `drop_losers` a candidate is asked no more once it is shown to be worse by more than that.
    """

    decided_by: DecidedBy = "pass"
    margin: float = 0.03
    alpha: float = 0.05
    guardrails: tuple[Guardrail, ...] = ()
    correction: Literal["holm", "none"] = "holm"
    slices: tuple[str, ...] = ()
    drop_losers: bool = False


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How it is asked.

    `concurrency` is the most requests under way at once, fewer after a 429 while `adaptive`. `attempts` bounds the
    calls for one answer that failed on the way. `stream` asks for streams: else no time to first token is known.
    """

    concurrency: int = 8
    adaptive: bool = True
    repeats: int = 1
    timeout_seconds: float = 60.0
    attempts: int = 5
    budget_nano: int | None = None
    cache: bool = True
    stream: bool = True
    seed: int = 0


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a run needs to know, read and found usable.

    `baseline` is the id of a candidate, `None` where nothing is compared. `hash` names exactly what is asked, of whom,
    and how it is measured (items, expectations, candidates, judges, analysis): a run is resumed only under the hash it
    began with.
    """

    name: str
    description: str = ""
    candidates: tuple[Candidate, ...]
    items: tuple[Item, ...]
    baseline: str | None = None
    judges: dict[str, JudgeSettings] = {}
    analysis: Analysis = Analysis()
    run: RunSettings = RunSettings()
    hash: str = ""
