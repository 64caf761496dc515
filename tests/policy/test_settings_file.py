"""tiercel.toml: what its keys mean, what is said about each mistake, and that no key gets out."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.build import settings, settings_problems
from tiercel.domain.catalog import Prices
from tiercel.domain.errors import ConfigError
from tiercel.domain.secret import Secret
from tiercel.policy import load_settings, read_settings
from tiercel.policy.init import propose

MARKED = "sk-marked-0123456789abcdef"
PROPOSED = propose({"OPENROUTER_API_KEY": "k"}).settings_text
OWN = '[providers.own]\nbase_url = "http://gpu.example.com:8000/v1"\n'
MODEL = '[models.m]\nserved_by = { own = "org/m" }\n'

BAD = {
    "unknown provider": (
        "[providers.openruter]",
        "[providers.openruter]: 'base_url' is missing, and no known provider has this name; "
        "did you mean 'openrouter'?",
    ),
    "literal key": (
        f'[providers.openai]\napi_key = "{MARKED}"',
        "[providers.openai] api_key: keys never stand in this file; name the variable that holds it in key_env",
    ),
    "literal client key": (
        f'[listener]\nkeys = ["{MARKED}"]',
        "[listener] keys: keys never stand in this file; name variables in keys_env",
    ),
    "key as variable": (
        f'[providers.openai]\nkey_env = "{MARKED}"',
        "[providers.openai] key_env: is not the name of an environment variable (capitals, digits, _); "
        "a key itself never stands in this file",
    ),
    "key as header": (
        f'[providers.openai]\nheaders = {{ Authorization = "Bearer {MARKED}" }}',
        "[providers.openai] headers.Authorization: is a credential, which never stands in this file; "
        "name its variable in key_env",
    ),
    "key in the address": (
        f'[providers.own]\nbase_url = "https://user:{MARKED}@host/v1"',
        "[providers.own] base_url: holds a user name or password; "
        "credentials belong in environment variables",
    ),
    "key in the query": (
        f'[providers.own]\nbase_url = "https://host/v1?key={MARKED}"',
        "[providers.own] base_url: holds a query or fragment; write only the address, like "
        "https://gpu.example.com:8000/v1",
    ),
    "key in the proxy": (
        f'[providers.openai]\nproxy = "http://user:{MARKED}@proxy:1"',
        "[providers.openai] proxy: holds a user name or password; set HTTPS_PROXY in the environment instead",
    ),
    "another scheme": (
        '[providers.own]\nbase_url = "file:///etc/passwd"',
        "[providers.own] base_url: must begin with http:// or https://, like https://gpu.example.com:8000/v1",
    ),
    "no host": (
        '[providers.own]\nbase_url = "https:///v1"',
        "[providers.own] base_url: names no host; write it like https://gpu.example.com:8000/v1",
    ),
    "port out of range": (
        '[providers.own]\nbase_url = "https://host:99999/v1"',
        "[providers.own] base_url: is not an address; write it like https://gpu.example.com:8000/v1",
    ),
    "control characters": (
        '[providers.own]\nbase_url = "https://host/\\r\\nX: y"',
        "[providers.own] base_url: holds white space, control or non-ASCII characters; write it like "
        "https://gpu.example.com:8000/v1",
    ),
    "header with a line break": (
        '[providers.openai]\nheaders = { "X-Title" = "a\\r\\nX: y" }',
        "[providers.openai] headers.X-Title: has a value that no header can carry; use printable ASCII",
    ),
    "header of the connection": (
        '[providers.openai]\nheaders = { Host = "x" }',
        "[providers.openai] headers.Host: is set by Tiercel itself; remove it",
    ),
    "certificates not there": (
        '[providers.openai]\nca_file = "no/such.pem"',
        "[providers.openai] ca_file 'no/such.pem': no such file; name a PEM file of certificates",
    ),
    "format misspelt": (
        OWN + 'format = "antropic"',
        "[providers.own] format: 'antropic' is not one of 'anthropic', 'gemini', 'ollama', 'openai_chat', "
        "'openai_responses'; "
        "did you mean 'anthropic'?",
    ),
    "dotted model": (
        "[models.gemini-3.5-flash]\nwindow = 3",
        '[models.gemini-3] 5-flash: no such key; a name with a dot is quoted: [models."gemini-3.5-flash"]',
    ),
    "model nobody serves": (
        OWN + "[models.m]\nwindow = 3",
        '[models.m]: nobody serves it; add served_by = { PROVIDER = "its name there" }',
    ),
    "served by nobody known": (
        OWN + '[models.m]\nserved_by = { owm = "m" }',
        "[models.m] served_by 'owm': no such provider; did you mean 'own'?",
    ),
    "effort it does not have": (
        OWN + MODEL + 'efforts = ["low"]\ndefault_effort = "high"',
        "[models.m] default_effort 'high': is not among its efforts ('low'); add it there",
    ),
    "half of long prices": (
        OWN
        + MODEL
        + "prices = { input_usd_per_million = 1, output_usd_per_million = 2, long_from_tokens = 9 }",
        "[models.m] prices: 'long' and 'long_from_tokens' belong together; give both or neither",
    ),
    "price without output": (
        OWN + MODEL + "prices = { input_usd_per_million = 1 }",
        "[models.m] prices: 'output_usd_per_million' is missing: Output tokens, thinking included.",
    ),
    "negative price": (
        OWN + MODEL + "prices = { input_usd_per_million = -1, output_usd_per_million = 2 }",
        "[models.m] prices.input_usd_per_million: -1 is too small; the least is 0",
    ),
    "deployment of no model": (
        OWN + '[deployments.d]\nmodel = "claude-haiku-4.5"\nprovider = "own"',
        "[deployments.d] model 'claude-haiku-4.5': no such model; did you mean 'claude-haiku-4-5'?",
    ),
    "deployment at no provider": (
        OWN + '[deployments.d]\nmodel = "claude-haiku-4-5"\nprovider = "anthropic"',
        "[deployments.d] provider 'anthropic': no such provider; add [providers.anthropic]",
    ),
    "deployment named like a model": (
        OWN + '[deployments.claude-haiku-4-5]\nmodel = "claude-haiku-4-5"\nprovider = "own"',
        "[deployments.claude-haiku-4-5]: a model has this name; choose another",
    ),
    "model named auto": (
        OWN + '[models.auto]\nserved_by = { own = "m" }',
        "[models.auto]: the name is taken: it stands for routing; choose another",
    ),
    "client key not set": (
        '[listener]\nkeys_env = ["TEAM_KEY"]',
        "[listener] keys_env[0] 'TEAM_KEY': not set in the environment; "
        "set it to the key that clients will send",
    ),
    "name with a space": (
        '[providers."my own"]\nbase_url = "http://x"',
        "[providers.\"my own\"]: a name that cannot be used: expected letters, digits, '.', '_' and '-', "
        "beginning with a letter or digit",
    ),
    "price beyond reason": (
        OWN + MODEL + "prices = { input_usd_per_million = 1e300, output_usd_per_million = 1 }",
        "[models.m] prices.input_usd_per_million: 1e+300 is too large; the most is 1_000_000",
    ),
    "port": ("[listener]\nport = 70000", "[listener] port: 70000 is too large; the most is 65_535"),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_each_mistake_is_named_with_its_fix(text: str, message: str) -> None:
    """One mistake gives one line with file, key and fix, and no line shows a credential."""
    problems = settings_problems(text)
    assert problems == [f"tiercel.toml: {message}"]
    assert MARKED not in "".join(problems)


def test_a_key_that_no_header_can_carry_is_named_by_its_variable() -> None:
    problems = settings_problems("[providers.openai]", {"OPENAI_API_KEY": f"{MARKED}\u200b"})
    assert problems == [
        "tiercel.toml: [providers.openai] key_env: the variable OPENAI_API_KEY holds characters that no key has "
        "(white space, control or non-ASCII); set it again"
    ]


def test_no_key_gets_out() -> None:
    """Neither repr, str, an encoding nor the hash of the settings shows a provider's or client's key."""
    text = '[listener]\nkeys_env = ["TEAM_KEY"]\n[providers.anthropic]'
    read = settings(text, {"TEAM_KEY": MARKED, "ANTHROPIC_API_KEY": MARKED})
    assert read.listener.keys == (Secret(MARKED),)
    assert read.catalog.providers["anthropic"].key == Secret(MARKED)
    shown = f"{read!r} {read} {msgspec.json.encode(read, enc_hook=str)!r} {read.hash}"
    assert MARKED not in shown
    with pytest.raises(TypeError):
        msgspec.json.encode(read)


def test_a_known_provider_needs_only_its_name() -> None:
    """OpenRouter alone serves every built-in model, by its own ids."""
    read = settings("[providers.openrouter]", {"OPENROUTER_API_KEY": " k\n"})
    assert read.catalog.providers["openrouter"].key == Secret("k")
    assert {d.model.name: d.upstream_name for d in read.catalog.deployments.values()} == {
        "gemini-3.5-flash": "google/gemini-3.5-flash",
        "step-3.7-flash": "stepfun/step-3.7-flash",
        "claude-haiku-4-5": "anthropic/claude-haiku-4.5",
        "claude-sonnet-4-5": "anthropic/claude-sonnet-4.5",
        "claude-opus-4-8": "anthropic/claude-opus-4.8",
        "gemini-3.5-pro": "google/gemini-3.5-pro",
        "gpt-5.6-luna": "openai/gpt-5.6-luna",
        "gpt-5.6-terra": "openai/gpt-5.6-terra",
        "gpt-5.6-sol": "openai/gpt-5.6-sol",
    }


def test_a_provider_without_its_key_is_left_out_and_named() -> None:
    read = settings("[providers.gemini]\n[providers.anthropic]", {"GEMINI_API_KEY": "k"})
    assert list(read.catalog.providers) == ["gemini"]
    assert list(read.catalog.deployments) == ["gemini/gemini-3.5-flash", "gemini/gemini-3.5-pro"]
    assert read.missing_keys == ("anthropic (ANTHROPIC_API_KEY)",)
    assert list(read.catalog.keyless) == [
        "anthropic/claude-haiku-4-5",
        "anthropic/claude-sonnet-4-5",
        "anthropic/claude-opus-4-8",
    ]


def test_a_second_variable_will_do() -> None:
    read = settings("[providers.gemini]", {"GOOGLE_API_KEY": "k", "GEMINI_API_KEY": ""})
    assert read.catalog.providers["gemini"].key_env == "GOOGLE_API_KEY"


def test_a_server_of_ones_own_needs_no_key_and_stays_local() -> None:
    read = settings('[providers.vllm]\n[models.m]\nserved_by = { vllm = "org/m" }')
    deployment = read.catalog.deployments["vllm/m"]
    assert (deployment.regions, deployment.upstream_name, deployment.provider.key) == (
        ("local",),
        "org/m",
        None,
    )


@pytest.mark.parametrize(
    "text",
    [
        '[providers.vllm]\nbase_url = "http://gpu.example.com/v1"',
        '[providers.own]\nbase_url = "http://localhost:1/v1"',
    ],
    ids=["a known server elsewhere", "an unknown server here"],
)
def test_local_is_never_assumed(text: str) -> None:
    """Only a known kind of server at this machine's address counts as local; a proxy here could send data anywhere."""
    [provider] = settings(text).catalog.providers.values()
    assert provider.residency == ()


