"""Whether policy and catalog fit: names that do not exist are problems, members without a key only notices."""

import msgspec
import pytest

from tests.policy.build import MINIMAL_POLICY, settings
from tiercel.domain.catalog import Deployment
from tiercel.domain.policy import Gate
from tiercel.policy import cross_check, read_policy, shipped_policy
from tiercel.policy.cross_check import Checker

OPENROUTER = settings("[providers.openrouter]", {"OPENROUTER_API_KEY": "k"}).catalog


def no_problems(gate: Gate) -> list[str]:
    return []


def tried(entry: str, budget: float = 1.0) -> str:
    shadow = f'{{ candidates = ["{entry}"], share = 0.1, budget_usd_per_day = {budget} }}'
    return MINIMAL_POLICY + f'[[rules]]\nname = "hard-coding"\nladder = ["fast"]\nshadow = {shadow}\n'


def ladder(entry: str) -> str:
    return MINIMAL_POLICY + f'[[rules]]\nname = "hard-coding"\nladder = ["{entry}"]\n'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (ladder("fats"), "[rules.hard-coding] ladder[0] 'fats': no such tier or model; did you mean 'fast'?"),
        (
            ladder("fast@max"),
            "[rules.hard-coding] ladder[0] 'fast@max': 'gemini-3.5-flash' has no effort 'max'; "
            "it takes 'minimal', 'low', 'medium', 'high'",
        ),
        (
            ladder("claude-haiku-4-5@xhigh"),
            "[rules.hard-coding] ladder[0] 'claude-haiku-4-5@xhigh': 'claude-haiku-4-5' has no effort 'xhigh'; "
            "it takes 'none', 'low', 'medium', 'high'",
        ),
        (
            tried("claude-haiku"),
            "[rules.hard-coding] shadow.candidates[0] 'claude-haiku': no such model or deployment; "
            "did you mean 'claude-haiku-4-5'?",
        ),
        (
            tried("claude-haiku-4-5@xhigh"),
            "[rules.hard-coding] shadow.candidates[0] 'claude-haiku-4-5@xhigh': 'claude-haiku-4-5' has no effort "
            "'xhigh'; it takes 'none', 'low', 'medium', 'high'",
        ),
        (
            MINIMAL_POLICY.replace("gemini-3.5-flash", "gemini-3.5-flush"),
            "[tiers.fast] members[0] 'gemini-3.5-flush': no such model or deployment; "
            "did you mean 'gemini-3.5-flash'?",
        ),
        (
            MINIMAL_POLICY + '[aliases]\ngpt = "claude-haiku"\n',
            "[aliases] gpt 'claude-haiku': no such tier or model; did you mean 'claude-haiku-4-5'?",
        ),
        (
            MINIMAL_POLICY + '[tiers.claude-haiku-4-5]\nmembers = ["claude-opus-4-8"]\n',
            "[tiers.claude-haiku-4-5]: a model or deployment has this name; rename the tier",
        ),
    ],
    ids=[
        *("ladder", "tier's effort", "model's effort", "candidate", "candidate's effort"),
        *("member", "alias", "tier's name"),
    ],
)
def test_a_name_that_does_not_exist_is_a_problem(text: str, problem: str) -> None:
    result = cross_check(read_policy(text), OPENROUTER, no_problems)
    assert result.problems == (f"policy.toml: {problem}",)


@pytest.mark.parametrize(
    ("entry", "budget", "doubt"),
    [
        ("gemini-3.5-pro", 1.0, "is never tried: its price is unknown, so no budget can be kept"),
        ("claude-haiku-4-5", 0.01, "an answer, more than the day's budget: only short ones are tried"),
    ],
)
def test_a_candidate_that_no_budget_fits_is_told_of(entry: str, budget: float, doubt: str) -> None:
    """It is not tried, or seldom; that is no mistake of the policy's."""
    result = cross_check(read_policy(tried(entry, budget)), OPENROUTER, no_problems)
    assert result.problems == ()
    assert any(doubt in notice for notice in result.notices), result.notices
    fitting = cross_check(read_policy(tried("claude-haiku-4-5")), OPENROUTER, no_problems)
    assert not any("shadow" in notice for notice in fitting.notices)


@pytest.mark.parametrize(
    "entry", ["claude-opus-4-8@high", "openrouter/claude-opus-4-8@low", "fast@minimal", "gemini-3.5-pro"]
)
def test_an_entry_may_be_a_tier_model_or_deployment(entry: str) -> None:
    result = cross_check(read_policy(ladder(entry)), OPENROUTER, no_problems)
    assert (result.problems, result.notices) == ((), ())


def test_a_gates_mistakes_stand_at_the_gate() -> None:
    """What the registry of checks says of a gate is told with its place, in the defaults and in rules."""
    text = MINIMAL_POLICY.replace('ladder = ["fast"]', 'ladder = ["fast"]\ngates = ["finished", "jsn"]')

    def problems(gate: Gate) -> list[str]:
        return ["gate 'jsn': no such check"] if gate.check == "jsn" else []

    result = cross_check(read_policy(text), OPENROUTER, problems)
    assert result.problems == ("policy.toml: [rules.all] gates[1]: gate 'jsn': no such check",)


