"""Rewrites the tables in `docs/` that the code knows better than any writer: `python scripts/docs_tables.py`.

A page holds such a table between `<!-- table: NAME -->` and `<!-- end -->`; `TABLES` has the names.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, get_args

import msgspec
from msgspec import inspect

from tiercel.checks.registry import Registry
from tiercel.domain.errors import ProblemKind
from tiercel.domain.facts import Complexity, Latency, Risk, Task
from tiercel.domain.failure import FailureKind
from tiercel.domain.money import usd_text
from tiercel.domain.policy import Preference, Sticky
from tiercel.domain.request import Effort, Modality
from tiercel.engine.account import FAILURE_PROBLEMS
from tiercel.evals.files.tables import (
    AnalysisTable,
    DefaultTable,
    EvaluationTable,
    ExpectationTable,
    ItemTable,
    JudgeTable,
    PromptTable,
    RunTable,
    TargetTable,
)
from tiercel.evals.judging import judging_scorers
from tiercel.evals.scorers.checking import CHECKS_VALUE
from tiercel.evals.scorers.registry import ScorerRegistry
from tiercel.gateway.problems import STATUSES
from tiercel.ladder.reactions import REACTIONS, Reaction
from tiercel.policy.builtin import BuiltInModel, built_in_models, built_in_providers
from tiercel.policy.catalog_file import published_prices
from tiercel.policy.policy_tables import (
    AdvisorTable,
    ArmTable,
    DefaultsTable,
    EvidenceTable,
    GateTable,
    LimitsTable,
    ReviewTable,
    RuleTable,
    ShadowTable,
    SplitTable,
    TierTable,
    WhenTable,
)
from tiercel.policy.session_tables import StallTable
from tiercel.policy.settings_tables import (
    DashboardTable,
    DeploymentTable,
    ListenerTable,
    LogTable,
    LongPricesTable,
    ModelTable,
    PricesTable,
    ProviderTable,
    StorageTable,
    TelemetryTable,
)
from tiercel.upstream.failures import MESSAGES
from tiercel.wire.codec import Problem
from tiercel.wire.openai_error import encode_problem

DOCS = Path(__file__).parent.parent / "docs"
BLOCK = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)

ORDERS = {
    frozenset(get_args(words)): get_args(words)
    for words in (Complexity, Effort, Latency, Modality, Preference, Risk, Sticky, Task)
}
"""Words in their own order, which msgspec does not keep."""

RETRIES = {"always": "at once", "last": "when no other is left", "never": "no"}
FALLBACKS = {"any": "yes", "larger": "to a larger window", "none": "no"}


def keys(table: type[msgspec.Struct]) -> str:
    """The keys of one table of a file."""
    kind = inspect.type_info(table)
    assert isinstance(kind, inspect.StructType)
    rows = [(f"`{f.encode_name}`", form(f.type), default(f), described(f.type)) for f in kind.fields]
    return grid(("key", "value", "default", "meaning"), rows)


def described(wanted: inspect.Type) -> str:
    assert isinstance(wanted, inspect.Metadata), wanted
    return str((wanted.extra_json_schema or {})["description"])


def form(wanted: inspect.Type) -> str:
    """What may be written as a value, in words."""
    match wanted:
        case inspect.Metadata():
            return form(wanted.type)
        case inspect.UnionType():
            kinds = [form(t) for t in wanted.types if not isinstance(t, inspect.NoneType)]
            if len(kinds) == 2 and kinds[1] == f"list of {kinds[0]}":
                return f"{kinds[0]}, or a list"
            return " or ".join(kinds)
        case inspect.LiteralType():
            return ", ".join(f"`{word}`" for word in ORDERS.get(frozenset(wanted.values), wanted.values))
        case inspect.VarTupleType():
            items = form(wanted.item_type)
            return f"list of ({items})" if " or " in items else f"list of {items}"
        case inspect.StructType() | inspect.DictType():
            return "table"
        case inspect.AnyType():
            return "anything"
        case inspect.StrType():
            return "text"
        case inspect.BoolType():
            return "true, false"
        case inspect.IntType():
            return "whole number"
        case _:
            return "number"


def default(field: inspect.Field) -> str:
    if field.required:
        return "required"
    if field.default in (None, "", (), msgspec.NODEFAULT):
        return ""
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    value = field.default
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def providers() -> str:
    rows = []
    for name, provider in built_in_providers().items():
        variables = provider.key_env if isinstance(provider.key_env, tuple) else ()
        keys = " or ".join(f"`{variable}`" for variable in variables) or "none"
        rows.append((f"`{name}`", f"`{provider.format}`", f"`{provider.base_url}`", keys))
    return grid(("provider", "format", "base_url", "key"), rows)


def models() -> str:
    rows = [
        (f"`{name}`", *model_cells(name, model), ", ".join(model.served_by or {}))
        for name, model in built_in_models().items()
    ]
    head = ("model", "takes", "window", "efforts", "in, out: $ per million", "served by")
    return grid(head, rows)


def model_cells(name: str, model: BuiltInModel) -> tuple[str, ...]:
    price = published_prices(name)
    billed = "unknown"
    if price.input is not None and price.output is not None:
        billed = f"{usd_text(price.input)}, {usd_text(price.output)}"
    efforts = ", ".join(f"**{e}**" if e == model.default_effort else e for e in model.efforts or ())
    return ", ".join(model.modalities or ("text",)), f"{model.window or 0:,}", efforts, billed


def checks() -> str:
    rows = [
        (
            f"`{info.name}`",
            info.summary,
            "whenever JSON is asked for" if info.applies == "json" else "always",
            "yes" if info.needs_whole else "no",
        )
        for info in Registry.load().infos
    ]
    return grid(("check", "what it measures", "applies", "holds a stream"), rows)


def check_options() -> str:
    rows = [
        (f"`{info.name}`", f"`{option}`", meaning)
        for info in Registry.load().infos
        for option, meaning in info.options.items()
    ]
    return grid(("check", "option", "meaning"), rows)


def scorers() -> str:
    rows = [
        (
            f"`{info.name}`",
            info.summary,
            info.value or "none",
            "; ".join(f"`{option}`: {meaning}" for option, meaning in info.options.items()),
        )
        for info in ScorerRegistry(Registry.load(), judging_scorers()).infos
        if info.value != CHECKS_VALUE
    ]
    return grid(("type", "what is measured", "value", "options"), rows)


def problems() -> str:
    rows = []
    for kind in get_args(ProblemKind):
        body = msgspec.json.decode(encode_problem(Problem(kind=kind, message="", request_id="", param=None)))
        error: dict[str, Any] = body["error"]
        code = f"`{error['code']}`" if error["code"] else ""
        rows.append((f"`{kind}`", str(STATUSES[kind].code), f"`{error['type']}`", code))
    return grid(("kind", "status", "`error.type`", "`error.code`"), rows)


def failures() -> str:
    rows = [(f"`{kind}`", *reaction_cells(kind, REACTIONS[kind])) for kind in get_args(FailureKind)]
    head = ("failure", "in words", "retried", "fallback", "deployment out for this climb", "told as")
    return grid(head, rows)


def reaction_cells(kind: FailureKind, reaction: Reaction) -> tuple[str, ...]:
    retried = RETRIES[reaction.retry]
    if reaction.boost > 1:
        retried += f", with {reaction.boost} times the output budget"
    if reaction.unseals:
        retried += ", without earlier thinking and its signatures"
    if reaction.spares:
        retried += ", without that parameter"
    burns = "yes" if reaction.burns else "no"
    return MESSAGES[kind], retried, FALLBACKS[reaction.fallback], burns, f"`{FAILURE_PROBLEMS[kind]}`"


def grid(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    names = list(head)
    body = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in (names, ["---"] * len(names), *body))


TABLES: dict[str, Callable[[], str]] = {
    "listener": lambda: keys(ListenerTable),
    "storage": lambda: keys(StorageTable),
    "telemetry": lambda: keys(TelemetryTable),
    "log": lambda: keys(LogTable),
    "dashboard": lambda: keys(DashboardTable),
    "providers": lambda: keys(ProviderTable),
    "models": lambda: keys(ModelTable),
    "deployments": lambda: keys(DeploymentTable),
    "prices": lambda: keys(PricesTable),
    "prices.long": lambda: keys(LongPricesTable),
    "defaults": lambda: keys(DefaultsTable),
    "limits": lambda: keys(LimitsTable),
    "gates": lambda: keys(GateTable),
    "tiers": lambda: keys(TierTable),
    "rules": lambda: keys(RuleTable),
    "rules.shadow": lambda: keys(ShadowTable),
    "rules.evidence": lambda: keys(EvidenceTable),
    "rules.review": lambda: keys(ReviewTable),
    "rules.advisor": lambda: keys(AdvisorTable),
    "rules.split": lambda: keys(SplitTable),
    "rules.split.arms": lambda: keys(ArmTable),
    "rules.stall": lambda: keys(StallTable),
    "rules.when": lambda: keys(WhenTable),
    "known-providers": providers,
    "known-models": models,
    "checks": checks,
    "check-options": check_options,
    "problems": problems,
    "failures": failures,
    "scorers": scorers,
    "eval": lambda: keys(EvaluationTable),
    "eval.prompts": lambda: keys(PromptTable),
    "eval.targets": lambda: keys(TargetTable),
    "eval.defaultTest": lambda: keys(DefaultTable),
    "eval.assert": lambda: keys(ExpectationTable),
    "eval.judges": lambda: keys(JudgeTable),
    "eval.analysis": lambda: keys(AnalysisTable),
    "eval.run": lambda: keys(RunTable),
    "eval.items": lambda: keys(ItemTable),
}


def rewritten(page: str) -> str:
    """The page with every such table as the code has it now."""
    return BLOCK.sub(lambda block: f"{block[1]}{TABLES[block[2]]()}{block[3]}", page)


def main() -> None:
    for path in sorted(DOCS.rglob("*.md")):
        page = path.read_text("utf-8")
        if rewritten(page) != page:
            path.write_text(rewritten(page), "utf-8")


if __name__ == "__main__":
    main()
