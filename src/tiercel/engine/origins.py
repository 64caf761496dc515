"""Who made what: which deployment answered with these tool calls, which model made these seals.

Clients send conversations back without saying who was asked before. The last answers are remembered here by digest, in
bounded memory, so that an unfinished tool loop stays with its model and no model is sent another's seals. Another
process, or a restart, knows nothing of it: then the ladder starts at its beginning, and seals go to whoever reads
their format.
"""

import hashlib
from collections import OrderedDict
from typing import TypeVar

from tiercel.domain.catalog import Deployment
from tiercel.domain.record import AttemptRecord
from tiercel.domain.request import ModelRequest, Text, ToolCall
from tiercel.domain.response import ModelResponse
from tiercel.wire.provenance import Origin, seals_in

Known = TypeVar("Known")

MAX_KNOWN = 20_000
"""Of each kind; some 4 MB when full."""


class Origins:
    """What is known of the answers that this process has given."""

    def __init__(self, max_known: int = MAX_KNOWN) -> None:
        self._max_known = max_known
        self._callers: OrderedDict[bytes, str] = OrderedDict()
        self._makers: OrderedDict[bytes, Origin] = OrderedDict()

    def note(self, response: ModelResponse, record: AttemptRecord) -> None:
        """Remember the tool calls and seals of the answer that this attempt gave; plain text has none."""
        for choice in response.choices:
            for part in choice.parts:
                if not isinstance(part, Text) or part.extra:
                    self._note_all(response, record)
                    return

    def _note_all(self, response: ModelResponse, record: AttemptRecord) -> None:
        for choice in response.choices:
            for call in choice.tool_calls:
                self._remember(self._callers, _call_digest(call), record.deployment)
        for seal, format in seals_in(response):
            origin = Origin(maker=_maker(record.provider, record.model), format=format)
            self._remember(self._makers, _digest(seal), origin)

    def caller(self, request: ModelRequest) -> str | None:
        """The deployment whose tool calls the request's last ones are."""
        for message in reversed(request.messages):
            if message.role == "assistant":
                for part in message.parts:
                    if isinstance(part, ToolCall):
                        return self._callers.get(_call_digest(part))
        return None

    def of_seal(self, seal: str) -> Origin | None:
        """Who made this seal, where that is known."""
        return self._makers.get(_digest(seal))

    def _remember(self, known: OrderedDict[bytes, Known], digest: bytes, value: Known) -> None:
        known[digest] = value
        known.move_to_end(digest)
        if len(known) > self._max_known:
            known.popitem(last=False)


def maker_of(deployment: Deployment) -> str:
    """Provider and model: seals are valid for both only."""
    return _maker(deployment.provider.name, deployment.model.name)


def _maker(provider: str, model: str) -> str:
    return f"{provider}/{model}"


def _call_digest(call: ToolCall) -> bytes:
    return _digest(f"{call.id}\0{call.name}")


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=12).digest()
