"""In which of its formats a provider is called. Nothing is lost where client and provider speak the same."""

from tiercel.domain.catalog import Target
from tiercel.domain.request import Format, ModelRequest


def call_format(request: ModelRequest, target: Target) -> Format:
    """The client's own format where the provider knows it, else the provider's; Responses where only that will do."""
    provider = target.deployment.provider
    if not provider.speaks:
        return provider.format
    effort = target.effort or request.effort
    if (
        request.tools
        and effort not in (None, "none")
        and not target.deployment.model.capabilities.tools_with_effort
        and "openai_responses" in provider.speaks
    ):
        return "openai_responses"
    return request.format if request.format in provider.speaks else provider.format
