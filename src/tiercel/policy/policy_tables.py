"""The tables of `policy.toml`, with the descriptions that editors show. The one source of reader and JSON Schema."""

from typing import Annotated, Literal

from msgspec import Meta, field

from tiercel.domain.facts import Complexity, Latency, Risk, Task
from tiercel.domain.json import JsonObject
from tiercel.domain.policy import HoldMode, OnError, Preference, SplitBy
from tiercel.domain.request import Modality
from tiercel.policy.session_tables import RuleStallKey, RuleStickyKey, StallKey, StickyKey
from tiercel.policy.tables import (
    LADDER_ENTRY,
    Amount,
    Count,
    Date,
    FilledText,
    Name,
    Positive,
    Seconds,
    Share,
    Table,
)

LadderEntry = Annotated[
    str,
    Meta(
        pattern=LADDER_ENTRY,
        description="A tier, a model or a deployment; add `@low`, `@medium` … to set the effort.",
    ),
]


Speed = Annotated[float, Meta(gt=0, le=1_000_000)]


class GateTable(Table, frozen=True, kw_only=True):
    """A threshold on what a check measured."""

    check: Annotated[
        FilledText | None, Meta(description="The check to run; in [gates.NAME] it defaults to NAME.")
    ] = None
    at_least: Annotated[Share, Meta(description="The least score, 0 to 1, with which an answer passes.")] = (
        1.0
    )
    re_ask: Annotated[
        Count,
        Meta(
            description="How often the same model is asked again, with the check's message, before escalating."
        ),
    ] = 0
    on_error: Annotated[
        OnError | None,
        Meta(
            description="When the check itself fails: `open` lets the answer pass, `closed` does not, `by_risk` "
            "only where the risk is not high. Left out: `open`, for judges `by_risk`."
        ),
    ] = None
    ask: Annotated[
        tuple[LadderEntry, ...],
        Meta(
            description="The models that the check asks: for second opinions one or two, for a judge one; for "
            "`confidence` one, or `itself`: the model whose answer it is."
        ),
    ] = ()
    wait_seconds: Annotated[
        Seconds, Meta(description="How long an answer waits for second opinions that are not there yet.")
    ] = 10.0
    embed: Annotated[
        FilledText | None,
        Meta(description="The model that embeds texts, for a check that compares what they mean."),
    ] = None
    options: Annotated[JsonObject, Meta(description="The check's own settings.")] = field(
        default_factory=dict
    )


Gates = tuple[FilledText | GateTable, ...]


class LimitsTable(Table, frozen=True, kw_only=True):
    """Bounds of one request, all attempts together. In a rule, what is left out comes from [limits]."""

    deadline_seconds: Annotated[
        Seconds | None, Meta(description="The whole request must be answered by then (600).")
    ] = None
    max_attempts: Annotated[Positive | None, Meta(description="Calls at most, of any kind (6).")] = None
    max_failures: Annotated[
        Positive | None,
        Meta(description="Calls that may fail; then it is given up, whoever else is left (3)."),
    ] = None
    max_cost_usd: Annotated[
        Amount | None, Meta(description="No further call is started beyond this many dollars (no cap).")
    ] = None
    retries: Annotated[
        Count | None, Meta(description="Retries of one model after a failure that may pass (1).")
    ] = None
    first_token_seconds: Annotated[
        Seconds | None, Meta(description="A call without a first token by then has failed (120).")
    ] = None
    idle_seconds: Annotated[
        Seconds | None, Meta(description="A stream that is silent for so long has failed (60).")
    ] = None
    whole_answer_seconds: Annotated[
        Seconds | None,
        Meta(
            description="An answer that does not stream and is not complete by then has failed, "
            "unless nobody else is left to ask (300)."
        ),
    ] = None
    commit_after_seconds: Annotated[
        Seconds | None,
        Meta(description="After this the client's stream is opened with keep-alives, content or not (15)."),
    ] = None


