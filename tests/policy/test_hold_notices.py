"""What `tiercel validate` says of holds, and which holds it refuses."""

import pytest

from tests.policy.build import MINIMAL_POLICY
from tiercel.checks.registry import Registry
from tiercel.checks.resolve import resolve_policy
from tiercel.domain.errors import ConfigError
from tiercel.domain.policy import Hold
from tiercel.policy import read_policy, shipped_policy
from tiercel.policy.hold_notices import hold_notices


def with_defaults(text: str) -> str:
    return MINIMAL_POLICY + f"\n[defaults]\n{text}\n"


def notices(text: str) -> list[str]:
    return list(hold_notices(resolve_policy(read_policy(text), Registry.load())))


def rule(text: str) -> str:
    return MINIMAL_POLICY + f'\n[[rules]]\nname = "held"\nladder = ["fast"]\n{text}\n'


def test_a_rules_hold_takes_the_place_of_the_default() -> None:
    text = rule('hold = "first"\nhold_tokens = 50\nleast_tokens_per_second = 5.5')
    policy = read_policy(text + '\n[defaults]\nhold = "all"\n')
    assert policy.hold == Hold(mode="all")
    assert policy.rules[-1].hold == Hold(mode="first", tokens=50, least_tokens_per_second=5.5)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            with_defaults("hold_tokens = 5"),
            "[defaults] hold_tokens '5': it belongs beside hold = 'first' or hold = 'incremental'; "
            "add that or remove it",
        ),
        (
            rule('hold = "none"\nleast_tokens_per_second = 3'),
            "[rules.held] least_tokens_per_second '3': it belongs beside hold = 'first' or "
            "hold = 'incremental'; add that or remove it",
        ),
        (with_defaults('hold = "frist"'), "'first'"),
        (with_defaults('hold = "first"\nhold_tokens = 0'), "[defaults] hold_tokens"),
        (with_defaults('hold = "first"\nleast_tokens_per_second = 0'), "[defaults] least_tokens_per_second"),
    ],
)
def test_a_hold_that_makes_no_sense_is_refused_with_its_fix(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_policy(text)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("text", "notice"),
    [
        (
            with_defaults('hold = "none"'),
            "[defaults]: hold 'none': json_schema can only be told at the end of a stream; "
            "the verdict is recorded and changes nothing",
        ),
        (
            rule('hold = "first"\ngates = ["finished", "refusal", "json_schema"]'),
            "[rules.held]: hold 'first': refusal, json_schema can only be told at the end of a stream that "
            "has begun to go out; the verdict is recorded and changes nothing",
        ),
        (
            rule('hold = "incremental"\ngates = ["finished"]'),
            "[rules.held]: hold 'incremental' follows JSON, and no gate wants any; "
            "streams are held as by 'auto'",
        ),
    ],
)
def test_a_hold_that_takes_something_from_the_gates_is_told(text: str, notice: str) -> None:
    assert notices(text) == [notice]


@pytest.mark.parametrize("text", [rule('hold = "all"'), rule('hold = "incremental"'), MINIMAL_POLICY])
def test_a_hold_that_fits_its_gates_needs_no_words(text: str) -> None:
    assert notices(text) == []


def test_the_shipped_policy_holds_as_its_gates_need() -> None:
    assert shipped_policy().hold == Hold()