def test_a_provider_on_this_machine_may_go_without_its_key() -> None:
    text = '[providers.anthropic]\nbase_url = "http://127.0.0.1:9/v1"'
    assert settings(text).missing_keys == ()
    assert settings(text, {"ANTHROPIC_API_KEY": "k"}).catalog.providers["anthropic"].key == Secret("k")


def test_a_key_that_is_named_must_be_there_on_this_machine_too() -> None:
    text = '[providers.openai]\nbase_url = "http://127.0.0.1:4199/v1"\nkey_env = "LAB_KEY"\n'
    assert settings(text).missing_keys == ("openai (LAB_KEY)",)
    assert settings(text, {"LAB_KEY": "anything"}).missing_keys == ()


def test_a_models_entry_changes_only_what_it_says() -> None:
    read = settings("[models.claude-opus-4-8]\nwindow = 1_000_000")
    capabilities = read.catalog.models["claude-opus-4-8"].capabilities
    assert (capabilities.window, capabilities.thinking) == (1_000_000, "adaptive")


def test_an_explicit_deployment_takes_the_place_of_the_derived_one() -> None:
    text = (
        '[providers.anthropic]\n[deployments.haiku-eu]\nmodel = "claude-haiku-4-5"\nprovider = "anthropic"\n'
        'residency = "eu"\nweight = 2\n'
    )
    deployments = settings(text, {"ANTHROPIC_API_KEY": "k"}).catalog.deployments
    assert list(deployments) == ["haiku-eu", "anthropic/claude-sonnet-4-5", "anthropic/claude-opus-4-8"]
    haiku = deployments["haiku-eu"]
    assert (haiku.upstream_name, haiku.regions, haiku.weight) == ("claude-haiku-4-5", ("eu",), 2.0)


