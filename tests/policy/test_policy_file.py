"""policy.toml: what its keys mean, and what is said about each mistake."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.build import MINIMAL_POLICY, policy_problems
from tiercel.domain.errors import ConfigError
from tiercel.domain.policy import Evidence, Gate, Limits, When
from tiercel.policy import load_policy, read_policy, shipped_policy, shipped_policy_text

RULE = '[[rules]]\nname = "hard-coding"\nladder = ["fast"]\n'


def with_rule(lines: str) -> str:
    """The smallest policy, with a first rule of these lines."""
    return MINIMAL_POLICY.replace("[[rules]]", f'[[rules]]\nname = "hard-coding"\n{lines}\n[[rules]]', 1)


BAD = {
    "version missing": (
        "[limits]",
        "policy.toml: 'version' is missing; write `version = 1` as the first line",
    ),
    "version of the future": ("version = 2", "policy.toml: version: this release reads version 1 only"),
    "version as text": ('version = "1"', "policy.toml: version: this release reads version 1 only"),
    "syntax": ("version = 1\n[tiers\n", "policy.toml: line 2, column 7: not valid TOML: Expected ']'"),
    "cut short": ("version =", "policy.toml: end of file: not valid TOML: Invalid value"),
    "no tiers": ('version = 1\n[[rules]]\nname = "a"\nladder = ["x"]', "policy.toml: 'tiers' is missing"),
    "no rules": (
        'version = 1\n[tiers.a]\nmembers = ["x"]',
        "policy.toml: 'rules' is missing: The rules, tried in this order.",
    ),
    "unknown table": (
        MINIMAL_POLICY + "[limit]\n",
        "policy.toml: limit: no such key; did you mean 'limits'?",
    ),
    "unknown key": (
        MINIMAL_POLICY + "[limits]\ndeadline = 3\n",
        "policy.toml: [limits] deadline: no such key; did you mean 'deadline_seconds'?",
    ),
    "number as text": (
        MINIMAL_POLICY + '[limits]\ndeadline_seconds = "fast"\n',
        "policy.toml: [limits] deadline_seconds: expected a number, not text",
    ),
    "whole number as fraction": (
        MINIMAL_POLICY + "[limits]\nmax_attempts = 2.5\n",
        "policy.toml: [limits] max_attempts: expected a whole number, not a number",
    ),
    "true as number": (
        MINIMAL_POLICY + "[limits]\nretries = true\n",
        "policy.toml: [limits] retries: expected a whole number, not true or false",
    ),
    "too small": (
        MINIMAL_POLICY + "[limits]\ndeadline_seconds = 0\n",
        "policy.toml: [limits] deadline_seconds: 0 is too small; it must be above 0",
    ),
    "too large": (
        MINIMAL_POLICY + '[gates.g]\ncheck = "table"\nat_least = 1.5\n',
        "policy.toml: [gates.g] at_least: 1.5 is too large; the most is 1",
    ),
    "date in options": (
        MINIMAL_POLICY + '[gates.g]\ncheck = "table"\noptions = { since = 2026-01-01 }\n',
        "policy.toml: [gates.g] options.since: a date or time cannot be used here; write it as text in quotes",
    ),
    "task misspelt": (
        with_rule('ladder = ["fast"]\nwhen = { task = ["coding", "sumary"] }'),
        "policy.toml: [rules.hard-coding] when.task[1]: 'sumary' is not one of 'agent_step',",
    ),
    "task of a wrong kind": (
        with_rule('ladder = ["fast"]\nwhen = { task = 3 }'),
        "policy.toml: [rules.hard-coding] when.task: expected one of 'agent_step',",
    ),
    "when as text": (
        with_rule('ladder = ["fast"]\nwhen = "always"'),
        "policy.toml: [rules.hard-coding] when: expected a table, not text",
    ),
    "evidence without a source": (
        with_rule('ladder = ["fast"]\nevidence = { date = "2026-10-01" }'),
        "policy.toml: [rules.hard-coding] evidence: 'source' is missing: Where it stands:",
    ),
    "evidence of another form": (
        with_rule('ladder = ["fast"]\nevidence = { date = "October", source = "ours" }'),
        "policy.toml: [rules.hard-coding] evidence.date: expected a date such as 2026-10-01",
    ),
    "evidence of no day": (
        with_rule('ladder = ["fast"]\nevidence = { date = "2026-02-30", source = "ours" }'),
        "policy.toml: [rules.hard-coding] evidence.date '2026-02-30': the calendar has no such day;",
    ),
    "evidence as a TOML date": (
        with_rule('ladder = ["fast"]\nevidence = { date = 2026-02-03, source = "ours" }'),
        "policy.toml: [rules.hard-coding] evidence.date: expected text in quotes, not a date or time",
    ),
    "rule without ladder": (
        with_rule('why = "x"'),
        "policy.toml: [rules.hard-coding]: 'ladder' is missing: Tiers, models or deployments,",
    ),
    "rule without name": (
        MINIMAL_POLICY.replace('name = "all"\n', ""),
        "policy.toml: [[rules]] number 1: 'name' is missing: A name for records and reports;",
    ),
    "ladder empty": (
        with_rule("ladder = []"),
        "policy.toml: [rules.hard-coding] ladder: the list is empty; name at least one",
    ),
    "effort misspelt": (
        with_rule('ladder = ["fast@hihg"]'),
        "policy.toml: [rules.hard-coding] ladder[0] 'fast@hihg': no such effort; did you mean 'high'?",
    ),
    "rung twice": (
        with_rule('ladder = ["fast", "fast"]'),
        "policy.toml: [rules.hard-coding] ladder[1] 'fast': stands on this ladder twice; remove one",
    ),
    "never true": (
        with_rule('ladder = ["fast"]\nwhen = { min_tokens = 9, max_tokens = 3 }'),
        "policy.toml: [rules.hard-coding] when: min_tokens is above max_tokens, so it can never match",
    ),
    "rule twice": (
        MINIMAL_POLICY + RULE + RULE,
        "policy.toml: [rules.hard-coding]: the name is used twice; rename one of the rules",
    ),
    "nothing for the rest": (
        MINIMAL_POLICY.replace('name = "all"', 'name = "all"\nwhen = { risk = "low" }'),
        "policy.toml: [rules]: no rule takes what the others leave; end with a rule without 'when'",
    ),
    "tier named auto": (
        MINIMAL_POLICY + '[tiers.auto]\nmembers = ["x"]\n',
        "policy.toml: [tiers.auto]: the name is taken: it stands for routing; choose another",
    ),
    "tier in a tier": (
        MINIMAL_POLICY + '[tiers.all]\nmembers = ["fast@low"]\n',
        "policy.toml: [tiers.all] members[0] 'fast@low': is a tier; name its models here",
    ),
    "name with a dot": (
        MINIMAL_POLICY + '[tiers.my.fast]\nmembers = ["x"]\n',
        'policy.toml: [tiers.my] fast: no such key; a name with a dot is quoted: [tiers."my.fast"]',
    ),
    "alias of an alias": (
        MINIMAL_POLICY + '[aliases]\n"gpt-4o" = "gpt-4"\n"gpt-4" = "fast"\n',
        "policy.toml: [aliases] gpt-4o 'gpt-4': points to another alias; name what is meant itself",
    ),
    "alias hides a tier": (
        MINIMAL_POLICY + '[aliases]\nfast = "auto"\n',
        "policy.toml: [aliases] fast: the name is taken by routing or a tier; choose another",
    ),
    "alias to no rule": (
        MINIMAL_POLICY + '[aliases]\nx = "auto:al"\n',
        "policy.toml: [aliases] x 'auto:al': no such rule; did you mean 'all'?",
    ),
    "inline gate without check": (
        MINIMAL_POLICY + "[defaults]\ngates = [{ re_ask = 1 }]\n",
        "policy.toml: [defaults] gates[0]: 'check' is missing: the check to run",
    ),
    "preference misspelt": (
        MINIMAL_POLICY + '[defaults]\nprefer = "cheap"\n',
        "policy.toml: [defaults] prefer: 'cheap' is not one of 'cheapest', 'fastest', 'listed'; "
        "did you mean 'cheapest'?",
    ),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_each_mistake_is_named_with_its_fix(text: str, message: str) -> None:
    """One mistake gives one line, which says file, key and fix."""
    problems = policy_problems(text)
    assert [problem[: len(message)] for problem in problems] == [message]


def test_all_mistakes_are_named_at_once() -> None:
    """An operator does not have to find them one by one."""
    text = MINIMAL_POLICY + '[limits]\nretries = "x"\nidle = 3\n[defaults]\nprefer = 1\n'
    assert len(policy_problems(text)) == 3


def test_a_file_that_is_not_there_says_who_writes_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file; `tiercel init` writes one"):
        load_policy(tmp_path / "policy.toml")


def test_a_file_that_is_not_utf8_says_so(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_bytes(b"version = 1 # \xff")
    with pytest.raises(ConfigError, match="not UTF-8 at byte 14"):
        load_policy(tmp_path / "policy.toml")


def test_a_file_nested_without_end_is_refused() -> None:
    assert policy_problems("a = " + "[" * 100_000) == [
        "policy.toml: nested too deeply; write plain tables",
    ]


def test_the_smallest_policy_is_safe() -> None:
    """Where the file says nothing of gates, answers must still be complete and valid."""
    policy = read_policy(MINIMAL_POLICY)
    assert policy.gates == (Gate(check="finished"), Gate(check="json_schema", re_ask=1))
    assert policy.limits == Limits()


def test_a_single_value_means_a_list_of_one() -> None:
    policy = read_policy(with_rule('ladder = ["fast"]\nwhen = { task = "coding", risk = ["low", "high"] }'))
    assert policy.rules[0].when == When(task=("coding",), risk=("low", "high"))


def test_a_rule_keeps_what_it_was_decided_on() -> None:
    """Evidence is optional, and the shipped rules claim none."""
    text = with_rule('ladder = ["fast"]\nevidence = { date = "2026-10-01", source = "evals/october.md" }')
    given, none = read_policy(text).rules
    assert given.evidence == Evidence(date="2026-10-01", source="evals/october.md")
    assert none.evidence is None
    assert {rule.evidence for rule in shipped_policy().rules} == {None}


def test_a_rules_limits_keep_what_they_do_not_say() -> None:
    text = with_rule('ladder = ["fast"]\nlimits = { max_cost_usd = 0.1 }') + "[limits]\nmax_attempts = 3\n"
    limits = read_policy(text).rules[0].limits
    assert limits == Limits(max_attempts=3, max_cost_nano=100_000_000)


def test_a_rules_gates_replace_the_default_ones() -> None:
    """A gate in a list is a named gate, a check, or a table."""
    policy = read_policy(
        with_rule('ladder = ["fast"]\ngates = ["final", "regex", { check = "table", re_ask = 2 }]')
        + '[gates.final]\ncheck = "number"\nat_least = 0.5\non_error = "closed"\noptions = { key = "x" }\n'
        "[gates.regex]\nre_ask = 1\n"
    )
    assert policy.rules[0].gates == (
        Gate(check="number", at_least=0.5, on_error="closed", options={"key": "x"}),
        Gate(check="regex", re_ask=1),
        Gate(check="table", re_ask=2),
    )
    assert policy.rules[1].gates is None


def test_a_rule_may_hedge_or_not_whatever_the_default() -> None:
    lines = 'ladder = ["fast"]\nhedge = {}'
    for word, value in (("true", True), ("false", False)):
        policy = read_policy(with_rule(lines.format(word)))
        assert (policy.hedge, policy.rules[0].hedge, policy.rules[1].hedge) == (False, value, None)
    assert read_policy(MINIMAL_POLICY + "[defaults]\nhedge = true\n").hedge


def test_the_shipped_policy_hedges_what_is_urgent_and_nothing_else() -> None:
    policy = shipped_policy()
    assert not policy.hedge
    assert [rule.name for rule in policy.rules if rule.hedge] == ["latency-critical"]


def test_no_gates_at_all_can_be_said() -> None:
    assert read_policy(MINIMAL_POLICY + "[defaults]\ngates = []\n").gates == ()


def test_the_hash_names_the_content() -> None:
    """Comments, spacing and the order of keys do not change it; a changed value does."""
    same = "# hello\n" + MINIMAL_POLICY.replace(
        'name = "all"\nladder = ["fast"]', 'ladder=["fast"]\nname="all"'
    )
    other = MINIMAL_POLICY.replace("flash", "pro")
    assert read_policy(same).hash == read_policy(MINIMAL_POLICY).hash
    assert read_policy(other).hash != read_policy(MINIMAL_POLICY).hash
    assert len(read_policy(MINIMAL_POLICY).hash) == 12


def test_the_shipped_policy_is_the_documented_table() -> None:
    """Rules in order, with their ladders."""
    policy = shipped_policy()
    assert [(rule.name, rule.ladder) for rule in policy.rules] == [
        ("high-risk", ("deep",)),
        ("video", ("step-3.7-flash", "fast", "balanced", "deep")),
        ("gui", ("step-3.7-flash", "fast", "balanced", "deep")),
        ("latency-critical", ("fast",)),
        ("hard", ("balanced", "deep")),
        ("risky-drafts", ("balanced", "deep")),
        ("polish", ("fast", "balanced", "deep")),
        ("agents", ("balanced", "deep")),
        ("coding-and-reasoning", ("fast", "balanced")),
        ("strict-json", ("fast", "balanced")),
        ("everyday", ("fast", "balanced")),
        ("anything-else", ("fast", "balanced")),
    ]
    assert {name: tier.members for name, tier in policy.tiers.items()} == {
        "fast": ("gemini-3.5-flash", "step-3.7-flash", "claude-haiku-4-5"),
        "balanced": ("claude-sonnet-4-5",),
        "deep": ("claude-opus-4-8", "gemini-3.5-pro"),
    }


@given(st.text(max_size=60), st.integers(0, len(shipped_policy_text())))
def test_any_text_gives_a_policy_or_named_problems(extra: str, position: int) -> None:
    """Nothing that may stand in the file makes the reader fail in any other way."""
    text = shipped_policy_text()
    problems = problems_if_any(text[:position] + extra + text[position:])
    assert all(problem.startswith("policy.toml: ") for problem in problems)


def problems_if_any(text: str) -> tuple[str, ...]:
    try:
        read_policy(text)
    except ConfigError as error:
        return error.problems
    return ()
