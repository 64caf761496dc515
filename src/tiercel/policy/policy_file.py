"""`policy.toml` into a `Policy`. Models and checks are named here and looked up later (`cross_check.py`)."""

from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from tiercel.domain.money import nano_from_usd
from tiercel.domain.policy import (
    NEVER_STALLED,
    Evidence,
    Gate,
    Hold,
    Limits,
    Policy,
    Rule,
    Shadow,
    Tier,
    When,
)
from tiercel.domain.request import EFFORTS
from tiercel.policy.builtin import data_text
from tiercel.policy.modes import advisor_of, find_mode_contradictions, review_of
from tiercel.policy.policy_tables import (
    DefaultsTable,
    Gates,
    GateTable,
    LimitsTable,
    PolicyFile,
    RuleTable,
    ShadowTable,
    WhenTable,
)
from tiercel.policy.problems import Problems, Steps, listed, nearest
from tiercel.policy.session_tables import find_stall_contradictions, stall_of
from tiercel.policy.shape import find_problems
from tiercel.policy.splits import find_split_contradictions, split_of
from tiercel.policy.tables import date_complaint
from tiercel.policy.toml_reader import check_version, content_hash, read_table, read_text

HEADERS = {"defaults": 1, "limits": 1, "aliases": 1, "gates": 2, "tiers": 2, "rules": 2}
AUTO = "auto"
DEFAULT_GATES: Gates = ("finished", GateTable(check="json_schema", re_ask=1))
"""What every answer must pass where the file says nothing: safe for an operator who has not thought of gates yet."""

T = TypeVar("T")


def read_policy(text: str, name: str = "policy.toml") -> Policy:
    """The policy that this text describes. Raises one `ConfigError` with all problems, each with its fix."""
    table = read_table(text, name)
    problems = Problems(name, HEADERS)
    check_version(table, problems)
    find_problems(table, PolicyFile, problems)
    problems.raise_if_any()
    file = msgspec.convert(table, PolicyFile)
    find_contradictions(file, problems)
    problems.raise_if_any()
    limits = merged_limits(Limits(), file.limits)
    defaults = file.defaults
    return Policy(
        tiers={
            name: Tier(
                name=name,
                members=tier.members,
                prefer=tier.prefer,
                first_token_seconds=tier.first_token_seconds,
            )
            for name, tier in file.tiers.items()
        },
        rules=tuple(rule_of(rule, file, limits) for rule in file.rules),
        gates=gates_of(DEFAULT_GATES if defaults.gates is None else defaults.gates, file),
        aliases=file.aliases,
        limits=limits,
        name=name,
        prefer=defaults.prefer,
        on_exhausted=defaults.on_exhausted,
        on_refusal=defaults.on_refusal,
        concrete_fallback=defaults.concrete_fallback,
        raise_small_budgets=defaults.raise_small_budgets,
        hedge=defaults.hedge,
        hold=hold_of(defaults) or Hold(),
        sticky=defaults.sticky,
        stall=stall_of(defaults.stall) or NEVER_STALLED,
        residency_default=defaults.residency,
        hash=content_hash(table),
    )


def load_policy(path: Path) -> Policy:
    """The policy in this file. Raises `ConfigError`."""
    return read_policy(read_text(path), path.name)


def shipped_policy_text() -> str:
    """The policy that comes with Tiercel, with its comments."""
    return data_text("policy.toml")


def shipped_policy() -> Policy:
    """The policy that comes with Tiercel."""
    return read_policy(shipped_policy_text())


def rule_of(rule: RuleTable, file: PolicyFile, limits: Limits) -> Rule:
    evidence = rule.evidence
    return Rule(
        name=rule.name,
        ladder=rule.ladder,
        when=when_of(rule.when or WhenTable()),
        prefer=rule.prefer,
        gates=None if rule.gates is None else gates_of(rule.gates, file),
        limits=None if rule.limits is None else merged_limits(limits, rule.limits),
        hedge=rule.hedge,
        hold=hold_of(rule),
        review=review_of(rule.review),
        advisor=advisor_of(rule.advisor),
        shadow=shadow_of(rule.shadow),
        split=split_of(rule.split),
        sticky=rule.sticky,
        stall=stall_of(rule.stall),
        why=rule.why,
        evidence=None if evidence is None else Evidence(date=evidence.date, source=evidence.source),
    )


