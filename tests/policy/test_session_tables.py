"""`sticky` and `stall` in policy.toml: what they mean, and what is said about each mistake."""

import pytest

from tests.policy.build import MINIMAL_POLICY, policy_problems, settings
from tiercel.domain.policy import NEVER_STALLED, Policy, Stall, Sticky
from tiercel.policy import cross_check, read_policy

CATALOG = settings("[providers.openrouter]", {"OPENROUTER_API_KEY": "k"}).catalog


def text(lines: str, defaults: str = "", ladder: str = '["fast", "claude-opus-4-8"]') -> str:
    """The smallest policy with a first rule of these lines."""
    rule = f'[[rules]]\nname = "agents"\nladder = {ladder}\n{lines}\n[[rules]]'
    made = MINIMAL_POLICY.replace("[[rules]]", rule, 1)
    return f"{made}\n[defaults]\n{defaults}\n" if defaults else made


def notices(lines: str, **other: str) -> tuple[str, ...]:
    return cross_check(read_policy(text(lines, **other)), CATALOG, lambda gate: []).notices


@pytest.mark.parametrize(
    ("written", "stall"),
    [
        ("stall = true", Stall()),
        ("stall = false", NEVER_STALLED),
        ("stall = {}", Stall()),
        ("stall = { repeats = 5 }", Stall(repeats=5)),
        ("stall = { failures = 1, asked_again = 0 }", Stall(failures=1, asked_again=0)),
        ('stall = { polling = ["wait", "check_*"] }', Stall(polling=("wait", "check_*"))),
        ("", None),
    ],
)
def test_a_stall_is_a_table_or_whether_there_is_one(written: str, stall: Stall | None) -> None:
    assert read_policy(text(written)).rules[0].stall == stall
    everywhere = read_policy(text("", written)) if written else Policy()
    assert everywhere.stall == (stall or NEVER_STALLED)


@pytest.mark.parametrize("sticky", ["tool_loop", "cache", "session", "stage"])
def test_a_rule_or_all_of_them_are_sticky(sticky: Sticky) -> None:
    assert read_policy(text(f'sticky = "{sticky}"')).rules[0].sticky == sticky
    assert read_policy(text("", f'sticky = "{sticky}"')).sticky == sticky


def test_without_the_keys_a_policy_is_as_before() -> None:
    made = read_policy(text(""))
    assert (made.sticky, made.stall, made.rules[0].sticky, made.rules[0].stall) == (
        "tool_loop",
        NEVER_STALLED,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ('sticky = "sesion"', "sticky: 'sesion' is not one of 'cache', 'session', 'stage', 'tool_loop'; did you mean"),
        ("sticky = true", "sticky: expected one of"),
        ("stall = 3", "stall: expected true or false or a table, not a whole number"),
        ("stall = { repeat = 3 }", "stall.repeat: no such key; did you mean 'repeats'?"),
        ("stall = { repeats = 1 }", "stall.repeats: once is no repetition; write 2 or more, or 0 for never"),
        ("stall = { asked_again = 1 }", "stall.asked_again: once is no repetition"),
        ("stall = { failures = -1 }", "stall.failures: -1 is too small"),
        ('stall = { polling = "wait" }', "stall.polling: expected a list, not text"),
        ('stall = { polling = [""] }', "stall.polling[0]: the text is empty"),
    ],
)  # fmt: skip
def test_each_mistake_is_told_with_its_fix(written: str, problem: str) -> None:
    assert f"policy.toml: [rules.agents] {problem}" in "\n".join(policy_problems(text(written)))
    assert f"policy.toml: [defaults] {problem}" in "\n".join(policy_problems(text("", written)))


def test_what_can_do_nothing_is_noticed() -> None:
    alone = notices("stall = true", ladder='["fast"]')
    assert alone == (
        "policy.toml: [rules.agents] stall: does nothing: the ladder has one entry, and no stage above it",
    )
    assert notices("stall = false", ladder='["fast"]') == ()
    assert notices("stall = true") == ()
    listed = 'sticky = "cache"\nprefer = "listed"'
    assert notices(listed) == (
        "policy.toml: [rules.agents] sticky: does nothing: prompt caches count where a tier is ordered by 'cheapest'",
    )
    assert notices('sticky = "cache"') == ()
