"""What a choice among allowed tools says beyond their names, in either shape that OpenAI gives it."""

from typing import Literal

from tiercel.domain.request import ToolChoice


def allowed_mode(choice: ToolChoice) -> Literal["auto", "required"]:
    """Whether one of the allowed tools must be called. Nested in Chat Completions, flat in Responses."""
    raw = choice.raw if isinstance(choice.raw, dict) else {}
    nested = raw.get("allowed_tools")
    holder = nested if isinstance(nested, dict) else raw
    return "required" if holder.get("mode") == "required" else "auto"