def hold_of(table: DefaultsTable | RuleTable) -> Hold | None:
    """The hold that a table names; `None` where it names none."""
    if table.hold is None:
        return None
    return Hold(
        mode=table.hold,
        tokens=table.hold_tokens or Hold().tokens,
        least_tokens_per_second=table.least_tokens_per_second,
    )


def shadow_of(table: ShadowTable | None) -> Shadow | None:
    if table is None:
        return None
    return Shadow(
        candidates=table.candidates,
        share=table.share,
        day_nano=nano_from_usd(str(table.budget_usd_per_day)),
        at_once=table.at_once,
    )


def when_of(when: WhenTable) -> When:
    return When(
        task=several(when.task),
        complexity=several(when.complexity),
        risk=several(when.risk),
        latency=several(when.latency),
        modality=several(when.modality),
        residency=several(when.residency),
        strict_json=when.strict_json,
        tools=when.tools,
        min_tokens=when.min_tokens,
        max_tokens=when.max_tokens,
    )


def several(value: T | tuple[T, ...] | None) -> tuple[T, ...]:
    """`"a"` and `["a"]` mean the same."""
    if value is None:
        return ()
    return cast(tuple[T, ...], value) if isinstance(value, tuple) else (value,)


def gates_of(gates: Gates, file: PolicyFile) -> tuple[Gate, ...]:
    return tuple(gate_of(gate, file) for gate in gates)


def gate_of(gate: str | GateTable, file: PolicyFile) -> Gate:
    """A gate in a list: the name of a `[gates.NAME]`, else of a check, or a table of its own."""
    if isinstance(gate, str):
        table = file.gates.get(gate, GateTable())
        check = table.check or gate
    else:
        table, check = gate, gate.check or ""
    return Gate(
        check=check,
        at_least=table.at_least,
        re_ask=table.re_ask,
        options=table.options,
        on_error=table.on_error,
        ask=table.ask,
        wait_seconds=table.wait_seconds,
        embed=table.embed,
    )


def merged_limits(base: Limits, table: LimitsTable) -> Limits:
    """`base` with whatever the table says."""
    given: dict[str, Any] = {
        field: value
        for field, value in msgspec.structs.asdict(table).items()
        if value is not None and field != "max_cost_usd"
    }
    if table.max_cost_usd is not None:
        given["max_cost_nano"] = nano_from_usd(str(table.max_cost_usd))
    return msgspec.structs.replace(base, **given)


def find_contradictions(file: PolicyFile, problems: Problems) -> None:
    """What no single value shows: names used twice, efforts that do not exist, rules that leave requests out."""
    for name, tier in file.tiers.items():
        if name == AUTO:
            problems.add(("tiers", name), "the name is taken: it stands for routing; choose another")
        for position, member in enumerate(tier.members):
            check_effort(member, ("tiers", name, "members", position), problems)
            if member.partition("@")[0] in file.tiers:
                problems.add(("tiers", name, "members", position), "is a tier; name its models here", member)
    for name, gate in file.gates.items():
        check_asked(gate, ("gates", name), problems)
    seen: set[str] = set()
    for rule in file.rules:
        if rule.name in seen:
            problems.add(("rules", rule.name), "the name is used twice; rename one of the rules")
        seen.add(rule.name)
        find_rule_contradictions(rule, problems)
    find_split_contradictions(file.rules, problems)
    if all(rule.when is not None and rule.when != WhenTable() for rule in file.rules):
        problems.add(("rules",), "no rule takes what the others leave; end with a rule without 'when'")
    find_gate_contradictions(file.defaults.gates, ("defaults", "gates"), problems)
    find_hold_contradictions(file.defaults, ("defaults",), problems)
    find_stall_contradictions(file.defaults.stall, ("defaults",), problems)
    find_alias_contradictions(file, seen, problems)


