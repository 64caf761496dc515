"""What `tiercel init` proposes loads back without problems, whatever keys there are."""

import itertools

import pytest

from tiercel.domain.policy import Gate, Review
from tiercel.policy import cross_check, read_policy, read_settings, shipped_policy
from tiercel.policy.builtin import built_in_providers
from tiercel.policy.init import Proposal, propose

KEYS = [
    variable
    for provider in built_in_providers().values()
    if not provider.local
    for variable in ([provider.key_env] if isinstance(provider.key_env, str) else provider.key_env or ())
]
SERVING = ["ANTHROPIC_API_KEY", "GEMINI_API_KEY", "STEP_API_KEY", "OPENROUTER_API_KEY", "OPENAI_API_KEY"]


def no_problems(gate: Gate) -> list[str]:
    return []


def loaded_notices(proposal: Proposal, environ: dict[str, str]) -> tuple[str, ...]:
    """Both files loaded as written; what the cross-check still has to say."""
    settings = read_settings(proposal.settings_text, "tiercel.toml", environ)
    result = cross_check(read_policy(proposal.policy_text), settings.catalog, no_problems)
    assert result.problems == ()
    return result.notices


@pytest.mark.parametrize(
    "variables",
    [subset for size in range(1, 6) for subset in itertools.combinations(SERVING, size)],
    ids="+".join,
)
def test_every_set_of_keys_gives_files_that_load_without_a_notice(variables: tuple[str, ...]) -> None:
    """No rung without a key is left in, and every rule can climb."""
    environ = dict.fromkeys(variables, "key")
    assert loaded_notices(propose(environ), environ) == ()


@pytest.mark.parametrize("variable", KEYS)
def test_every_single_key_gives_files_that_load(variable: str) -> None:
    """Also the keys of providers that no known model is served by."""
    environ = {variable: "key"}
    loaded_notices(propose(environ), environ)


def test_all_keys_give_the_shipped_policy() -> None:
    environ = dict.fromkeys(KEYS, "key")
    assert read_policy(propose(environ).policy_text).hash == shipped_policy().hash


def test_openrouter_alone_suffices() -> None:
    proposal = propose({"OPENROUTER_API_KEY": "key"})
    assert proposal.notices == ("keys found for openrouter (OPENROUTER_API_KEY)",)
    assert read_policy(proposal.policy_text).hash == shipped_policy().hash


def test_what_has_no_key_is_dropped_with_a_notice() -> None:
    proposal = propose({"GOOGLE_API_KEY": "key"})
    policy = read_policy(proposal.policy_text)
    assert {name: tier.members for name, tier in policy.tiers.items()} == {
        "fast": ("gemini-3.5-flash",),
        "deep": ("gemini-3.5-pro",),
    }
    assert proposal.notices == (
        "keys found for gemini (GOOGLE_API_KEY)",
        "tier 'fast': no key for step-3.7-flash, claude-haiku-4-5",
        "tier 'balanced' is left out: no key for claude-sonnet-4-5",
        "tier 'deep': no key for claude-opus-4-8",
        "rule 'risky-drafts' has no review, for want of claude-opus-4-8",
        "rule 'polish': review by 'gemini-3.5-pro', for want of claude-opus-4-8",
        "rule 'agents' has no advisor, for want of claude-opus-4-8",
    )
    rules = {rule.name: rule for rule in policy.rules}
    assert rules["polish"].review == Review(by="gemini-3.5-pro@low")
    assert rules["risky-drafts"].review is None
    assert rules["agents"].advisor is None


def test_openais_models_stand_in_where_there_is_no_other_key() -> None:
    """The key that most people have is enough to begin with; next to others they are not needed."""
    proposal = propose({"OPENAI_API_KEY": "key"})
    policy = read_policy(proposal.policy_text)
    assert {name: tier.members for name, tier in policy.tiers.items()} == {
        "fast": ("gpt-5.6-luna",),
        "balanced": ("gpt-5.6-terra",),
        "deep": ("gpt-5.6-sol",),
    }
    assert "tier 'balanced': gpt-5.6-terra, for want of claude-sonnet-4-5" in proposal.notices
    both = read_policy(propose({"OPENAI_API_KEY": "key", "GEMINI_API_KEY": "key"}).policy_text).tiers
    assert [both[name].members for name in ("fast", "balanced", "deep")] == [
        ("gemini-3.5-flash",),
        ("gpt-5.6-terra",),
        ("gemini-3.5-pro",),
    ]


def test_a_rule_left_without_rungs_climbs_the_best_tier_there_is() -> None:
    proposal = propose({"STEP_API_KEY": "key"})
    assert "rule 'high-risk' climbs 'fast', for want of deep" in proposal.notices
    assert read_policy(proposal.policy_text).rules[0].ladder == ("fast",)


def test_without_any_key_it_says_what_can_be_done() -> None:
    """Both files load; the notices name the variables, the demo and servers of one's own."""
    proposal = propose({"OPENAI_API_KEY": "  "})
    assert loaded_notices(proposal, {}) != ()
    text = "\n".join(proposal.notices)
    assert all(word in text for word in ("OPENROUTER_API_KEY", "tiercel demo", "vLLM"))


def test_no_key_is_written_into_a_file() -> None:
    proposal = propose(dict.fromkeys(KEYS, "sk-marked-0123456789"))
    assert "sk-marked" not in f"{proposal}"


def test_commented_examples_are_valid_when_uncommented() -> None:
    """What the file shows behind a `#` can be used as it stands."""
    text = propose({}).settings_text
    head, _, tail = text.partition("# [providers.openai]")
    lines = [line.removeprefix("# ") for line in f"# [providers.openai]{tail}".splitlines()]
    kept = [line for line in lines if not line or line[0] == "[" or " = " in line]
    settings = read_settings(head + "\n".join(kept), "tiercel.toml", {})
    assert "vllm/my-model" in settings.catalog.deployments
