"""What a caller states about its own request: `x-tiercel-*` headers, or `metadata["tiercel.*"]` in the body.

Metadata hints are taken out before anything is sent upstream. A header wins over metadata; a value that is none of
the allowed ones is the caller's error.
"""

import re
from collections.abc import Mapping
from typing import get_args

import msgspec

from tiercel.domain.errors import CallerError
from tiercel.domain.facts import Latency, Risk, Task
from tiercel.domain.request import Hints, ModelRequest
from tiercel.gateway.exchange import Exchange

PREFIX = "tiercel."
ALLOWED: dict[str, tuple[str, ...]] = {
    "task": get_args(Task),
    "risk": get_args(Risk),
    "latency": get_args(Latency),
}
FREE = ("residency", "session")
HEADERS = {name: f"x-tiercel-{name}".encode("ascii") for name in (*ALLOWED, *FREE)}
AGENT_SESSIONS: tuple[tuple[bytes, bytes | None], ...] = (
    (b"x-claude-code-session-id", b"x-claude-code-agent-id"),
    (b"session-id", b"thread-id"),
    (b"session_id", b"thread_id"),
    (b"x-session-affinity", None),
)
"""Where Claude Code, Codex (today's and earlier ones) and OpenCode name their sessions without being told to, and which
of the session's agents asks: each has a conversation of its own."""
STATING = frozenset(
    (*HEADERS.values(), *[name for pair in AGENT_SESSIONS for name in pair if name is not None])
)
"""The headers of which most requests have none."""
NO_HINTS = Hints()
FREE_VALUE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}$")


def take_hints(request: ModelRequest, exchange: Exchange) -> tuple[ModelRequest, Hints]:
    """The request with our metadata moved to `annotations`, and the hints among it."""
    if not request.metadata and STATING.isdisjoint(exchange.headers):
        return request, NO_HINTS
    request, ours = own_metadata(request)
    return request, hints_of(exchange, ours)


def own_metadata(request: ModelRequest) -> tuple[ModelRequest, dict[str, str]]:
    """The request with our metadata moved to `annotations`, and that metadata."""
    ours: dict[str, str] = {}
    if request.metadata:
        ours = {k.removeprefix(PREFIX): v for k, v in request.metadata.items() if k.startswith(PREFIX)}
    if ours:
        theirs = {key: value for key, value in request.metadata.items() if not key.startswith(PREFIX)}
        request = msgspec.structs.replace(request, raw=None, metadata=theirs, annotations=ours)
    return request, ours


def hints_of(exchange: Exchange, ours: Mapping[str, str] = {}) -> Hints:
    """What the headers state, and where they are silent `ours`, which is our part of a body's metadata."""
    if not ours and STATING.isdisjoint(exchange.headers):
        return NO_HINTS
    stated: dict[str, tuple[str, str]] = {}
    for name, header_name in HEADERS.items():
        header = exchange.header(header_name)
        if header is not None:
            stated[name] = (header, f"x-tiercel-{name}")
        elif name in ours:
            stated[name] = (ours[name], f"metadata['{PREFIX}{name}']")
    if "session" not in stated:
        for session_header, agent_header in AGENT_SESSIONS:
            session = exchange.header(session_header)
            if session is not None and FREE_VALUE.match(session):
                stated["session"] = (session, session_header.decode("ascii"))
                agent = exchange.header(agent_header) if agent_header is not None else None
                if agent is not None and FREE_VALUE.match(agent):
                    stated["agent"] = (agent, "")
                break
    return checked_hints(stated) if stated else NO_HINTS


def checked_hints(stated: Mapping[str, tuple[str, str]]) -> Hints:
    """Hints from `name: (value, where it stood)`. Raises `CallerError` for a value that is none of the allowed."""
    return Hints(**{name: _checked(name, value.strip(), where) for name, (value, where) in stated.items()})


def _checked(name: str, value: str, where: str) -> str:
    allowed = ALLOWED.get(name)
    if allowed is None:
        expected = "1 to 128 letters, digits or any of . _ : / @ + -"
        good = FREE_VALUE.match(value) is not None
    else:
        expected = f"one of {', '.join(allowed)}"
        good = value in allowed
    if not good:
        raise CallerError("invalid_request", f"{where}: {value[:40]!r} is not {expected}", param=where)
    return value