class DefaultsTable(Table, frozen=True, kw_only=True):
    """What holds where a rule says nothing else."""

    gates: Annotated[
        Gates | None,
        Meta(
            description="Gates every answer must pass: names of [gates.…] or of checks, or inline tables. "
            "Left out: `finished`, and `json_schema` with one re-ask."
        ),
    ] = None
    prefer: Annotated[
        Preference,
        Meta(description="Order within a tier: `cheapest`, `fastest` (measured), or as `listed`."),
    ] = "cheapest"
    on_exhausted: Annotated[
        Literal["deliver", "refuse"],
        Meta(description="When the top was reached and nothing passed: deliver the last answer, or refuse."),
    ] = "deliver"
    on_refusal: Annotated[
        Literal["deliver", "escalate"],
        Meta(description="Whether a model's refusal is delivered, or taken to the next model."),
    ] = "deliver"
    concrete_fallback: Annotated[
        bool, Meta(description="Whether a request that names one model may be answered by another.")
    ] = False
    raise_small_budgets: Annotated[
        bool,
        Meta(
            description="Ask for more tokens than a small max_tokens where hidden thinking would eat it all."
        ),
    ] = True
    hedge: Annotated[
        bool,
        Meta(
            description="Whether a call slower than 95 % of the measured ones gets a second one beside it, "
            "at another deployment; the first answer wins, both are paid."
        ),
    ] = False
    hold: Annotated[
        HoldMode,
        Meta(
            description="How much of a stream waits for checks: all where a gate needs the whole answer (`auto`), "
            "`none`, the `first` tokens, JSON as it proves right (`incremental`), or `all`."
        ),
    ] = "auto"
    hold_tokens: Annotated[
        Positive | None,
        Meta(description="How many tokens `first` and `incremental` hold, estimated (32)."),
    ] = None
    least_tokens_per_second: Annotated[
        Speed | None,
        Meta(
            description="A held beginning that comes more slowly is left for the next model, while there is one."
        ),
    ] = None
    sticky: StickyKey = "tool_loop"
    stall: StallKey = False
    residency: Annotated[
        FilledText | None,
        Meta(description="Where requests must stay that do not say so themselves, such as `eu` or `local`."),
    ] = None


class TierTable(Table, frozen=True, kw_only=True):
    """A role, and the models that fill it."""

    members: Annotated[
        Annotated[tuple[LadderEntry, ...], Meta(min_length=1)],
        Meta(description="Models or deployments, each with an optional `@effort`."),
    ]
    prefer: Annotated[Preference | None, Meta(description="Order within this tier.")] = None
    first_token_seconds: Annotated[
        Seconds | None, Meta(description="How long its models may think before their first token.")
    ] = None


class WhenTable(Table, frozen=True, kw_only=True):
    """Conditions on a request's facts. All must hold; within a list, any will do."""

    task: Annotated[Task | tuple[Task, ...] | None, Meta(description="What the request asks for.")] = None
    complexity: Annotated[
        Complexity | tuple[Complexity, ...] | None, Meta(description="How hard it looks.")
    ] = None
    risk: Annotated[Risk | tuple[Risk, ...] | None, Meta(description="What a wrong answer would cost.")] = (
        None
    )
    latency: Annotated[
        Latency | tuple[Latency, ...] | None, Meta(description="How urgent the answer is.")
    ] = None
    modality: Annotated[
        Modality | tuple[Modality, ...] | None, Meta(description="What the request contains, in any message.")
    ] = None
    residency: Annotated[
        FilledText | tuple[FilledText, ...] | None, Meta(description="Where the request must stay.")
    ] = None
    strict_json: Annotated[bool | None, Meta(description="Whether the answer must be JSON.")] = None
    tools: Annotated[bool | None, Meta(description="Whether the request offers tools.")] = None
    min_tokens: Annotated[Count | None, Meta(description="At least this many input tokens (estimated).")] = (
        None
    )
    max_tokens: Annotated[Count | None, Meta(description="At most this many input tokens (estimated).")] = (
        None
    )


Rounds = Annotated[int, Meta(ge=1, le=5)]
Uses = Annotated[int, Meta(ge=1, le=20)]
AdviceTokens = Annotated[int, Meta(ge=50, le=32_000)]


class ReviewTable(Table, frozen=True, kw_only=True):
    """A stronger model approves or improves an answer of text before it is delivered."""

    by: Annotated[LadderEntry, Meta(description="The model that reviews, better than those on the ladder.")]
    rounds: Annotated[
        Rounds,
        Meta(
            description="How often it may look. With more than one, what it wrote itself goes out only once a later "
            "look approves it."
        ),
    ] = 1
    wait_seconds: Annotated[
        Seconds, Meta(description="How long a look may take; then the answer goes out as it is.")
    ] = 60.0


class AdvisorTable(Table, frozen=True, kw_only=True):
    """A stronger model that the one which answers may ask, through a tool that the client never sees."""

    by: Annotated[LadderEntry, Meta(description="The model that is asked for advice.")]
    max_uses: Annotated[Uses, Meta(description="How often it may be asked in one request.")] = 3
    max_tokens: Annotated[
        AdviceTokens, Meta(description="The longest piece of advice, its thinking apart.")
    ] = 2_000
    wait_seconds: Annotated[
        Seconds, Meta(description="How long advice is waited for; then the model goes on without.")
    ] = 120.0


SharedOut = Annotated[float, Meta(gt=0, le=1)]