def priced(text: str, deployment: str) -> Prices:
    environ = {"OPENROUTER_API_KEY": "k", "STEP_API_KEY": "k", "GEMINI_API_KEY": "k"}
    return settings(text, environ).catalog.deployments[deployment].billing


@pytest.mark.parametrize(
    ("text", "deployment", "expected"),
    [
        ("[providers.gemini]", "gemini/gemini-3.5-flash", (1_500_000_000, 9_000_000_000)),
        ("[providers.openrouter]", "openrouter/step-3.7-flash", (200_000_000, 1_150_000_000)),
        ("[providers.stepfun]", "stepfun/step-3.7-flash", (200_000_000, 1_150_000_000)),
        ("[providers.gemini]", "gemini/gemini-3.5-pro", (None, None)),
        (
            '[providers.gemini]\n[models."gemini-3.5-flash"]\n'
            "prices = { input_usd_per_million = 1.15, output_usd_per_million = 7 }",
            "gemini/gemini-3.5-flash",
            (1_150_000_000, 7_000_000_000),
        ),
        (
            '[providers.gemini]\n[deployments.d]\nmodel = "gemini-3.5-pro"\nprovider = "gemini"\n'
            "prices = { input_usd_per_million = 0, output_usd_per_million = 0.001 }",
            "d",
            (0, 1_000_000),
        ),
        (
            '[providers.vllm]\n[models."step-3.7-flash"]\nserved_by = { vllm = "step" }',
            "vllm/step-3.7-flash",
            (None, None),
        ),
        (
            '[providers.vllm]\n[models."step-3.7-flash"]\nserved_by = { vllm = "step" }\n'
            "prices = { input_usd_per_million = 0, output_usd_per_million = 0 }",
            "vllm/step-3.7-flash",
            (0, 0),
        ),
    ],
    ids=[
        "maker's figure",
        "aggregator's figure",
        "known elsewhere",
        "unknown",
        "model's override",
        "deployment's override",
        "own server: unknown",
        "own server: free",
    ],
)
def test_what_is_billed(text: str, deployment: str, expected: tuple[int | None, int | None]) -> None:
    """The file's figure wins, then the provider's own, then the maker's; an unknown price is never zero."""
    prices = priced(text, deployment)
    assert (prices.input, prices.output) == expected


