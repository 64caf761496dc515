"""The tables of `eval.yaml`, in promptfoo's words where it has them. The reader and the documentation share them."""

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from tiercel.domain.json import JsonObject
from tiercel.domain.request import Effort
from tiercel.policy.tables import FilledText, Share, Table

OpenShare = Annotated[float, Meta(gt=0, lt=1)]


class PromptTable(Table, frozen=True, kw_only=True):
    """A prompt with a name."""

    id: Annotated[FilledText | None, Meta(description="A file, as `file://prompts/support.txt`.")] = None
    raw: Annotated[FilledText | None, Meta(description="The prompt itself, in place of a file.")] = None
    label: Annotated[FilledText | None, Meta(description="What tables call it.")] = None


class TargetTable(Table, frozen=True, kw_only=True):
    """A candidate: one of `model`, `route`, or an `id` that is itself a model's name."""

    id: Annotated[FilledText | None, Meta(description="What tables call it; else the model's name.")] = None
    label: Annotated[FilledText | None, Meta(description="The same; it goes before `id`.")] = None
    model: Annotated[FilledText | None, Meta(description="What a client would say as `model`.")] = None
    route: Annotated[FilledText | None, Meta(description="One of the policy's rules, with its ladder.")] = (
        None
    )
    effort: Annotated[Effort | None, Meta(description="The reasoning effort.")] = None
    config: Annotated[JsonObject, Meta(description="Request fields, such as `temperature`.")] = field(
        default_factory=dict
    )


class DefaultTable(Table, frozen=True, kw_only=True):
    """What holds for every item; its own go before."""

    vars: Annotated[JsonObject, Meta(description="Variables.")] = field(default_factory=dict)
    asserts: Annotated[
        tuple[Any, ...],
        Meta(description="Expectations; every item's own come after them."),
    ] = field(name="assert", default=())
    metadata: Annotated[JsonObject, Meta(description="Metadata, for slices.")] = field(default_factory=dict)
    config: Annotated[JsonObject, Meta(description="Request fields, such as `max_tokens`.")] = field(
        default_factory=dict
    )
    threshold: Annotated[
        Share | None,
        Meta(description="The score from which on an item passes; else every expectation must hold."),
    ] = None


class JudgeTable(Table, frozen=True, kw_only=True):
    """A model, or several, that measures answers."""

    model: Annotated[FilledText | None, Meta(description="Who judges.")] = None
    models: Annotated[
        tuple[FilledText, ...], Meta(description="Several, whose majority counts; in place of `model`.")
    ] = ()
    mode: Annotated[
        Literal["rubric", "pairwise"],
        Meta(description="One answer by a rubric, or the candidate's beside the baseline's."),
    ] = "rubric"
    orders: Annotated[
        Literal["both", "one"],
        Meta(description="Pairs are shown in both orders, and a verdict that flips is a tie; or in one."),
    ] = "both"
    criteria: Annotated[
        FilledText | None, Meta(description="What is asked of an answer, where an expectation does not say.")
    ] = None
    labels: Annotated[
        FilledText | None, Meta(description="A file of people's verdicts to measure the judge by.")
    ] = None


class AnalysisTable(Table, frozen=True, kw_only=True):
    """What is to be decided."""

    primary: Annotated[
        Literal["pass", "score"], Meta(description="The share of items that pass, or the mean score.")
    ] = "pass"
    margin: Annotated[
        OpenShare, Meta(description="By how much a candidate may be worse: 0.03 is three points.")
    ] = 0.03
    alpha: Annotated[
        Annotated[float, Meta(gt=0, le=0.5)], Meta(description="The risk of a wrong verdict.")
    ] = 0.05
    cluster: Annotated[
        FilledText | None,
        Meta(description="What groups items that belong together, such as `metadata.conversation`."),
    ] = None
    guardrails: Annotated[
        dict[str, str | float], Meta(description='Bounds beside it: `cost_per_success: "<= 0.5x"`.')
    ] = field(default_factory=dict)
    correction: Annotated[
        Literal["holm", "none"], Meta(description="For several candidates against one baseline.")
    ] = "holm"
    slices: Annotated[
        tuple[FilledText, ...],
        Meta(description="Metadata by which the report is also cut, as `metadata.topic`."),
    ] = ()
    drop_losers: Annotated[
        bool,
        Meta(description="Ask a candidate no more once it is shown to be worse by more than the margin."),
    ] = False


class RunTable(Table, frozen=True, kw_only=True):
    """How it is asked."""

    concurrency: Annotated[
        Annotated[int, Meta(ge=1, le=1024)], Meta(description="The most requests at a time.")
    ] = 8
    adaptive: Annotated[bool, Meta(description="Fewer at a time after a 429.")] = True
    repeat: Annotated[
        Annotated[int, Meta(ge=1, le=1000)], Meta(description="How often each item is asked.")
    ] = 1
    timeout: Annotated[
        str | float, Meta(description="How long an answer may take: `60s`, `2m`, or seconds.")
    ] = 60.0
    max_retries: Annotated[
        Annotated[int, Meta(ge=0, le=100)], Meta(description="Further calls where one failed on the way.")
    ] = 4
    budget_usd: Annotated[
        Annotated[float, Meta(gt=0, le=1_000_000)] | None,
        Meta(description="Where it stops, judges included."),
    ] = None
    cache: Annotated[bool, Meta(description="Whether answers are kept for the next run.")] = True
    stream: Annotated[bool, Meta(description="Whether answers stream; else no TTFT is known.")] = True
    seed: Annotated[int, Meta(ge=0, le=2**53, description="Of every draw.")] = 0


