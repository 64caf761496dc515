"""One request's passage up its ladder: the plan, the attempts, the verdicts, the world as it is, and the next step."""

from typing import Literal, TypeAlias

import msgspec

from tiercel.domain.catalog import Deployment
from tiercel.domain.facts import Facts
from tiercel.domain.failure import Failure
from tiercel.domain.policy import (
    Advisor,
    Gate,
    Hold,
    Limits,
    Review,
    Shadow,
    Split,
    SplitBy,
    Stall,
    Sticky,
)
from tiercel.domain.request import Effort
from tiercel.domain.response import FinishReason

AsideRole = Literal["opinion", "judge", "confidence", "decision", "embedding", "review", "advisor"]
"""What a model is called for that is not climbed."""
Why = Literal[
    "first",
    "retry",
    "fallback",
    "re_ask",
    "escalation",
    "hedge",
    "opinion",
    "judge",
    "confidence",
    "decision",
    "embedding",
    "review",
    "advisor",
    "advised",
    "shadow",
]
ASIDE: frozenset[Why] = frozenset(
    ("opinion", "judge", "confidence", "decision", "embedding", "review", "advisor")
)
"""Calls beside the ladder, which a check, the rule's review or the model that answers asks for."""
NO_GATE = -1
"""In an aside's `gate`: the rule itself has it called."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a check measured: a score in [0, 1] and the reason. The gate, not the check, decides whether it passes.

    `message` is what a re-ask tells the model. `repaired` is the text as a local fix left it, `repairs` names the
    fixes in order. `error` is set when the check could not do its work; then `score` says nothing. `elects` is the
    number of the attempt whose answer the others agree on, where that is not the one that was measured.
    """

    check: str
    score: float
    reason: str
    message: str | None = None
    repaired: str | None = None
    repairs: tuple[str, ...] = ()
    error: str | None = None
    seconds: float = 0.0
    elects: int | None = None


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment at an effort, with the stage of the ladder it belongs to.

    `max_output_tokens` is what is asked upstream and `cut_at` where visible text is cut, both decided by the
    max_tokens guard. `estimated_nano` is the expected cost of one call, `None` where a price is unknown.
    """

    deployment: Deployment
    stage: int
    tier: str | None = None
    effort: Effort | None = None
    max_output_tokens: int | None = None
    cut_at: int | None = None
    estimated_nano: int | None = None
    first_token_seconds: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """`deployment`, or `deployment@effort`."""
        return f"{self.deployment.name}@{self.effort}" if self.effort else self.deployment.name


class Excluded(msgspec.Struct, frozen=True, kw_only=True):
    """A rung that a filter took out, and why."""

    rung: str
    filter: Literal[
        "residency", "modality", "window", "capability", "missing_key", "resting", "key", "budget"
    ]
    reason: str


class Aside(msgspec.Struct, frozen=True, kw_only=True):
    """A rung that is not climbed: the gate at this place among the plan's gates calls it in this role, or the rule
    (`NO_GATE`). `check` is under which its calls are counted: the gate's, or `review`.

    `of` is the rung of the ladder, by its name, whose answers alone it is asked about: those that are its own.
    """

    gate: int
    rung: Rung
    check: str = ""
    role: AsideRole = "opinion"
    of: str | None = None


class ArmOut(msgspec.Struct, frozen=True, kw_only=True):
    """An arm of a split that a request could not be given, and why."""

    arm: str
    reason: str


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """The arm of a split that a request was given. `arm` is `None` where it could be given none.

    `chances` are the probabilities of the arms that it could have been given, their shares among each other; they add
    up to 1. `out` are those that it could not. `unit` is a digest of who keeps the arm, told apart `by` session or
    user; `None` where it was drawn for this request alone.
    """

    split: str
    arm: str | None
    by: SplitBy
    chances: dict[str, float] = {}
    unit: str | None = None
    out: tuple[ArmOut, ...] = ()

    @property
    def propensity(self) -> float | None:
        """The probability with which it was given its arm; 1 where there was no choice."""
        return None if self.arm is None else self.chances[self.arm]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What routing decided for one request.

    `stages` are the ladder's entries as the policy names them; `rungs` all that survived the filters, in the order
    in which they would be tried, each pointing to its stage. A failure falls back to the next rung, a verdict
    escalates to the first rung of the next stage. `hedges` is whether a call that is slower than usual gets a rival.
    """

    facts: Facts
    rule: str
    stages: tuple[str, ...]
    rungs: tuple[Rung, ...]
    gates: tuple[Gate, ...] = ()
    limits: Limits = Limits()
    excluded: tuple[Excluded, ...] = ()
    why: str = ""
    on_exhausted: Literal["deliver", "refuse"] = "deliver"
    on_refusal: Literal["deliver", "escalate"] = "deliver"
    hedges: bool = False
    hold: Hold = Hold()
    """Of mode `incremental` only where a gate follows the answer as it comes."""
    keeps: int | None = None
    """The rung in the middle of whose tool loop, or in whose session, the request is: it is asked first, wherever it
    stands."""
    begins: int | None = None
    """The stage that is asked first because the conversation stalled below it, or needed it before. The rungs below
    stand last: where nobody else answers they still may."""
    stalled: bool = False
    """Whether that is because it stalled: then the first call is an escalation."""
    sticky: Sticky = "tool_loop"
    stall: Stall | None = None
    """When the conversation has stalled, where that is looked for."""
    split: Split | None = None
    """The rule's split, as long as no arm was drawn: until then its arms are climbed one after the other."""
    assignment: Assignment | None = None
    """What was drawn."""
    policy_hash: str = ""
    shadow: Shadow | None = None
    """Who is shown a copy once the answer is out."""
    asks: bool = False
    """Whether models are called beside the ladder; `asides` are those of them that may be."""
    asides: tuple[Aside, ...] = ()
    review: Review | None = None
    advisor: Advisor | None = None

    @property
    def holds(self) -> bool:
        """Whether a stream waits until its checks, or a review, have seen the whole answer."""
        if self.review is not None:
            return True
        if self.hold.mode == "auto":
            return any(gate.needs_whole for gate in self.gates)
        return self.hold.mode == "all"

    @property
    def first(self) -> Rung:
        """The rung that is asked first, unless it rests."""
        return self.rungs[self.keeps or 0]

    def rung_at(self, index: int) -> Rung:
        """The rung that a call names: those of the ladder come first, then the asides."""
        climbed = len(self.rungs)
        return self.rungs[index] if index < climbed else self.asides[index - climbed].rung

    def asked_by(self, index: int) -> str | None:
        """The check for which a call to this rung is made; `None` on the ladder itself, and for an advisor."""
        climbed = len(self.rungs)
        return None if index < climbed else self.asides[index - climbed].check or None

    def aside_of(self, role: AsideRole) -> int | None:
        """The rung that is called in this role, as `rung_at` counts; `None` where there is none."""
        for offset, aside in enumerate(self.asides):
            if aside.role == role:
                return len(self.rungs) + offset
        return None


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call the ladder wants made. `number` counts the climb's attempts from 1; `rung` is what `Plan.rung_at` takes.

    `corrects` names the attempt whose answer a re-ask complains about, with `correction` as the complaint.
    `output_boost` multiplies the output budget, after an answer that thinking left empty. `unsealed` leaves out what
    earlier answers sealed, after a provider did not accept it. `about` names the attempt whose answer is reviewed, asks
    for advice, or is gone on from.
    """

    number: int
    rung: int
    why: Why
    delay_seconds: float = 0.0
    output_boost: int = 1
    unsealed: bool = False
    corrects: int | None = None
    correction: str | None = None
    about: int | None = None


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """A call and what came of it, as far as the ladder needs to know. `verdicts` stand in the order of the gates.

    `began_seconds` and `ended_seconds` count from the request's receipt.

    `is_text` is whether it is text alone that came to its own end, which a review may look at; `review` what a reviewer
    said. One that `seeks_advice` is no answer yet: it goes on once the advice is there. `unseen` is whether nothing has
    gone out of a call that goes on from words which the client already has.
    """

    call: Call
    state: Literal["in_flight", "answered", "failed", "cancelled"] = "in_flight"
    failure: Failure | None = None
    finish: FinishReason | None = None
    refused: bool = False
    is_text: bool = False
    review: Literal["approve", "improve"] | None = None
    seeks_advice: bool = False
    unseen: bool = False
    verdicts: tuple[Verdict, ...] = ()
    began_seconds: float = 0.0
    ended_seconds: float = 0.0


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """What the world looks like at this moment, as data, so that the decision can be replayed.

    `resting` names deployments that should not be called now (cooling down, breaker open). `retry_tokens` is what is
    left of the process's retry budget. `draw` is a random number in [0, 1). `committed` is the number of the attempt
    whose content the client has already begun to receive.

    `slow_after_seconds` says by deployment after which time a call is slower than 95 % of the measured ones; who was
    measured too little is missing. `hedge_tokens` is how many hedges the process may still make.

    `unaffordable` are rungs whose next call might cost more than the caller's budget has left.
    """

    elapsed_seconds: float = 0.0
    spent_nano: int = 0
    resting: frozenset[str] = frozenset()
    retry_tokens: float = 10.0
    draw: float = 0.5
    committed: int | None = None
    slow_after_seconds: dict[str, float] = {}
    hedge_tokens: float = 0.0
    unaffordable: frozenset[int] = frozenset()


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """Start these calls, then wait for whatever comes first: one of them ending, or this many seconds.

    Without calls it says only: wait for what is in flight.
    """

    calls: tuple[Call, ...] = ()
    wake_after_seconds: float | None = None


class Cancel(msgspec.Struct, frozen=True, kw_only=True):
    """Stop these attempts, by number; then ask again."""

    calls: tuple[int, ...]


class Deliver(msgspec.Struct, frozen=True, kw_only=True):
    """Give this attempt's answer to the client. `passed` is whether every gate did."""

    attempt: int
    passed: bool
    reason: str


class GiveUp(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody's answer may be delivered. `failure` is the one to tell of, where there is one."""

    reason: Literal["failed", "check_failed", "deadline", "cost_cap", "no_rung", "broken"]
    message: str
    failure: Failure | None = None


Step: TypeAlias = Start | Cancel | Deliver | GiveUp
