"""How the deployments are doing at this moment, in words: who answers, who rests and why, who cannot be called."""

from math import ceil
from typing import Literal

import msgspec

from tiercel.domain.catalog import Deployment
from tiercel.gateway.runtime import State
from tiercel.measure.amounts import wall_time
from tiercel.upstream.failures import MESSAGES
from tiercel.upstream.health import DeploymentHealth

Kind = Literal["good", "warn", "bad", ""]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment and how it is doing: `words` are short, `kind` says how they are meant, `because` gives the reason.

    `is_callable` is whether there is a credential for it. `health` is `None` where it was not called since the gateway
    began."""

    deployment: Deployment
    words: str
    kind: Kind
    because: str = ""
    is_callable: bool = True
    health: DeploymentHealth | None = None

    @property
    def name(self) -> str:
        return self.deployment.name


def standings_now(state: State) -> dict[str, Standing]:
    """Every deployment by its name, those without a credential last. Call it on the event loop: health lives there."""
    known = {one.name: one for one in state.machinery.health.snapshot()}
    catalog = state.settings.catalog
    callable_ones = [_callable(one, known.get(one.name)) for one in catalog.deployments.values()]
    keyless = [_keyless(one) for one in catalog.keyless.values()]
    return {one.name: one for one in (*callable_ones, *keyless)}


def _callable(deployment: Deployment, health: DeploymentHealth | None) -> Standing:
    if health is None:
        return Standing(deployment=deployment, words="not called yet", kind="")
    words, kind = state_words(health)
    because = "" if health.reason is None else MESSAGES[health.reason]
    return Standing(deployment=deployment, words=words, kind=kind, because=because, health=health)


def state_words(health: DeploymentHealth) -> tuple[str, Kind]:
    """Its state in a few words, and how they are meant."""
    seconds = ceil(health.rest_seconds)
    rest = f"{seconds} s" if seconds < 60 else wall_time(seconds)
    match health.state:
        case "ok" if health.failures_in_a_row:
            return f"answers; {health.failures_in_a_row} failed in a row", "good"
        case "ok":
            return "answers", "good"
        case "cooling":
            return f"rests {rest}", "warn"
        case "open":
            return f"breaker open, {rest}", "bad"
        case "half_open":
            return "breaker tries one call", "warn"


def _keyless(deployment: Deployment) -> Standing:
    variable = deployment.provider.key_env
    return Standing(
        deployment=deployment,
        words="no credential",
        kind="",
        because=f"{variable} is not set",
        is_callable=False,
    )
