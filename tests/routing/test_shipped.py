"""The shipped policy sends each kind of request where its table says."""

import pytest

from tests.routing.made import facts, request
from tiercel.domain.catalog import Catalog
from tiercel.domain.errors import CallerError
from tiercel.domain.facts import Facts
from tiercel.policy.init import propose
from tiercel.policy.policy_file import shipped_policy
from tiercel.policy.settings_file import read_settings
from tiercel.routing.plan import make_plan

FAST = {"gemini-3.5-flash", "step-3.7-flash", "claude-haiku-4-5"}
BALANCED = {"claude-sonnet-4-5"}
DEEP = {"claude-opus-4-8", "gemini-3.5-pro"}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """Everything that one OpenRouter key reaches."""
    environ = {"OPENROUTER_API_KEY": "k"}
    return read_settings(propose(environ).settings_text, "tiercel.toml", environ).catalog


def models(found: Facts, catalog: Catalog) -> list[str]:
    made = make_plan(request(), found, shipped_policy(), catalog)
    return list(dict.fromkeys(rung.deployment.model.name for rung in made.rungs))


@pytest.mark.parametrize(
    ("found", "groups"),
    [
        (facts(risk="high", task="simple_chat"), [DEEP]),
        (facts(task="gui"), [{"step-3.7-flash"}, FAST - {"step-3.7-flash"}, BALANCED, DEEP]),
        (facts(latency="critical", task="coding", complexity="hard"), [FAST]),
        (facts(task="coding", complexity="hard"), [BALANCED, DEEP]),
        (facts(task="long_writing", complexity="simple"), [FAST, BALANCED, DEEP]),
        (facts(task="long_writing", risk="medium"), [BALANCED, DEEP]),
        (facts(task="summary", risk="medium"), [BALANCED, DEEP]),
        (facts(task="agent_step", tools=True), [BALANCED, DEEP]),
        (facts(task="reasoning", complexity="hard"), [BALANCED, DEEP]),
        (facts(task="coding", complexity="medium"), [FAST, BALANCED]),
        (facts(task="reasoning", complexity="simple"), [FAST, BALANCED]),
        (facts(strict_json=True), [FAST, BALANCED]),
        (facts(task="summary"), [FAST, BALANCED]),
        (facts(task="extraction"), [FAST, BALANCED]),
        (facts(task="unknown"), [FAST, BALANCED]),
    ],
)
def test_each_line_of_the_table(found: Facts, groups: list[set[str]], catalog: Catalog) -> None:
    climbed = models(found, catalog)
    expected = [set(climbed[start:end]) for start, end in spans(groups)]
    assert expected == groups
    assert len(climbed) == sum(map(len, groups))


def spans(groups: list[set[str]]) -> list[tuple[int, int]]:
    starts = [sum(map(len, groups[:index])) for index in range(len(groups))]
    return [(start, start + len(group)) for start, group in zip(starts, groups, strict=True)]


def test_video_goes_to_step_first_and_only_to_what_takes_video(catalog: Catalog) -> None:
    climbed = models(facts(modalities=("text", "video")), catalog)
    assert climbed[0] == "step-3.7-flash"
    assert not {"claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-8"} & set(climbed)


def test_beyond_256k_tokens_only_the_two_large_windows_remain(catalog: Catalog) -> None:
    climbed = {
        name
        for task in ("summary", "coding", "agent_step")
        for risk in ("low", "high")
        for name in maybe(facts(260_000, task=task, risk=risk, complexity="hard"), catalog)
    }
    assert climbed == {"gemini-3.5-flash", "gemini-3.5-pro"}


def maybe(found: Facts, catalog: Catalog) -> list[str]:
    try:
        return models(found, catalog)
    except CallerError as error:
        if error.kind != "context_length":
            raise
        return []


def test_a_local_request_is_refused_where_nothing_is_local(catalog: Catalog) -> None:
    with pytest.raises(CallerError, match="none may process it in 'local'"):
        models(facts(residency="local"), catalog)
