"""Configuration of a gateway that calls only the lab: the TOML an operator would write, read by the same reader."""

import msgspec

from tiercel.domain.policy import Policy
from tiercel.domain.settings import Settings
from tiercel.policy import read_policy, read_settings, shipped_policy
from tiercel.testing.lab.recorded import Recorded

KEY_VARIABLE = "TIERCEL_LAB_KEY"
PROVIDERS = ("gemini", "stepfun", "anthropic")

ASSUMED_USD_PER_MILLION = ("0.20", "1.00", "4.00", "20.00")
"""What a token of the recorded models is assumed to cost, by their place on the ladder; nobody published prices."""

HEAD = """\
# Simulated providers: nothing here leaves this machine, and any key will do.
#   export {key}=anything
version = 1

[storage]
folder = {folder}
"""
PROVIDER = """
[providers.{name}]
base_url = "{root}/{name}/v1"
key_env = "{key}"
simulated = true
"""
RECORDED_PROVIDER = """
[providers.recorded]
format = "openai_chat"
base_url = "{root}/recorded/v1"
key_env = "{key}"
quirks = "openai"
simulated = true
"""
RECORDED_MODEL = """
[models.{model}]
window = 32768
served_by = {{ recorded = {model} }}
prices = {{ input_usd_per_million = {usd}, output_usd_per_million = {usd}, source = "assumed" }}
"""
RECORDED_POLICY = """
version = 1

[defaults]
gates = ["finished"{oracle}]

[gates.number]
check = "number"
on_error = "closed"

[tiers]

[limits]
max_attempts = {attempts}

[[rules]]
name = "recorded"
ladder = {ladder}
why = "the recorded models, cheapest first"
"""


def settings_text(root_url: str, folder: str, recorded: Recorded | None = None) -> str:
    """A `tiercel.toml` for the lab at `root_url`."""
    text = HEAD.format(key=KEY_VARIABLE, folder=_quoted(folder))
    if recorded is None:
        return text + "".join(
            PROVIDER.format(name=name, root=root_url, key=KEY_VARIABLE) for name in PROVIDERS
        )
    text += RECORDED_PROVIDER.format(root=root_url, key=KEY_VARIABLE)
    for place, model in enumerate(recorded.models):
        usd = ASSUMED_USD_PER_MILLION[min(place, len(ASSUMED_USD_PER_MILLION) - 1)]
        text += RECORDED_MODEL.format(model=_quoted(model), usd=usd)
    return text


def lab_settings(root_url: str, folder: str, recorded: Recorded | None = None) -> Settings:
    """Settings whose every provider is the lab; records made under them are marked simulated."""
    text = settings_text(root_url, folder, recorded)
    return read_settings(text, "tiercel.toml", {KEY_VARIABLE: "simulated"})


def in_lab_time(settings: Settings, time_scale: float) -> Settings:
    """The same settings where a second takes `time_scale` seconds."""
    catalog = settings.catalog
    deployments = {
        name: msgspec.structs.replace(
            deployment, tokens_per_second=deployment.speed and deployment.speed / time_scale
        )
        for name, deployment in catalog.deployments.items()
    }
    return msgspec.structs.replace(
        settings, catalog=msgspec.structs.replace(catalog, deployments=deployments)
    )


def lab_policy(recorded: Recorded | None = None) -> Policy:
    """The shipped policy; for recorded answers one ladder of their models, gated by the known answers where there are
    any."""
    if recorded is None:
        return shipped_policy()
    labelled = any(answer.expected is not None for answer in recorded.answers)
    text = RECORDED_POLICY.format(
        oracle=', "number"' if labelled else "",
        attempts=max(6, len(recorded.models)),
        ladder=msgspec.json.encode(recorded.models).decode(),
    )
    return read_policy(text, "policy.toml")


def _quoted(text: str) -> str:
    # a JSON string is a TOML basic string
    return msgspec.json.encode(text).decode()
