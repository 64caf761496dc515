"""Compares tool calls: names and arguments, 5 as 5.0, parallel calls in any order."""

from collections import Counter
from collections.abc import Hashable

from tiercel.checks.comparing.likeness import MAX_CHARS
from tiercel.checks.comparing.values import NotAValueError, canonical, value_in
from tiercel.domain.json import Json
from tiercel.domain.request import ToolCall


def calls_key(calls: tuple[ToolCall, ...]) -> Hashable:
    """Equal for the same calls in any order."""
    return ("calls", frozenset(Counter(map(call_key, calls)).items()))


def call_key(call: ToolCall) -> Hashable:
    """Equal for calls that do the same. An argument that is null counts as left out: some providers' strict modes make
    models write it so."""
    if call.kind == "custom" or len(call.arguments) > MAX_CHARS:
        return (call.name, " ".join(call.arguments.split()))
    try:
        arguments: Json = value_in(call.arguments or "{}")
        if isinstance(arguments, dict):
            arguments = {key: value for key, value in arguments.items() if value is not None}
        return (call.name, canonical(arguments))
    except NotAValueError:
        return (call.name, " ".join(call.arguments.split()))