class EvaluationTable(Table, frozen=True, kw_only=True):
    """The whole file."""

    description: Annotated[str, Meta(description="What is compared, and why.")] = ""
    prompts: Annotated[
        FilledText | tuple[FilledText | PromptTable, ...],
        Meta(description="Templates with `{{name}}`, or files; items may bring their own instead."),
    ] = ()
    targets: Annotated[
        FilledText | tuple[FilledText | TargetTable, ...],
        Meta(description="The candidates; `providers` means the same."),
    ] = ()
    providers: Annotated[
        FilledText | tuple[FilledText | TargetTable, ...], Meta(description="promptfoo's word for `targets`.")
    ] = ()
    baseline: Annotated[
        FilledText | None, Meta(description="The candidate that the others are compared with.")
    ] = None
    tests: Annotated[
        FilledText | tuple[Any, ...],
        Meta(description="The items: files (`.jsonl`, `.csv`, `.yaml`, `*`), `traffic://…`, or here."),
    ]
    default_test: Annotated[
        FilledText | DefaultTable, Meta(description="What holds for every item, here or in a file.")
    ] = field(name="defaultTest", default_factory=DefaultTable)
    judges: Annotated[dict[str, JudgeTable], Meta(description="Judges, by name.")] = field(
        default_factory=dict
    )
    analysis: Annotated[AnalysisTable, Meta(description="What is to be decided.")] = field(
        default_factory=AnalysisTable
    )
    run: Annotated[RunTable, Meta(description="How it is asked.")] = field(default_factory=RunTable)


class ExpectationTable(Table, frozen=True, kw_only=True):
    """One entry of `assert`. Keys that are not here are the scorer's own options."""

    type: Annotated[FilledText, Meta(description="The scorer; `not-` in front turns it over.")]
    value: Annotated[Any, Meta(description="What it is given; `file://…` is read.")] = None
    threshold: Annotated[
        float | None, Meta(description="The score from which on it holds, or the scorer's bound.")
    ] = None
    weight: Annotated[
        Annotated[float, Meta(ge=0, le=1_000_000)], Meta(description="What it counts in the item's score.")
    ] = 1.0
    metric: Annotated[FilledText | None, Meta(description="A name of your own.")] = None
    judge: Annotated[FilledText | None, Meta(description="One of `judges`.")] = None


class SetTable(Table, frozen=True, kw_only=True):
    """`assert-set`: several that share a weight and a name. All of them must hold."""

    type: Literal["assert-set"]
    asserts: Annotated[tuple[Any, ...], Meta(min_length=1)] = field(name="assert")
    weight: Annotated[float, Meta(ge=0, le=1_000_000)] = 1.0
    metric: FilledText | None = None


class ItemTable(Table, frozen=True, kw_only=True):
    """One item. Keys that are not here go into its metadata."""

    id: Annotated[FilledText | int | None, Meta(description="Unique; else made of the content.")] = None
    input: Annotated[
        FilledText | Annotated[tuple[JsonObject, ...], Meta(min_length=1)] | None,
        Meta(description="The question, or messages. `question` and `messages` mean the same."),
    ] = None
    target: Annotated[
        Any, Meta(description="The right answer, or several. `ideal`, `answer`, `expected` mean the same.")
    ] = None
    choices: Annotated[tuple[str | int | float, ...], Meta(description="Of a multiple-choice question.")] = ()
    vars: Annotated[JsonObject, Meta(description="What prompts and expectations fill in.")] = field(
        default_factory=dict
    )
    asserts: Annotated[tuple[Any, ...], Meta(description="Expectations of its own.")] = field(
        name="assert", default=()
    )
    config: Annotated[JsonObject, Meta(description="Request fields of its own, such as `tools`.")] = field(
        default_factory=dict
    )
    metadata: Annotated[JsonObject | None, Meta(description="Whatever it is to be sliced or grouped by.")] = (
        None
    )
    weight: Annotated[
        Annotated[float, Meta(gt=0, le=1_000_000)], Meta(description="What it counts in means.")
    ] = 1.0
    threshold: Annotated[
        Share | None, Meta(description="The score from which on it passes; else every expectation must hold.")
    ] = None
    description: Annotated[str | None, Meta(description="Kept in the metadata.")] = None
    source: Annotated[str, Meta(description="Where it came from.")] = ""


ALIASES = {
    "question": "input",
    "messages": "input",
    "ideal": "target",
    "answer": "target",
    "expected": "target",
}
"""Other words for an item's keys, as other tools write them."""
