"""What happened: one record per client request with all its attempts, and the feedback that came later.

These are the payloads of the journal. A field is added with a default and never renamed, so that an old journal can
always be read. Prompts and answers are only in `Content`, which is written where the operator chose to keep it.
"""

from typing import Literal, TypeAlias

import msgspec

from tiercel.domain.climb import Verdict, Why
from tiercel.domain.failure import Failure, FailureKind
from tiercel.domain.request import Effort
from tiercel.domain.response import FinishReason, Usage

Outcome = Literal[
    "passed",  # delivered, and every gate passed
    "marked",  # delivered although a gate did not pass, as the policy says
    "refused",  # the model declined; delivered as it is
    "failed",  # nobody answered
    "withheld",  # an answer was there and the policy does not deliver it
    "broken",  # the stream broke after it had begun to reach the client
    "cancelled",  # the client left
    "rejected",  # we could not serve the request as it was
    "interrupted",  # the process ended before the answer was complete
]
DELIVERED: frozenset[Outcome] = frozenset(("passed", "marked", "refused"))


class AttemptRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One call to one deployment. `began_seconds` counts from the request's receipt; TTFT and TTFA from the call's
    sending. `cost_nano` is `None` where a price is unknown. `lost` names what the target could not carry.

    `asked_by` is the check for which a call beside the ladder was made. `version` is what the provider called the
    model, where that is another name than it was asked by: it is in the journal, and no column of the store.
    `missed` is the check whose gate the answer did not pass. `next_nano` is what the same tokens would have cost on the
    ladder's next stage: what a check saves that lets this answer go."""

    number: int
    why: Why
    rung: str
    deployment: str
    provider: str
    model: str
    tier: str | None = None
    effort: Effort | None = None
    state: Literal["answered", "failed", "cancelled"] = "answered"
    failure: Failure | None = None
    began_seconds: float = 0.0
    seconds: float = 0.0
    ttft_seconds: float | None = None
    ttfa_seconds: float | None = None
    usage: Usage | None = None
    cost_nano: int | None = None
    finish_reason: FinishReason | None = None
    finish_raw: str | None = None
    verdicts: tuple[Verdict, ...] = ()
    repairs: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    asked_by: str | None = None
    missed: str | None = None
    next_nano: int | None = None
    empty: bool = False
    upstream_id: str | None = None
    simulated: bool = False
    version: str = ""


class Started(msgspec.Struct, frozen=True, kw_only=True, tag="started", omit_defaults=True):
    """Written before the first call goes out, so that a killed process leaves the request at least as `interrupted`."""

    id: str
    started_at: float
    format: str = ""
    model_requested: str = ""
    task: str = "unknown"
    rule: str = ""
    rung: str = ""
    project: str = ""
    key_id: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True, tag="record", omit_defaults=True):
    """One client request. `started_at` is Unix seconds; all other clocks are seconds since the request's receipt.

    `verified` is whether a check beyond `finished` measured the delivered answer and every gate passed. `project` and
    `key_id` say who asked; both are empty where no keys are configured.
    `split`, `arm`, `propensity` and `split_unit` are of the A/B test that the request was in, as `climb.Assignment` has
    them; `arms_out` names the arms that it could not be given.
    """

    id: str
    started_at: float
    seconds: float
    outcome: Outcome
    format: str = "openai_chat"
    stream: bool = False
    model_requested: str = ""
    task: str = "unknown"
    complexity: str = "medium"
    risk: str = "low"
    latency: str = "normal"
    residency: str | None = None
    session: str | None = None
    modalities: tuple[str, ...] = ("text",)
    strict_json: bool = False
    tokens_estimated: int = 0
    stated: tuple[str, ...] = ()
    rule: str = ""
    ladder: tuple[str, ...] = ()
    why: str = ""
    policy_hash: str = ""
    attempts: tuple[AttemptRecord, ...] = ()
    delivered: int | None = None
    verified: bool = False
    ttft_seconds: float | None = None
    ttfa_seconds: float | None = None
    problem: str | None = None
    message: str | None = None
    simulated: bool = False
    project: str = ""
    key_id: str = ""
    split: str | None = None
    arm: str | None = None
    propensity: float | None = None
    split_unit: str | None = None
    arms_out: tuple[str, ...] = ()

    @property
    def answer(self) -> AttemptRecord | None:
        """The attempt whose answer the client got."""
        for attempt in self.attempts:
            if attempt.number == self.delivered:
                return attempt
        return None

    @property
    def cost_nano(self) -> int:
        """All attempts together, as far as prices are known."""
        cost = 0
        for attempt in self.attempts:
            cost += attempt.cost_nano or 0
        return cost

    @property
    def cost_known(self) -> bool:
        """Whether every attempt that used tokens has a known price."""
        known = True
        for attempt in self.attempts:
            known = known and (attempt.cost_nano is not None or attempt.usage is None)
        return known


class Feedback(msgspec.Struct, frozen=True, kw_only=True, tag="feedback", omit_defaults=True):
    """What the user said or did with the answer of record `record_id`. The latest of a record counts."""

    id: str
    record_id: str
    at: float
    verdict: Literal["accepted", "rejected"] | None = None
    score: float | None = None
    comment: str | None = None


Place = Literal["tools", "message", "answer"]


class Block(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A piece of a conversation. `key` is a hash of it; `text` is its JSON, `None` where only the hash is kept."""

    place: Place
    key: str
    bytes: int
    text: str | None = None


class Content(msgspec.Struct, frozen=True, kw_only=True, tag="content", omit_defaults=True):
    """What was said in the request of record `record_id`, in its order, the answers last."""

    record_id: str
    blocks: tuple[Block, ...]


class PairedAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of the two answers to a request that a candidate was shown a copy of, measured by the same checks: those of
    the request's gates that call no model.

    `rung` and `model` are empty and `failure` is set where nobody answered; `passed` is then false. `score` is the
    least of the verdicts, `None` where nothing was measured; `worst` is the check whose gate was missed, else the one
    with that score. `seconds` and `cost_nano` are of all calls together; the latter is `None` where a price is unknown.
    `said` is a hash of the answer, with its text only where the operator keeps content.
    """

    rung: str = ""
    model: str = ""
    passed: bool = False
    score: float | None = None
    worst: str | None = None
    failure: FailureKind | None = None
    finish: FinishReason | None = None
    seconds: float = 0.0
    ttft_seconds: float | None = None
    cost_nano: int | None = None
    output_tokens: int | None = None
    said: Block | None = None


class ShadowPair(msgspec.Struct, frozen=True, kw_only=True, tag="shadow_pair", omit_defaults=True):
    """What was delivered for record `record_id`, and what `candidate` answered to a copy that nobody waited for.

    `run` is the registered run that wanted the copy, empty where the rule itself does. `propensity` is the share of
    requests that are copied. `cluster` is the session as `session_key` tells it from others, else the record's own id:
    pairs of one cluster are no independent observations. `received_at` is when the client's request came, in Unix
    seconds. `attempts` are the candidate's calls.
    """

    record_id: str
    candidate: str
    received_at: float
    rule: str
    task: str
    propensity: float
    cluster: str
    live: PairedAnswer
    shadow: PairedAnswer
    run: str = ""
    session: str | None = None
    project: str = ""
    key_id: str = ""
    attempts: tuple[AttemptRecord, ...] = ()
    simulated: bool = False

    @property
    def cost_nano(self) -> int:
        """What the candidate's calls cost, as far as prices are known."""
        return sum(attempt.cost_nano or 0 for attempt in self.attempts)


JournalEntry: TypeAlias = Started | Record | Feedback | Content | ShadowPair
