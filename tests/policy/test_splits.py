"""Splits in `policy.toml`: what they mean, and what is said of those that cannot be."""

import pytest

from tiercel.checks.registry import Registry
from tiercel.domain.errors import ConfigError
from tiercel.domain.policy import Arm, Split
from tiercel.policy import cross_check, read_policy, read_settings

HEAD = """
version = 1
[tiers.fast]
members = ["gemini-3.5-flash"]
[tiers.deep]
members = ["claude-opus-4-8"]
"""
ONE = 'arms.one = { use = "fast", share = 0.5 }'
OTHER = 'arms.other = { use = "claude-haiku-4-5@low", share = 0.5 }'


def text(*lines: str, name: str = "chat") -> str:
    return "\n".join(
        (
            f'[[rules]]\nname = "{name}"\nladder = ["fast", "deep"]',
            "[rules.split]",
            'name = "trial"',
            *lines,
            "",
        )
    )


def complaints(*rules: str) -> str:
    with pytest.raises(ConfigError) as raised:
        read_policy(HEAD + "\n".join(rules))
    return "\n".join(raised.value.problems)


def test_a_split_is_read() -> None:
    (rule,) = read_policy(HEAD + text('by = "user"', ONE, OTHER)).rules
    assert rule.split == Split(
        name="trial",
        by="user",
        arms=(
            Arm(name="one", use="fast", share=0.5),
            Arm(name="other", use="claude-haiku-4-5@low", share=0.5),
        ),
    )


def test_it_goes_by_the_session_unless_it_says_otherwise() -> None:
    (rule,) = read_policy(HEAD + text(ONE, OTHER)).rules
    assert rule.split is not None
    assert rule.split.by == "session"


def test_thirds_need_not_be_written_out() -> None:
    thirds = [f'arms.{name} = {{ use = "{name}", share = 0.333 }}' for name in ("a", "b", "c")]
    assert read_policy(HEAD + text(*thirds)).rules[0].split is not None


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            ('arms.one = { use = "fast", share = 1 }',),
            "[rules.chat] split.arms: a split needs two arms at least",
        ),
        ((ONE,), "the shares add up to 0.5; they must add up to 1"),
        ((ONE, 'arms.b = { use = "b", share = 0.6 }'), "the shares add up to 1.1; they must add up to 1"),
        ((ONE, 'arms.b = { use = "b", share = 1.5 }'), "split.arms.b.share: 1.5 is too large; the most is 1"),
        ((ONE, "arms.b = { share = 0.5 }"), "split.arms.b: 'use' is missing: The tier, model or deployment"),
        ((ONE, 'arms.b = { use = "fast", share = 0.5 }'), "is what arm 'one' uses; arms must differ"),
        ((ONE, 'arms.b = { use = "deep", share = 0.5 }'), "'deep': stands on this ladder already"),
        ((ONE, 'arms.b = { use = "b@hihg", share = 0.5 }'), "no such effort; did you mean 'high'?"),
        ((ONE, OTHER, 'by = "sesion"'), "'sesion' is not one of"),
        ((ONE, OTHER, "sticky = true"), "split.sticky: no such key"),
        ((), "'arms' is missing: The arms by name, two or more."),
    ],
)
def test_what_cannot_be_is_said_with_its_place(lines: tuple[str, ...], said: str) -> None:
    assert said in complaints(text(*lines))


def test_two_rules_may_have_the_same_split_but_not_two_of_one_name() -> None:
    """So that a session which meets both rules has one arm, and no figure mixes two trials."""
    both = text(ONE, OTHER, name="first"), text(ONE, OTHER, name="second")
    assert len(read_policy(HEAD + "\n".join(both)).rules) == 2
    changed = text(ONE, 'arms.other = { use = "b", share = 0.5 }', name="second")
    said = complaints(both[0], changed)
    assert "[rules.second] split.name 'trial': the split of this name in rule 'first' has other arms" in said


def test_an_arm_that_does_not_exist_or_cannot_be_called_is_told() -> None:
    settings = read_settings("version = 1\n[providers.openrouter]", "tiercel.toml", {})
    unknown = 'arms.other = { use = "claude-haiku-4-6", share = 0.5 }'
    found = cross_check(read_policy(HEAD + text(ONE, unknown)), settings.catalog, Registry.load().problems)
    assert any(
        "split.arms.other.use 'claude-haiku-4-6': no such tier or model" in line for line in found.problems
    )
