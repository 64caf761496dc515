"""LiteLLM's configurations become ours, and what does not is told with its line."""

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.litellm_configs import COMPANY, LITERAL, LOCAL, SMALL
from tiercel.checks.registry import Registry
from tiercel.domain.catalog import Catalog
from tiercel.domain.errors import ConfigError
from tiercel.domain.policy import Policy
from tiercel.policy import read_policy, read_settings
from tiercel.policy.cross_check import cross_check
from tiercel.policy.litellm_import import Imported, import_litellm

AZURE = {"AZURE_US_BASE": "https://company-us.openai.azure.com"}


def imported(text: str, environ: dict[str, str] | None = None) -> Imported:
    return import_litellm(text, "config.yaml", environ or {})


def loaded(made: Imported) -> tuple[Catalog, Policy]:
    """Both files as the server reads them, with every key that they name."""
    settings = read_settings(made.settings_text, "tiercel.toml", made.stand_in_environment)
    policy = read_policy(made.policy_text, "policy.toml")
    assert cross_check(policy, settings.catalog, Registry.load().problems).problems == ()
    return settings.catalog, policy


def left(made: Imported, line: int) -> str:
    """What is told of this line."""
    return "\n".join(text for text in made.left if f" line {line}:" in text)


def line_of(config: str, words: str) -> int:
    return next(number for number, line in enumerate(config.splitlines(), 1) if words in line)


@pytest.mark.parametrize(
    "config", [SMALL, COMPANY, LOCAL, LITERAL], ids=["small", "company", "local", "literal"]
)
def test_what_is_written_is_valid_and_serves_every_model(config: str) -> None:
    """Both files load, fit each other, and each model can be called."""
    made = imported(config, AZURE)
    catalog, policy = loaded(made)
    written: dict[str, Any] = tomllib.loads(made.settings_text)
    for name, table in written["deployments"].items():
        assert catalog.deployments[name].model.name == table["model"]
    assert policy.rules[0].ladder == ("imported",)


def test_a_small_one_leaves_nothing_behind() -> None:
    """Providers by name, keys by variable, groups as models."""
    made = imported(SMALL)
    catalog, _ = loaded(made)
    assert made.left == ()
    assert made.variables == {"OPENAI_API_KEY": "openai", "ANTHROPIC_API_KEY": "anthropic"}
    (claude,) = catalog.serving("claude")
    assert (claude.provider.name, claude.upstream_name) == ("anthropic", "claude-haiku-4-5")
    assert claude.model.capabilities.window == 200_000, "what is known of the model is kept"
    assert claude.billing.known, "and what it is known to cost"


def test_members_of_a_group_are_deployments_of_one_model() -> None:
    """With address, version and weight of each."""
    catalog, _ = loaded(imported(COMPANY, AZURE))
    europe, america = catalog.serving("gpt-4o")
    assert europe.provider.base_url == "https://company-eu.openai.azure.com?api-version=2025-04-01-preview"
    assert america.provider.base_url == "https://company-us.openai.azure.com?api-version=2025-04-01-preview"
    assert (europe.provider.key_env, america.provider.key_env) == ("AZURE_EU_KEY", "AZURE_US_KEY")
    assert (europe.provider.quirks, europe.upstream_name, europe.weight) == (
        "azure_deployments",
        "gpt-4o-eu",
        9,
    )


def test_prices_and_capabilities_are_carried_over() -> None:
    """Dollars a token become dollars a million, exactly."""
    catalog, _ = loaded(imported(COMPANY, AZURE))
    (openai,) = catalog.serving("gpt-4o-openai")
    assert (openai.billing.input, openai.billing.output) == (2_500_000_000, 10_000_000_000)
    assert openai.model.capabilities.window == 128_000
    assert openai.model.capabilities.modalities == ("text", "image")


def test_fallbacks_become_ladders_and_aliases_stay() -> None:
    """Who asks for the group climbs its ladder, also by an alias of an alias."""
    _, policy = loaded(imported(COMPANY, AZURE))
    ladders = {rule.name: rule.ladder for rule in policy.rules}
    assert ladders["fallback-1-gpt-4o"] == ("gpt-4o", "gpt-4o-openai", "long")
    assert ladders["fallback-2-gpt-4o-openai"] == ("gpt-4o-openai", "long")
    assert policy.aliases["gpt-4o"] == policy.aliases["best"] == "auto:fallback-1-gpt-4o"
    assert (policy.limits.retries, policy.limits.deadline_seconds) == (2, 120)
    assert "embed" not in policy.tiers["imported"].members


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("rpm: 600", "litellm_params.rpm has no counterpart"),
        ("mode: image_generation", "mode image_generation is not served here"),
        ("model: bedrock/", "provider 'bedrock' is not served here"),
        ("context_window_fallbacks", "long stands on its ladder"),
        ("callbacks:", "Prometheus finds /metrics"),
        ("cache: true", "answers are not cached"),
        ("max_budget: 500", "give all keys one project"),
        ("usage-based-routing", "in the order of weight and file"),
        ("lost: gone", "there is no model 'gone'"),
        ("redis_host", "router_settings.redis_host has no counterpart"),
        ("database_url", "records need no database"),
        ("request_timeout", "bounds a request with all its attempts"),
    ],
)
def test_what_is_not_carried_over_is_told_with_its_line(words: str, told: str) -> None:
    """Nothing is dropped in silence."""
    assert told in left(imported(COMPANY, AZURE), line_of(COMPANY, words))


def test_budgets_become_commands_for_keys() -> None:
    """They stand with keys and projects here."""
    assert imported(COMPANY, AZURE).commands == (
        "tiercel keys create --usd-per-day 5 --requests-per-minute 60 --allow gpt-4o --allow long",
        "tiercel keys budget --project everybody --usd-per-month 500",
    )


