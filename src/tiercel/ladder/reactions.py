"""What the ladder does about each kind of failure. One table; which failure it was stands in `upstream/failures.py`.

- `retry`: the same rung may be asked again. `always` at once, `last` only when no other rung is left.
- `fallback`: another rung may be asked. `larger` only one with a larger window.
- `boost`: the retry multiplies the output budget, because thinking used it up.
- `unseals`: what earlier answers sealed is left out from now on, at this rung and at any other.
- `spares`: the retry leaves out the parameter that was refused, which `upstream` remembers.
- `delivered`: whether an empty answer goes out as it is, when nothing more may be tried and the policy delivers the
  last there was. One that was cut off says so by its finish, and inside a tool loop saying nothing is an answer; any
  other would claim to be complete.
- `burns`: the whole deployment is out for this climb, at every effort.
"""

from typing import Literal

import msgspec

from tiercel.domain.failure import FailureKind


class Reaction(msgspec.Struct, frozen=True, kw_only=True):
    """The ladder's answer to one kind of failure."""

    retry: Literal["always", "last", "never"] = "never"
    fallback: Literal["any", "larger", "none"] = "any"
    boost: int = 1
    unseals: bool = False
    spares: bool = False
    burns: bool = True
    delivered: Literal["always", "in_tool_loop", "never"] = "never"

    @property
    def changes_the_call(self) -> bool:
        """Whether a retry is another call than the one that failed, so that there is nothing to wait for."""
        return self.boost > 1 or self.unseals or self.spares


REACTIONS: dict[FailureKind, Reaction] = {
    "unreachable": Reaction(retry="last"),
    "reset": Reaction(retry="always"),
    # a second wait of the same length is rarely what the client wants
    "timeout": Reaction(),
    "rate_limited": Reaction(retry="last"),
    "overloaded": Reaction(retry="last"),
    "server_error": Reaction(retry="always"),
    "quota": Reaction(),
    "auth": Reaction(),
    "model_gone": Reaction(),
    "context_too_long": Reaction(fallback="larger", burns=False),
    # whether a refusal may be taken elsewhere is the policy's; see `step._after_failure`
    "content_policy": Reaction(fallback="none", burns=False),
    "seal_refused": Reaction(retry="always", unseals=True, burns=False),
    "parameter_refused": Reaction(retry="always", spares=True, burns=False),
    "bad_request": Reaction(fallback="none", burns=False),
    "bad_response": Reaction(),
    "too_large": Reaction(burns=False),
    "empty": Reaction(burns=False, delivered="in_tool_loop"),
    "empty_length": Reaction(retry="always", boost=4, burns=False, delivered="always"),
    "truncated": Reaction(retry="last"),
    "stream_error": Reaction(retry="last"),
    "cancelled": Reaction(fallback="none"),
    "interrupted": Reaction(fallback="none"),
}

TELLING: tuple[FailureKind, ...] = (
    "bad_request",
    "parameter_refused",
    "seal_refused",
    "context_too_long",
    "content_policy",
    "rate_limited",
    "quota",
    "overloaded",
    "auth",
    "timeout",
)
"""When everything failed, the client is told of the first of these that occurred, else of the last failure."""

PASSING: frozenset[FailureKind] = frozenset(("rate_limited", "overloaded", "server_error"))
"""Failures that waiting helps. The client is told the shortest of the waits that were asked for."""
