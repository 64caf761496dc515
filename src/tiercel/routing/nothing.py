"""What a client is told when the filters left no rung: what was asked for, and which of it nobody could give."""

from collections.abc import Sequence

from tiercel.domain.catalog import Deployment
from tiercel.domain.climb import Excluded, Rung
from tiercel.domain.errors import CallerError, ProblemError, UnavailableError
from tiercel.domain.facts import Facts
from tiercel.domain.request import Format, ModelRequest
from tiercel.routing.filters import wanted_output

_CONVERSATION: dict[Format, str] = {"openai_responses": "input", "gemini": "contents"}
"""The field that holds the conversation, where it is not `messages`."""


def nothing_left(
    rule: str, facts: Facts, request: ModelRequest, rungs: Sequence[Rung], excluded: Sequence[Excluded]
) -> ProblemError:
    """The error to raise. Filters name the first obstacle, so a window in the way means that nothing else was."""
    if not rungs:
        return UnavailableError("no_rung", f"{rule}: no provider with a key serves any model of this ladder")
    obstacles = {obstacle.rung: obstacle for obstacle in excluded if obstacle.filter != "missing_key"}
    small = {obstacle.rung for obstacle in obstacles.values() if obstacle.filter == "window"}
    too_small = [rung.deployment for rung in rungs if rung.name in small]
    if too_small:
        return _too_long(facts, request, too_small)
    missing = [
        words
        for name in ("residency", "modality", "capability")
        if (found := [obstacle for obstacle in obstacles.values() if obstacle.filter == name])
        for words in _missing(name, facts, rungs, found)
    ]
    return CallerError("no_rung", f"no deployment of {rule} can take this request: {'; '.join(missing)}")


def _too_long(facts: Facts, request: ModelRequest, deployments: Sequence[Deployment]) -> CallerError:
    largest = max(deployments, key=lambda deployment: deployment.model.capabilities.window or 0)
    capabilities = largest.model.capabilities
    answer = wanted_output(capabilities, request)
    # agents know by the first words that they have to shorten their conversation, and read both numbers
    message = (
        f"prompt is too long: {facts.size.upper + answer} tokens > {capabilities.window or 0} maximum; that is about "
        f"{facts.size.tokens:,} tokens (plus or minus {facts.size.margin:.0%}) and {answer:,} for the answer, beside "
        "the largest window that could take it"
    )
    return CallerError("context_length", message, param=_CONVERSATION.get(request.format, "messages"))


def _missing(name: str, facts: Facts, rungs: Sequence[Rung], found: Sequence[Excluded]) -> list[str]:
    """What one filter missed: what nobody has is said once, anything else rung by rung."""
    if name == "residency":
        return [f"none may process it in {facts.residency!r}"]
    if name == "modality":
        taken = {m for rung in rungs for m in rung.deployment.model.capabilities.modalities}
        nobodys = [modality for modality in facts.modalities if modality not in taken]
        if nobodys:
            return [f"none takes {modality}" for modality in nobodys]
    return [f"{obstacle.rung} {obstacle.reason}" for obstacle in found]