class ShadowTable(Table, frozen=True, kw_only=True):
    """Models that are shown a copy of some requests; their answers are kept for comparison and never delivered."""

    candidates: Annotated[
        Annotated[tuple[LadderEntry, ...], Meta(min_length=1)],
        Meta(description="The models; each answers every copy."),
    ]
    share: Annotated[SharedOut, Meta(description="The share of the rule's requests that is copied.")]
    budget_usd_per_day: Annotated[
        Amount, Meta(description="What all copies of this rule may cost in a UTC day, in dollars.")
    ]
    at_once: Annotated[Positive, Meta(description="How many copies may be answered at the same time.")] = 4


class EvidenceTable(Table, frozen=True, kw_only=True):
    """What a rule was decided on."""

    date: Annotated[Date, Meta(description="The day it was measured or read, such as 2026-10-01.")]
    source: Annotated[FilledText, Meta(description="Where it stands: a report, an evaluation, an address.")]


class ArmTable(Table, frozen=True, kw_only=True):
    """One arm of a split."""

    use: Annotated[
        LadderEntry, Meta(description="The tier, model or deployment to ask, with an optional `@effort`.")
    ]
    share: Annotated[
        Share,
        Meta(description="How large a part of the sessions is given it, 0 to 1; all shares add up to 1."),
    ]


class SplitTable(Table, frozen=True, kw_only=True):
    """An A/B test: the arm that is drawn takes the place of the first entry of the rule's ladder."""

    name: Annotated[
        Name, Meta(description="A name for records and `tiercel split`; another name draws anew.")
    ]
    by: Annotated[
        SplitBy,
        Meta(
            description="What keeps its arm: a `session`, a `user`, or each `request` for itself. A request that "
            "names no session or user draws for itself."
        ),
    ] = "session"
    arms: Annotated[dict[Name, ArmTable], Meta(description="The arms by name, two or more.")]


class RuleTable(Table, frozen=True, kw_only=True):
    """When these facts hold, climb this ladder. The first rule that matches decides."""

    name: Annotated[Name, Meta(description="A name for records and reports; `auto:NAME` picks the rule.")]
    ladder: Annotated[
        Annotated[tuple[LadderEntry, ...], Meta(min_length=1)],
        Meta(description="Tiers, models or deployments, each with an optional `@effort`, cheapest first."),
    ]
    when: Annotated[WhenTable | None, Meta(description="The conditions; without them it matches always.")] = (
        None
    )
    gates: Annotated[Gates | None, Meta(description="Gates instead of the default ones.")] = None
    prefer: Annotated[Preference | None, Meta(description="Order within each tier of this ladder.")] = None
    limits: Annotated[LimitsTable | None, Meta(description="Bounds that differ from [limits].")] = None
    hedge: Annotated[
        bool | None, Meta(description="Whether slow calls get a second one beside them, for this rule.")
    ] = None
    hold: Annotated[
        HoldMode | None, Meta(description="How much of a stream waits for checks, for this rule.")
    ] = None
    hold_tokens: Annotated[Positive | None, Meta(description="As in [defaults]; only beside `hold`.")] = None
    least_tokens_per_second: Annotated[
        Speed | None, Meta(description="As in [defaults]; only beside `hold`.")
    ] = None
    review: Annotated[
        ReviewTable | None, Meta(description="A model that approves or improves answers of text.")
    ] = None
    advisor: Annotated[
        AdvisorTable | None, Meta(description="A model that the one which answers may ask for advice.")
    ] = None
    shadow: Annotated[
        ShadowTable | None, Meta(description="Models that are tried on a copy of some requests.")
    ] = None
    split: Annotated[
        SplitTable | None,
        Meta(description="An A/B test between models that could take the first entry's place."),
    ] = None
    sticky: RuleStickyKey = None
    stall: RuleStallKey = None
    why: Annotated[str, Meta(description="The reason, shown by `tiercel explain`.")] = ""
    evidence: Annotated[
        EvidenceTable | None,
        Meta(description="What it was decided on, and when; `tiercel audit` warns when that is old."),
    ] = None


class PolicyFile(Table, frozen=True, kw_only=True):
    """policy.toml: which models answer what, what their answers must pass, and what a request may cost."""

    version: Annotated[Literal[1], Meta(description="The version of this file's form: 1.")]
    defaults: DefaultsTable = DefaultsTable()
    limits: LimitsTable = LimitsTable()
    gates: Annotated[
        dict[Name, GateTable], Meta(description="Gates by name, to be used in lists of gates.")
    ] = field(default_factory=dict)
    tiers: Annotated[dict[Name, TierTable], Meta(description="The tiers by name.")]
    rules: Annotated[
        Annotated[tuple[RuleTable, ...], Meta(min_length=1)],
        Meta(description="The rules, tried in this order."),
    ]
    aliases: Annotated[
        dict[FilledText, FilledText],
        Meta(description="Names that clients may ask for, such as `gpt-4o`, and what they mean here."),
    ] = field(default_factory=dict)
