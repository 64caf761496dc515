"""The texts of both files, as `tiercel import litellm` writes them."""

import msgspec

from tiercel.policy.builtin import built_in_models, built_in_providers
from tiercel.policy.litellm_models import DeploymentDraft, Drafts, ProviderDraft
from tiercel.policy.problems import BARE_KEY

DEFAULT_RULE = "anything"
TIER = "imported"


class ListenerText(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of who may come."""

    operator_keys_env: str | None = None


class AliasesText(msgspec.Struct, frozen=True, kw_only=True):
    """Names that stand for a model, and for each model with fallbacks all that may answer in its place."""

    aliases: dict[str, str]
    ladders: dict[str, list[str]]


def settings_text(drafts: Drafts, listener: ListenerText, *, as_json: bool) -> str:
    """`tiercel.toml`."""
    blocks = [f"# Made of {drafts.name} by `tiercel import litellm`.\nversion = 1"]
    lines = ['[listener]\nhost = "127.0.0.1"\nport = 4100']
    if listener.operator_keys_env:
        lines.append(f"operator_keys_env = [{quoted(listener.operator_keys_env)}]")
    blocks.append("\n".join(lines))
    blocks.append('[storage]\nfolder = "tiercel-data"')
    if as_json:
        blocks.append('[log]\nformat = "json"')
    blocks += [_provider(name, draft) for name, draft in drafts.providers.items()]
    blocks += [
        _model(name, facts) for name, facts in drafts.models.items() if facts or name not in built_in_models()
    ]
    names: set[str] = set()
    for deployment in drafts.deployments:
        blocks.append(_deployment(deployment, names, drafts))
    return "\n\n".join(block for block in blocks if block) + "\n"


def policy_text(drafts: Drafts, named: AliasesText, *, limits: dict[str, float], prefer: str) -> str:
    """`policy.toml`."""
    chat = [name for name in drafts.models if name not in drafts.embeddings] or list(drafts.models)
    tier = _free(TIER, {*drafts.models, *named.aliases})
    rules = {group: _rule_name(group, number) for number, group in enumerate(named.ladders)}
    blocks = [
        f"# Made of {drafts.name} by `tiercel import litellm`.\nversion = 1",
        f"[defaults]\nprefer = {quoted(prefer)}",
    ]
    if limits:
        blocks.append("\n".join(["[limits]", *(f"{key} = {value:g}" for key, value in limits.items())]))
    blocks.append(
        f'# What model = "auto" may use, the cheapest first. `tiercel init` shows a policy that tells tasks apart.\n'
        f'[tiers.{tier}]\nmembers = {listed(chat)}\nprefer = "cheapest"'
    )
    blocks.append(f'[[rules]]\nname = "{DEFAULT_RULE}"\nladder = ["{tier}"]')
    for group, ladder in named.ladders.items():
        blocks.append(
            f"# For those who ask for {quoted(group)}: see [aliases].\n"
            f'[[rules]]\nname = "{rules[group]}"\nladder = {listed(ladder)}\ngates = ["finished"]'
        )
    aliases = {group: f"auto:{rule}" for group, rule in rules.items()}
    aliases |= {alias: aliases.get(target, target) for alias, target in named.aliases.items()}
    if aliases:
        pairs = [f"{quoted(alias)} = {quoted(target)}" for alias, target in aliases.items()]
        blocks.append("\n".join(["[aliases]", *pairs]))
    return "\n\n".join(blocks) + "\n"


def quoted(text: str) -> str:
    """Text as TOML writes it."""
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")


def listed(texts: list[str]) -> str:
    return f"[{', '.join(quoted(text) for text in texts)}]"


def _free(name: str, taken: set[str]) -> str:
    """This name, or it with a number, whichever nobody has."""
    first, number = name, 2
    while name in taken:
        name, number = f"{first}-{number}", number + 1
    return name


def _rule_name(group: str, number: int) -> str:
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in group).strip("-._")
    return f"fallback-{number + 1}-{kept}" if kept else f"fallback-{number + 1}"


def _provider(name: str, draft: ProviderDraft) -> str:
    lines = [_header("providers", name)]
    known = built_in_providers().get(draft.known or "")
    if known is not None and name != draft.known and draft.known != "openai":
        lines += [
            f"format = {quoted(known.format or 'openai_chat')}",
            f"quirks = {quoted(known.quirks or 'generic')}",
        ]
    if draft.quirks:
        lines.append(f"quirks = {quoted(draft.quirks)}")
    if draft.base_url or name != draft.known:
        lines.append(f"base_url = {quoted(draft.base_url or (known.base_url if known else None) or '')}")
    if draft.key_env:
        lines.append(f"key_env = {quoted(draft.key_env)}")
    if draft.headers:
        pairs = ", ".join(f"{quoted(header)} = {quoted(value)}" for header, value in draft.headers)
        lines.append(f"headers = {{ {pairs} }}")
    return "\n".join(lines)


def _model(name: str, facts: dict[str, object]) -> str:
    return "\n".join([_header("models", name), *(f"{key} = {_value(value)}" for key, value in facts.items())])


def _deployment(draft: DeploymentDraft, names: set[str], drafts: Drafts) -> str:
    name = _free(f"{draft.provider}/{draft.group}", {*names, *drafts.models})
    names.add(name)
    lines = [
        _header("deployments", name),
        f"model = {quoted(draft.group)}",
        f"provider = {quoted(draft.provider)}",
        f"upstream_name = {quoted(draft.upstream_name)}",
    ]
    if draft.weight is not None:
        lines.append(f"weight = {draft.weight:g}")
    if draft.prices:
        prices = ", ".join(
            f"{key} = {price:.9f}".rstrip("0").rstrip(".") for key, price in draft.prices.items()
        )
        lines.append(f"prices = {{ {prices}, source = {quoted(draft.source)} }}")
    return "\n".join(lines)


def _header(kind: str, name: str) -> str:
    return f"[{kind}.{name if BARE_KEY.match(name) else quoted(name)}]"


def _value(value: object) -> str:
    if isinstance(value, list):
        return listed([str(item) for item in value])
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else quoted(str(value))
