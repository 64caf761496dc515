"""What the operator wants: tiers, rules that pick a ladder, gates on verdicts, limits. Written in `policy.toml`."""

from typing import Literal

import msgspec

from tiercel.domain.facts import Complexity, Latency, Risk, Task
from tiercel.domain.json import JsonObject
from tiercel.domain.request import Modality

Preference = Literal["cheapest", "fastest", "listed"]
"""How rungs of equal weight are ordered within a tier. `fastest` is by measured speed, published until measured."""

TierRole = Literal["fast", "balanced", "deep"]

OnError = Literal["open", "closed", "by_risk"]

Applies = Literal["always", "json", "tests"]
"""To which requests a gate applies: all, those that ask for JSON, or those that bring tests for a program."""

Asks = Literal["nobody", "opinions", "judge", "confidence", "decision"]
"""Whom a check asks: nobody; other models for their answer to the same request; or one model for its verdict, for a
number that it states, or for a probability by an API that gives nothing else."""

HoldMode = Literal["auto", "none", "first", "incremental", "all"]
"""How much of a stream waits for checks. `auto` waits for the whole where a gate needs the whole answer."""

SplitBy = Literal["session", "user", "request"]
"""What keeps an arm: all requests of a session, all of a user, or each request for itself."""

Sticky = Literal["tool_loop", "cache", "session", "stage"]
"""How far a conversation stays with the model that answered it: until its tools are done, which always holds; where a
lost prompt cache would cost more than another model saves; as long as the session lasts; and there at the highest
stage that it needed."""

ITSELF = "itself"
"""In a gate's `ask`: the very rung whose answer is measured."""