def find_rule_contradictions(rule: RuleTable, problems: Problems) -> None:
    path = ("rules", rule.name)
    for position, entry in enumerate(rule.ladder):
        check_effort(entry, (*path, "ladder", position), problems)
        if entry in rule.ladder[:position]:
            problems.add((*path, "ladder", position), "stands on this ladder twice; remove one", entry)
    for name, arm in rule.split.arms.items() if rule.split is not None else ():
        check_effort(arm.use, (*path, "split", "arms", name, "use"), problems)
    when = rule.when or WhenTable()
    if when.max_tokens is not None and (when.min_tokens or 0) > when.max_tokens:
        problems.add((*path, "when"), "min_tokens is above max_tokens, so it can never match")
    if rule.evidence is not None:
        complaint = date_complaint(rule.evidence.date)
        if complaint is not None:
            problems.add((*path, "evidence", "date"), complaint, rule.evidence.date)
    find_gate_contradictions(rule.gates, (*path, "gates"), problems)
    find_hold_contradictions(rule, path, problems)
    for position, entry in enumerate(rule.shadow.candidates if rule.shadow else ()):
        check_effort(entry, (*path, "shadow", "candidates", position), problems)
        if rule.shadow and entry in rule.shadow.candidates[:position]:
            problems.add((*path, "shadow", "candidates", position), "is tried twice; remove one", entry)
    find_mode_contradictions(rule, path, problems)
    for key, asked in (("review", rule.review), ("advisor", rule.advisor)):
        if asked is not None:
            check_effort(asked.by, (*path, key, "by"), problems)
    find_stall_contradictions(rule.stall, path, problems)


def find_hold_contradictions(table: DefaultsTable | RuleTable, path: Steps, problems: Problems) -> None:
    """What is said of a held beginning where no beginning is held."""
    if table.hold in ("first", "incremental"):
        return
    for key, value in (
        ("hold_tokens", table.hold_tokens),
        ("least_tokens_per_second", table.least_tokens_per_second),
    ):
        if value is not None:
            fix = "it belongs beside hold = 'first' or hold = 'incremental'; add that or remove it"
            problems.add((*path, key), fix, f"{value:g}")


def find_gate_contradictions(gates: Gates | None, path: Steps, problems: Problems) -> None:
    for position, gate in enumerate(gates or ()):
        if isinstance(gate, GateTable) and gate.check is None:
            problems.add((*path, position), "'check' is missing: the check to run")
        if isinstance(gate, GateTable):
            check_asked(gate, (*path, position), problems)


def check_asked(gate: GateTable, path: Steps, problems: Problems) -> None:
    for position, entry in enumerate(gate.ask):
        check_effort(entry, (*path, "ask", position), problems)
        if entry in gate.ask[:position]:
            problems.add((*path, "ask", position), "is asked twice; remove one", entry)


def find_alias_contradictions(file: PolicyFile, rules: set[str], problems: Problems) -> None:
    for alias, target in file.aliases.items():
        path = ("aliases", alias)
        if alias == AUTO or alias.startswith(f"{AUTO}:") or alias in file.tiers:
            problems.add(path, "the name is taken by routing or a tier; choose another")
        if target in file.aliases:
            problems.add(path, "points to another alias; name what is meant itself", target)
        rule = target.partition(":")[2]
        if target.startswith(f"{AUTO}:") and rule not in rules:
            problems.add(path, f"no such rule{nearest(rule, rules)}", target)


def check_effort(entry: str, path: Steps, problems: Problems) -> None:
    effort = entry.partition("@")[2]
    if effort and effort not in EFFORTS:
        fix = nearest(effort, EFFORTS) or f"; the efforts are {listed(EFFORTS)}"
        problems.add(path, f"no such effort{fix}", entry)
