"""Tool calls that arrive in pieces, made regular: dense indices from 0, id and name once, arguments as JSON text.

Servers of this format leave the index out or keep it at 0 for all calls, repeat id and name in every piece, leave the
id out, begin arguments with an empty object, send the whole call again at the end.
"""

import msgspec

from tiercel.domain.events import ArgumentsDelta, StreamEvent, ToolCallStart
from tiercel.domain.json import Json, JsonObject
from tiercel.wire.fields import leftovers
from tiercel.wire.identifiers import minted_id
from tiercel.wire.scan import is_complete_json

_EMPTY = "{}"
_READ = frozenset(("id", "type", "index", "function", "custom"))


class _Call:
    """One call while it grows. `pending` waits for the name."""

    def __init__(self, index: int, upstream_id: str) -> None:
        self.index = index
        self.upstream_id = upstream_id
        self.extra: JsonObject = {}
        self.is_custom = False
        self.started = False
        self.pending: list[str] = []
        self.arguments: list[str] = []


class ToolCallDeltas:
    """The calls of one choice."""

    def __init__(self, choice: int) -> None:
        self._choice = choice
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._ids: set[str] = set()
        self._answer_id = ""

    @property
    def are_complete(self) -> bool:
        """Whether there are calls, each with whole arguments; free text does not show whether it is whole."""
        return bool(self._calls) and all(
            call.is_custom or is_complete_json("".join(call.arguments)) for call in self._calls
        )

    def take(self, pieces: list[Json], answer_id: str) -> list[StreamEvent]:
        """The events of one delta's `tool_calls`."""
        self._answer_id = answer_id
        events: list[StreamEvent] = []
        for piece in pieces:
            if isinstance(piece, dict):
                self._take_piece(piece, events)
        return events

    def end(self) -> list[StreamEvent]:
        """What was held back: calls that never got a name, and empty arguments."""
        events: list[StreamEvent] = []
        for call in self._calls:
            if not call.started:
                self._start(call, "", events)
            if not call.arguments and not call.is_custom:
                self._append(call, _EMPTY, events)
        return events

    def _take_piece(self, piece: JsonObject, events: list[StreamEvent]) -> None:
        body = piece.get("function") or piece.get("custom")
        body = body if isinstance(body, dict) else {}
        upstream_id = piece.get("id") if isinstance(piece.get("id"), str) else ""
        name = body.get("name") if isinstance(body.get("name"), str) else ""
        call = self._find(piece.get("index"), upstream_id or "", name or "")
        if name and not call.started:
            call.extra = leftovers(piece, _READ)
            call.is_custom = isinstance(piece.get("custom"), dict)
            self._start(call, name, events)
        text = body.get("arguments", body.get("input"))
        if isinstance(text, dict):
            text = msgspec.json.encode(text).decode()
        if not isinstance(text, str) or not text:
            return
        repeated = bool(name and upstream_id) and text == "".join(call.arguments)
        if not repeated:
            self._take_arguments(call, text, events)

    def _find(self, index: Json, upstream_id: str, name: str) -> _Call:
        """The call a piece belongs to: by its index, else by its id, else the last one."""
        if isinstance(index, int):
            call = self._by_index.get(index)
            is_another = (
                call is not None and upstream_id and name and call.upstream_id not in ("", upstream_id)
            )
            if call is None or is_another:
                call = self._by_index[index] = self._new(upstream_id)
            call.upstream_id = call.upstream_id or upstream_id
            return call
        if upstream_id:
            known = next((c for c in self._calls if c.upstream_id == upstream_id), None)
            return known or self._new(upstream_id)
        if self._calls and not (name and self._calls[-1].started):
            return self._calls[-1]
        return self._new(upstream_id)

    def _new(self, upstream_id: str) -> _Call:
        call = _Call(len(self._calls), upstream_id)
        self._calls.append(call)
        return call

    def _start(self, call: _Call, name: str, events: list[StreamEvent]) -> None:
        call.started = True
        call_id = call.upstream_id
        if not call_id or call_id in self._ids:
            call_id = minted_id(self._answer_id, call.index)
        self._ids.add(call_id)
        events.append(
            ToolCallStart(
                index=call.index,
                id=call_id,
                name=name,
                kind="custom" if call.is_custom else "function",
                choice=self._choice,
                extra=call.extra,
            )
        )
        for text in call.pending:
            self._append(call, text, events)
        call.pending.clear()

    def _take_arguments(self, call: _Call, text: str, events: list[StreamEvent]) -> None:
        if text == _EMPTY and not (call.arguments or call.pending or call.is_custom):
            return  # more may follow it; where nothing does, `end` writes it
        if call.started:
            self._append(call, text, events)
        else:
            call.pending.append(text)

    def _append(self, call: _Call, text: str, events: list[StreamEvent]) -> None:
        call.arguments.append(text)
        events.append(ArgumentsDelta(index=call.index, text=text, choice=self._choice))