class When(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Conditions on facts. All that are given must hold; within one, any of the values will do."""

    task: tuple[Task, ...] = ()
    complexity: tuple[Complexity, ...] = ()
    risk: tuple[Risk, ...] = ()
    latency: tuple[Latency, ...] = ()
    modality: tuple[Modality, ...] = ()
    residency: tuple[str, ...] = ()
    strict_json: bool | None = None
    tools: bool | None = None
    min_tokens: int | None = None
    max_tokens: int | None = None


class Gate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A threshold on one check's verdict, and what happens when it is missed.

    `re_ask` is how often the same rung is asked again with the validator's message before the ladder escalates.
    `on_error` says whether a check that could not do its work lets the answer through (`open`) or not (`closed`);
    `by_risk` is closed at high risk, and `None` what the check itself proposes.
    `ask` names the models that a check asks beside the ladder: second opinions, or a judge. `wait_seconds` is how long
    an answer that is there waits for the opinions that are not. `embed` names the model that embeds texts for a check
    which compares what they mean.
    `applies`, `needs_whole`, `reads_json` (its check can follow JSON as it comes), `asks`, `reads_logprobs` and
    `seconds` (for one answer) come from the check itself, when the policy is resolved against the registry.
    """

    check: str
    at_least: float = 1.0
    re_ask: int = 0
    options: JsonObject = {}
    on_error: OnError | None = None
    ask: tuple[str, ...] = ()
    wait_seconds: float = 10.0
    embed: str | None = None
    applies: Applies = "always"
    needs_whole: bool = True
    reads_json: bool = False
    asks: Asks = "nobody"
    reads_logprobs: bool = False
    seconds: float | None = None

    @property
    def calls_models(self) -> bool:
        """Whether its check has models called."""
        return self.asks != "nobody" or self.embed is not None


class Limits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Bounds of one climb, all attempts together. Seconds, and nano-dollars."""

    deadline_seconds: float = 600.0
    max_attempts: int = 6
    max_failures: int = 3
    """Calls that nobody answered; then it is given up, whoever else is left."""
    max_cost_nano: int | None = None
    retries: int = 1
    """Retries of one rung after a failure that may pass."""
    first_token_seconds: float = 120.0
    idle_seconds: float = 60.0
    whole_answer_seconds: float = 300.0
    """For an answer that does not stream, where another rung could still answer; the last has until the deadline."""
    commit_after_seconds: float = 15.0


class Hold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How much of a stream is held back before anything of it goes out.

    `tokens` (estimated) of content are held in the modes `first` and `incremental`, or all there are. A beginning that
    came more slowly than `least_tokens_per_second` is left for another rung, while there is one.
    """

    mode: HoldMode = "auto"
    tokens: int = 32
    least_tokens_per_second: float | None = None


class Review(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stronger model, `by`, approves or improves an answer before it is delivered, in so many `rounds` at most.

    A round that has not ended after `wait_seconds` is stopped, and the answer goes out as it is.
    """

    by: str
    rounds: int = 1
    wait_seconds: float = 60.0


class Advisor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stronger model, `by`, which the model that answers may ask through a tool, `max_uses` times in a request.

    Advice has `max_tokens` at most, thinking apart; what has not come after `wait_seconds` is done without.
    """

    by: str
    max_uses: int = 3
    max_tokens: int = 2_000
    wait_seconds: float = 120.0


class Shadow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Models that are shown a copy of a `share` of a rule's requests, `at_once` at the same time; what they answer is
    kept beside what was delivered, and never delivered. All together cost at most `day_nano` in a UTC day."""

    candidates: tuple[str, ...]
    share: float
    day_nano: int
    at_once: int = 4


class Stall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a conversation has stalled, so that its ladder begins a stage higher; 0 turns a sign off.

    `repeats` is how often in a row the same calls of tools had the same results, `failures` how many results in a row
    were errors, `asked_again` how often in a row the user asked the same. `polling` names tools that may repeat
    themselves; `*` in it stands for anything.
    """

    repeats: int = 3
    failures: int = 3
    asked_again: int = 2
    polling: tuple[str, ...] = ()


NEVER_STALLED = Stall(repeats=0, failures=0, asked_again=0)


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule was decided on: `date` is the day it was measured or read, `source` says where it stands."""

    date: str
    source: str


class Arm(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a split: the ladder's entry to `use`, and the `share` in [0, 1] of those who are given it."""

    name: str
    use: str
    share: float


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """An A/B test of a rule: the arm that is drawn takes the place of the first entry of its ladder.

    The shares of all arms add up to 1. Whoever is told apart `by` the same session or user is given the same arm under
    every rule whose split has this `name`; another name draws anew.
    """

    name: str
    arms: tuple[Arm, ...]
    by: SplitBy = "session"


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`when` these facts hold, climb this `ladder`: tier names or `model@effort`, cheapest first.

    `gates` replaces the policy's own where it is given; the other optional fields replace the policy's defaults.
    """

    name: str
    ladder: tuple[str, ...]
    when: When = When()
    prefer: Preference | None = None
    gates: tuple[Gate, ...] | None = None
    limits: Limits | None = None
    hedge: bool | None = None
    hold: Hold | None = None
    review: Review | None = None
    advisor: Advisor | None = None
    shadow: Shadow | None = None
    split: Split | None = None
    sticky: Sticky | None = None
    stall: Stall | None = None
    why: str = ""
    evidence: Evidence | None = None


class Tier(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A role and who fills it: names of models or deployments, each with an optional `@effort`."""

    name: str
    members: tuple[str, ...]
    prefer: Preference | None = None
    first_token_seconds: float | None = None


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """One immutable policy. `hash` names exactly this text in every record."""

    tiers: dict[str, Tier] = {}
    rules: tuple[Rule, ...] = ()
    gates: tuple[Gate, ...] = ()
    aliases: dict[str, str] = {}
    limits: Limits = Limits()
    prefer: Preference = "cheapest"
    on_exhausted: Literal["deliver", "refuse"] = "deliver"
    """What happens when the top was reached and nothing passed: the last answer, marked; or an error."""
    on_refusal: Literal["deliver", "escalate"] = "deliver"
    """Whether a refusal or content filter may be taken to another model."""
    concrete_fallback: bool = False
    """Whether a request that names one model may be answered by another."""
    raise_small_budgets: bool = True
    """The max_tokens guard."""
    hedge: bool = False
    """Whether a call that is slower than usual gets a rival."""
    hold: Hold = Hold()
    """How much of a stream waits for checks."""
    sticky: Sticky = "tool_loop"
    stall: Stall = NEVER_STALLED
    residency_default: str | None = None
    hash: str = ""
    name: str = "policy.toml"
    """What errors call the file it was read from."""