def test_long_prices_are_read() -> None:
    prices = priced(
        '[providers.gemini]\n[models."gemini-3.5-pro"]\nprices = { input_usd_per_million = 2, '
        "output_usd_per_million = 12, cached_input_usd_per_million = 0.2, long_from_tokens = 200_000, "
        'long = { input_usd_per_million = 4, output_usd_per_million = 18 }, source = "us", date = "2026-11-01" }',
        "gemini/gemini-3.5-pro",
    )
    assert prices == Prices(
        input=2_000_000_000,
        output=12_000_000_000,
        cached_input=200_000_000,
        long_from=200_000,
        long=Prices(input=4_000_000_000, output=18_000_000_000),
        source="us",
        date="2026-11-01",
    )


def test_paths_start_from_the_files_folder(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("certificates")
    (tmp_path / "tiercel.toml").write_text('version = 1\n[providers.vllm]\nca_file = "ca.pem"\n')
    read = load_settings(tmp_path / "tiercel.toml", {})
    assert read.storage.folder == str(tmp_path / "tiercel-data")
    assert read.catalog.providers["vllm"].ca_file == str(tmp_path / "ca.pem")


def test_sizes_are_read_in_megabytes() -> None:
    read = settings("[listener]\nmax_body_mb = 0.5\n[storage]\nsegment_mb = 2\njournal_limit_mb = 10")
    assert read.listener.max_body_bytes == 500_000
    assert (read.storage.segment_bytes, read.storage.journal_limit_bytes) == (2_000_000, 10_000_000)


DATABASE = '[storage]\ndatabase_url_env = "RECORDS"'


def test_the_databases_url_comes_from_the_environment() -> None:
    """And is not shown by printing what was read."""
    url = "postgresql://tiercel:canary@db/records"
    read = settings(DATABASE, {"RECORDS": url})
    assert read.storage.database_url == Secret(url)
    assert "canary" not in repr(read)


@pytest.mark.parametrize(
    ("text", "environ", "problem"),
    [
        (DATABASE, {}, "not set in the environment"),
        (DATABASE, {"RECORDS": "mysql://me:canary@db/x"}, "holds no URL that begins with postgresql://"),
        (
            '[storage]\ndatabase_url_env = "postgresql://me:canary@db"',
            {},
            "is not the name of an environment variable",
        ),
        (
            '[storage]\ndatabase_url = "postgresql://me:canary@db"',
            {},
            "name its variable in database_url_env",
        ),
    ],
)
def test_a_wrong_database_is_told_without_its_password(
    text: str, environ: dict[str, str], problem: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(text, environ)
    assert problem in str(caught.value)
    assert "canary" not in str(caught.value)


@given(st.text(max_size=60), st.integers(0, len(PROPOSED)))
def test_any_text_gives_settings_or_named_problems(extra: str, position: int) -> None:
    """Nothing that may stand in the file makes the reader fail in any other way."""
    problems = problems_if_any(PROPOSED[:position] + extra + PROPOSED[position:])
    assert all(problem.startswith("tiercel.toml: ") for problem in problems)


def problems_if_any(text: str) -> tuple[str, ...]:
    try:
        read_settings(text, "tiercel.toml", {"OPENROUTER_API_KEY": "k"})
    except ConfigError as error:
        return error.problems
    return ()