def test_servers_of_ones_own_need_no_key() -> None:
    """Ollama's own interface, a vLLM elsewhere, and somebody who speaks like OpenAI and is not OpenAI."""
    made = imported(LOCAL)
    catalog, _ = loaded(made)
    quirks = {name: provider.quirks for name, provider in catalog.providers.items()}
    assert quirks == {"hosted_vllm": "vllm", "ollama_chat": "generic", "openai-own": "generic"}
    (llama,) = catalog.serving("team/llama-home")
    assert (llama.provider.format, llama.upstream_name) == ("ollama", "llama3.2:70b")
    assert "is called team/llama-home here" in left(made, line_of(LOCAL, "@home"))


def test_no_key_is_copied_from_the_file() -> None:
    """Each gets the name of a variable, one for each different key, and the line says which."""
    made = imported(LITERAL)
    everything = "\n".join(
        (made.settings_text, made.policy_text, *made.left, *made.commands, *made.variables, repr(made))
    )
    assert "LITERAL" not in everything
    catalog, _ = loaded(made)
    keys = {name: catalog.serving(name)[0].provider.key_env for name in ("a", "b", "c")}
    assert keys == {"a": "OPENAI_API_KEY", "b": "OPENAI_API_KEY_2", "c": "OPENAI_API_KEY"}
    assert "put it into the variable OPENAI_API_KEY_2" in left(made, 5)
    assert "set LANGFUSE_SECRET_KEY in the environment" in left(made, line_of(LITERAL, "LANGFUSE"))
    (groq,) = catalog.serving("d")
    assert groq.provider.headers == {"x-team": "search"}
    assert 'operator_keys_env = ["LITELLM_MASTER_KEY"]' in made.settings_text


def test_names_that_are_taken_here_are_changed() -> None:
    """`auto` stands for routing, and the tier that is written has a name of its own."""
    config = """\
model_list:
- {model_name: auto, litellm_params: {model: openai/gpt-4o}}
- {model_name: imported, litellm_params: {model: 'xai/"quoted" \\ name'}}
router_settings: {model_group_alias: {"auto:x": auto, imported-2: imported}}
"""
    made = imported(config)
    catalog, policy = loaded(made)
    assert list(policy.tiers) == ["imported-3"]
    assert policy.tiers["imported-3"].members == ("auto-model", "imported")
    assert catalog.serving("imported")[0].upstream_name == '"quoted" \\ name'
    assert "alias auto:x: the name is taken" in left(made, 4)


def test_an_address_that_is_only_in_the_environment_is_asked_for() -> None:
    """Addresses stand in the file here; where none is known, there is a place to fill in and a line that says so."""
    made = imported(COMPANY)
    assert "https://to-be-filled-in.invalid" in made.settings_text
    assert "AZURE_US_BASE is not set here" in left(made, line_of(COMPANY, "AZURE_US_BASE"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "there is no model_list"),
        ("- just\n- a list", "there is no model_list"),
        ("model_list:\n\t- model_name: a", "line 2: not YAML"),
        ("model_list: [", "line 1: not YAML"),
        ("model_list: {a: b}", "there is no model_list"),
        ("model_list: []", "no model of it can be served here: model_list is empty"),
        ("model_list:\n- model_name: a", "line 2: a model without model_name"),
        ("model_list:\n- {model_name: a, litellm_params: {model: sagemaker/x}}", "provider 'sagemaker'"),
        (
            "model_list:\n- {model_name: '*', litellm_params: {model: openai/*}}",
            "there are no wildcards here",
        ),
        (
            "model_list:\n- {model_name: a, litellm_params: {model: azure/x, api_base: 'ftp://x'}}",
            "must begin with",
        ),
        ("a: !!python/object/apply:os.system ['true']", "there is no model_list"),
        ('model_list: "\\ud800"', "line 1: half of a character"),
        ("a: &a [*a, *a]\nmodel_list: *a", "nested too deeply"),
        ("a: \x00", "not YAML"),
        ("a: 2026-02-30", "not YAML"),
    ],
)
def test_what_is_no_configuration_is_refused_with_the_line(text: str, problem: str) -> None:
    """In the operator's words, and never with a traceback."""
    with pytest.raises(ConfigError) as raised:
        imported(text)
    assert problem in "\n".join(raised.value.problems)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("os.environ/KEY"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
sizes = st.floats() | st.integers() | st.sampled_from([0, 1e6, ".inf", "1e-06", 10**400])
settings_values = st.dictionaries(
    st.sampled_from(
        ["fallbacks", "model_group_alias", "num_retries", "timeout", "max_budget", "default_fallbacks"]
    ),
    values | sizes,
)


@given(
    name=st.text(min_size=1, max_size=12),
    params=values,
    size=sizes,
    router=settings_values,
    library=settings_values,
)
def test_odd_ones_are_imported_or_refused(
    name: str, params: Any, size: Any, router: Any, library: Any
) -> None:
    """Whatever stands where, there is a valid pair of files or a plain refusal."""
    numbers = {key: size for key in ("weight", "input_cost_per_token", "output_cost_per_token")}
    entry = {
        "model_name": name,
        "litellm_params": {"model": "openai/gpt-4o", "api_base": params, **numbers},
        "model_info": {"max_input_tokens": size, "supports_vision": params, "mode": "chat"},
    }
    config = {"model_list": [entry], "router_settings": router, "litellm_settings": library}
    try:
        made = imported(
            json.dumps(config, ensure_ascii=False).replace("Infinity", ".inf").replace("NaN", ".nan")
        )
    except ConfigError:
        return
    loaded(made)