def test_a_member_without_a_key_is_only_a_notice() -> None:
    """The shipped policy works with one key of several; what is left out is said, once per place."""
    catalog = settings("[providers.gemini]\n[providers.stepfun]", {"GEMINI_API_KEY": "k"}).catalog
    result = cross_check(shipped_policy(), catalog, no_problems)
    assert result.problems == ()
    assert result.notices == (
        "policy.toml: [tiers.fast] members[1] 'step-3.7-flash': is left out: STEP_API_KEY is not set",
        "policy.toml: [tiers.fast] members[2] 'claude-haiku-4-5': is left out: "
        "no provider of tiercel.toml serves it",
        "policy.toml: [tiers.balanced] members[0] 'claude-sonnet-4-5': is left out: "
        "no provider of tiercel.toml serves it",
        "policy.toml: [tiers.deep] members[0] 'claude-opus-4-8': is left out: "
        "no provider of tiercel.toml serves it",
        "policy.toml: [rules.video] ladder[0] 'step-3.7-flash': is left out: STEP_API_KEY is not set",
        "policy.toml: [rules.gui] ladder[0] 'step-3.7-flash': is left out: STEP_API_KEY is not set",
        *(
            f"policy.toml: [rules.{second}.by 'claude-opus-4-8@low': is left out: "
            "no provider of tiercel.toml serves it"
            for second in ("risky-drafts] review", "polish] review", "agents] advisor")
        ),
    )


def test_a_rule_that_nobody_can_serve_is_noticed() -> None:
    catalog = settings("[providers.stepfun]", {"STEP_API_KEY": "k"}).catalog
    notices = cross_check(shipped_policy(), catalog, no_problems).notices
    assert "policy.toml: [rules.high-risk]: nothing on its ladder can be called" in notices


def test_without_any_key_one_notice_says_it_all() -> None:
    catalog = settings("[providers.gemini]").catalog
    assert cross_check(shipped_policy(), catalog, no_problems).notices == (
        "nothing can be called: no model has a provider and its key; set GEMINI_API_KEY",
    )


def test_an_alias_may_carry_an_effort_that_the_model_has() -> None:
    text = MINIMAL_POLICY + '[aliases]\ngpt = "claude-haiku-4-5@{}"\n'
    assert cross_check(read_policy(text.format("high")), OPENROUTER, no_problems).problems == ()
    (problem,) = cross_check(read_policy(text.format("most")), OPENROUTER, no_problems).problems
    assert problem.startswith(
        "policy.toml: [aliases] gpt 'claude-haiku-4-5@most': 'claude-haiku-4-5' has no effort"
    )


def test_problems_name_the_file_that_was_read() -> None:
    policy = read_policy(ladder("fats"), "team.toml")
    (problem,) = cross_check(policy, OPENROUTER, no_problems).problems
    assert problem.startswith("team.toml: ")


ASKING = """[gates.second]
check = "agreement"
ask = {asked}
[[rules]]
name = "asked"
ladder = ["fast", "claude-sonnet-4-5"]
gates = ["second"]
"""


def test_who_is_asked_must_exist() -> None:
    policy = read_policy(MINIMAL_POLICY + ASKING.format(asked='["step-3.7-flush", "claude-haiku-4-5"]'))
    assert [problem for problem in cross_check(policy, OPENROUTER, no_problems).problems] == [
        "policy.toml: [rules.asked] gates[0].ask[0] 'step-3.7-flush': no such model or deployment; "
        "did you mean 'step-3.7-flash'?"
    ]


@pytest.mark.parametrize(
    ("asked", "noticed"),
    [
        ('["claude-haiku-4-5"]', True),  # may be a judge of all stages
        ('["step-3.7-flash", "claude-haiku-4-5"]', False),  # opinions beside the first stage
        ('["step-3.7-flash"]', False),
    ],
)
def test_who_is_of_the_same_family_is_noticed(asked: str, noticed: bool) -> None:
    policy = read_policy(MINIMAL_POLICY + ASKING.format(asked=asked))
    notices = cross_check(policy, OPENROUTER, no_problems).notices
    assert any("same maker as claude-sonnet-4-5" in notice for notice in notices) == noticed


EMBEDDING = """[[rules]]
name = "meant"
ladder = ["fast"]
gates = [{{ check = "agreement", ask = ["claude-haiku-4-5"], embed = "{embed}" }}]
"""


def test_who_embeds_must_exist() -> None:
    policy = read_policy(MINIMAL_POLICY + EMBEDDING.format(embed="step-3.7-flush"))
    assert cross_check(policy, OPENROUTER, no_problems).problems == (
        "policy.toml: [rules.meant] gates[0].embed 'step-3.7-flush': no such model or deployment; "
        "did you mean 'step-3.7-flash'?",
    )


def test_who_embeds_is_noticed_where_its_key_is_missing() -> None:
    keyless = msgspec.structs.replace(OPENROUTER, deployments={}, keyless=OPENROUTER.deployments)
    policy = read_policy(MINIMAL_POLICY + EMBEDDING.format(embed="step-3.7-flash"))
    checker = Checker(policy, keyless)
    checker.run(no_problems)
    assert any("gates[0].embed 'step-3.7-flash': is left out" in notice for notice in checker.notices.lines)


def test_a_format_without_embeddings_is_told() -> None:
    def foreign(deployment: Deployment) -> Deployment:
        provider = msgspec.structs.replace(deployment.provider, format="anthropic")
        return msgspec.structs.replace(deployment, provider=provider)

    deployments = {name: foreign(deployment) for name, deployment in OPENROUTER.deployments.items()}
    policy = read_policy(MINIMAL_POLICY + EMBEDDING.format(embed="step-3.7-flash"))
    (problem,) = cross_check(
        policy, msgspec.structs.replace(OPENROUTER, deployments=deployments), no_problems
    ).problems
    assert problem.endswith("its provider's API has no embeddings; name a model that embeds")


def test_itself_is_nobodys_name() -> None:
    policy = read_policy(MINIMAL_POLICY + ASKING.format(asked='["itself"]'))
    assert cross_check(policy, OPENROUTER, no_problems).problems == ()
