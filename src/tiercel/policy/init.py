"""What `tiercel init` writes: both files, made from the keys that the environment has. Calls nobody."""

from collections.abc import Mapping, Sequence

import msgspec

from tiercel.policy.builtin import BuiltInProvider, built_in_models, built_in_providers
from tiercel.policy.fitting import fitted_policy
from tiercel.policy.policy_file import shipped_policy_text

SETTINGS_HEAD = """\
# Tiercel's settings: where it listens, which providers and models there are, where records are kept.
# What answers what is written in policy.toml. `tiercel validate` finds what is wrong in either.
# Editors complete it after `tiercel schema tiercel > tiercel.schema.json`, with "#:schema ./tiercel.schema.json" as
# the first line.
version = 1

[listener]
host = "127.0.0.1"
port = 4100
# To serve other machines, clients must show a key. Name the variables that hold such keys, never the keys:
# keys_env = ["TIERCEL_KEY"]

[storage]
folder = "tiercel-data"    # records, relative to this file; prompts and answers are not kept
# retention_days = 90

# ── Providers ───────────────────────────────────────────────────────────────────────────────────────────────────────
# A known provider needs only its name. Its key is read from the environment variable named by key_env.
"""

SETTINGS_TAIL = """\
# ── Servers of your own: no key, and nothing leaves ─────────────────────────────────────────────────────────────────
# Take away the '#', name the model as your server does, and put "my-model" into a tier of policy.toml.
# [providers.vllm]
# base_url = "http://127.0.0.1:8000/v1"     # also known: sglang, llamacpp, ollama
#
# [models.my-model]
# served_by = { vllm = "org/model-name" }
# window = 32_768
# prices = { input_usd_per_million = 0, output_usd_per_million = 0 }

# ── Models ──────────────────────────────────────────────────────────────────────────────────────────────────────────
# Known models need no entry. One corrects what is known, or says what you pay; names with a dot are quoted:
# [models."gemini-3.5-flash"]
# prices = { input_usd_per_million = 1.20, output_usd_per_million = 7.20, source = "our contract", date = "2026-11-01" }
"""


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """Both files' texts, and what the operator should be told about them. `providers` are those with a key."""

    settings_text: str
    policy_text: str
    notices: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()


def propose(environ: Mapping[str, str]) -> Proposal:
    """Files for what this environment has keys for. They load as they are, with the same environment."""
    found = {name: key for name, p in hosted_providers().items() if (key := key_variable(p, environ))}
    served = {model for model, facts in built_in_models().items() if found.keys() & (facts.served_by or {})}
    settings_text = "\n".join([SETTINGS_HEAD, *provider_blocks(found), SETTINGS_TAIL])
    if not served:
        return Proposal(
            settings_text=settings_text,
            policy_text=shipped_policy_text(),
            notices=(*unserved_notices(found), *keyless_notices()),
            providers=tuple(found),
        )
    policy_text, dropped = fitted_policy(served)
    keys = ", ".join(f"{name} ({variable})" for name, variable in found.items())
    return Proposal(
        settings_text=settings_text,
        policy_text=policy_text,
        notices=(f"keys found for {keys}", *unserved_notices(found), *dropped),
        providers=tuple(found),
    )


def hosted_providers() -> dict[str, BuiltInProvider]:
    return {name: provider for name, provider in built_in_providers().items() if not provider.local}


def key_variable(provider: BuiltInProvider, environ: Mapping[str, str]) -> str | None:
    """The first of the provider's variables that is set."""
    return next((name for name in variables(provider) if environ.get(name, "").strip()), None)


def variables(provider: BuiltInProvider) -> Sequence[str]:
    if provider.key_env is None:
        return ()
    return (provider.key_env,) if isinstance(provider.key_env, str) else provider.key_env


def provider_blocks(found: Mapping[str, str]) -> list[str]:
    """A block for every provider with a key, then the others behind a `#`."""
    blocks = [f'[providers.{name}]\nkey_env = "{variable}"\n' for name, variable in found.items()]
    others = [
        f'# [providers.{name}]\n# key_env = "{variables(provider)[0]}"\n'
        for name, provider in hosted_providers().items()
        if name not in found
    ]
    if others:
        others.insert(0, "# No key for these was in the environment. Set the variable and take away the '#':")
    return blocks + others


def unserved_notices(found: Mapping[str, str]) -> list[str]:
    """Providers that no known model is served by: their key alone changes nothing."""
    serving = {name for facts in built_in_models().values() for name in facts.served_by or {}}
    return [
        f"{variable} is set, but no model of {name} is known: add one to tiercel.toml, such as "
        f'[models.NAME] with served_by = {{ {name} = "NAME" }}, and to a tier of policy.toml'
        for name, variable in found.items()
        if name not in serving
    ]


def keyless_notices() -> list[str]:
    names = [name for provider in hosted_providers().values() for name in variables(provider)]
    return [
        f"no key for a known model is in the environment; looked for {', '.join(names)}",
        "OPENROUTER_API_KEY alone is enough for every model of the shipped policy",
        "`tiercel demo` shows all of it without any key, on simulated models",
        "a server of your own (vLLM, SGLang, llama.cpp, Ollama) needs no key: see the end of tiercel.toml",
    ]
