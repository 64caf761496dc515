"""`Message`s as Anthropic's `system` and turns.

Their rules: the system prompt stands apart; turns alternate, so neighbours of one role are joined; all results of a
turn's tool calls stand in one user turn, before anything else; no text is empty; ids hold only `[a-zA-Z0-9_-]`.
"""

import base64
import binascii
from collections.abc import Sequence

from tiercel.domain.json import JsonObject
from tiercel.domain.request import (
    Media,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from tiercel.wire.arguments import arguments_object
from tiercel.wire.data_url import sniffed_type
from tiercel.wire.identifiers import portable_id

_BLOCK_TYPES = {"image": "image", "file": "document"}


class MessageEncoder:
    """Writes one conversation; what cannot be carried is added to `lost`.

    `native` says that the client spoke this format, so that its unread fields mean something here.
    """

    def __init__(self, native: bool, lost: list[str]) -> None:
        self._native = native
        self._lost = lost
        self._turns: list[JsonObject] = []
        self._system: list[JsonObject] = []

    def encode(self, messages: Sequence[Message]) -> tuple[list[JsonObject], list[JsonObject]]:
        """The system blocks and the turns."""
        for index, message in enumerate(messages):
            self._take(message, f"messages[{index}]")
        return self._system, [turn for turn in self._turns if turn["content"]]

    def _take(self, message: Message, param: str) -> None:
        if message.name is not None:
            self._lost.append(f"{param}.name")
        extra = self._kept(message.extra, param)
        blocks = [block for part in message.parts if (block := self._block(part, param)) is not None]
        if message.role not in ("system", "developer"):
            self._add("assistant" if message.role == "assistant" else "user", blocks, extra)
        elif not self._turns:
            self._system += blocks
        elif self._native:
            self._add("system", blocks, extra)
        else:  # only newer models take a system message in the middle: as marked text every one does
            self._add("user", [{"type": "text", "text": f"<system>\n{message.text}\n</system>"}], extra)

    def _add(self, role: str, blocks: list[JsonObject], extra: JsonObject) -> None:
        if not self._turns or self._turns[-1]["role"] != role or extra:
            self._turns.append({"role": role, "content": [], **extra})
        content = self._turns[-1]["content"]
        results = [block for block in blocks if block.get("type") == "tool_result"]
        if results:
            first_other = next(
                (i for i, b in enumerate(content) if b.get("type") != "tool_result"), len(content)
            )
            content[first_other:first_other] = results
        content += [block for block in blocks if block.get("type") != "tool_result"]

    def _kept(self, extra: JsonObject, param: str) -> JsonObject:
        if self._native:
            return dict(extra)
        self._lost.extend(f"{param}.{key}" for key in extra)
        return {}

    def _block(self, part: Part, param: str) -> JsonObject | None:
        match part:
            case Text():
                # an empty block is refused, and white space alone is too
                kept = self._kept(part.extra, param)
                return {"type": "text", "text": part.text, **kept} if part.text.strip() else None
            case Refusal():
                return {"type": "text", "text": part.text} if part.text.strip() else None
            case ToolCall():
                return self._tool_use(part, param)
            case ToolResult():
                return self._tool_result(part, param)
            case Reasoning():
                return self._thinking(part, param)
            case Media():
                return self._media(part, param)
            case Opaque() if part.source == "anthropic" and isinstance(part.raw, dict):
                return part.raw
            case Opaque():
                self._lost.append(f"{param}.content")
                return None

    def _tool_use(self, call: ToolCall, param: str) -> JsonObject:
        read = arguments_object(call.arguments)
        block = {"type": "tool_use", "id": portable_id(call.id), "name": call.name, "input": read}
        return {**block, **self._kept(call.extra, param)}

    def _tool_result(self, result: ToolResult, param: str) -> JsonObject:
        block: JsonObject = {"type": "tool_result", "tool_use_id": portable_id(result.call_id)}
        parts = result.parts
        if len(parts) == 1 and isinstance(parts[0], Text) and not parts[0].extra:
            block["content"] = parts[0].text
        else:
            block["content"] = [b for part in parts if (b := self._block(part, param)) is not None]
        if result.is_error:
            block["is_error"] = True
        return {**block, **self._kept(result.extra, param)}

    def _thinking(self, part: Reasoning, param: str) -> JsonObject | None:
        """Only sealed thinking may be sent back, and only to those who sealed it."""
        if part.source == "anthropic" and part.redacted is not None:
            return {"type": "redacted_thinking", "data": part.redacted}
        if part.source == "anthropic" and part.signature is not None:
            return {"type": "thinking", "thinking": part.text, "signature": part.signature}
        self._lost.append(f"{param}.reasoning")
        return None

    def _media(self, part: Media, param: str) -> JsonObject | None:
        block_type = _BLOCK_TYPES.get(part.kind)
        source = _source(part) if block_type else None
        if source is None:
            self._lost.append(f"{param}.{part.kind}")
            return None
        if part.detail is not None:
            self._lost.append(f"{param}.{part.kind}.detail")
        block: JsonObject = {"type": block_type, "source": source}
        if part.filename is not None and block_type == "document":
            block["title"] = part.filename
        return {**block, **self._kept(part.extra, param)}


def _source(part: Media) -> JsonObject | None:
    if part.data is not None:
        # a type that does not fit the bytes is refused, so the bytes have the last word
        mime_type = sniffed_type(part.data) or part.mime_type
        if part.kind == "file" and mime_type == "text/plain":
            return _plain_text(part.data)
        return {"type": "base64", "media_type": mime_type, "data": part.data} if mime_type else None
    if part.file_id is not None:
        return {"type": "file", "file_id": part.file_id}
    if part.url is not None and part.url.startswith(("https://", "http://")):
        return {"type": "url", "url": part.url}
    return None


def _plain_text(data: str) -> JsonObject | None:
    try:
        text = base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return {"type": "text", "media_type": "text/plain", "data": text}
