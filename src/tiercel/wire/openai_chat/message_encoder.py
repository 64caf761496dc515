"""`Message`s as the messages of a Chat Completions request."""

from collections.abc import Sequence

from tiercel.domain.json import Json, JsonObject
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
from tiercel.wire.data_url import join_data_url
from tiercel.wire.identifiers import short_id
from tiercel.wire.openai_chat.reasoning_details import FIELD, details_of, written_details
from tiercel.wire.quirks import Quirks

_URL_KEYS = {"image": "image_url", "video": "video_url", "audio": "audio_url"}


class MessageEncoder:
    """Writes messages for one server; what it cannot carry is added to `lost`.

    `native` says that the client spoke this format, so that its unread fields mean something here.
    """

    def __init__(self, quirks: Quirks, native: bool, lost: list[str]) -> None:
        self._quirks = quirks
        self._native = native
        self._lost = lost

    def encode(self, messages: Sequence[Message]) -> list[JsonObject]:
        written: list[JsonObject] = []
        shown: list[JsonObject] = []  # pictures that tools returned: no tool message may carry them
        for index, message in enumerate(messages):
            if shown and message.role != "tool":
                written.append({"role": "user", "content": shown})
                shown = []
            if message.role == "tool":
                written += self._tool_messages(message, f"messages[{index}]", shown)
            elif message.role == "assistant":
                written.append(self._assistant(message, f"messages[{index}]"))
            else:
                written.append(self._plain(message, f"messages[{index}]"))
        if shown:
            written.append({"role": "user", "content": shown})
        return written

    def _kept(self, extra: JsonObject, param: str) -> JsonObject:
        """A copy of the unread fields, or nothing where they were another format's."""
        if self._native:
            return dict(extra)
        self._lost.extend(f"{param}.{key}" for key in extra)
        return {}

    def _head(self, message: Message, role: str) -> JsonObject:
        head: JsonObject = {"role": role}
        if message.name is not None:
            head["name"] = message.name
        return head

    def _plain(self, message: Message, param: str) -> JsonObject:
        role = message.role
        if role == "developer" and not self._quirks.developer_role:
            role = "system"
        head = self._head(message, role)
        return {**head, "content": self._content(message.parts, param), **self._kept(message.extra, param)}

    def _assistant(self, message: Message, param: str) -> JsonObject:
        head = self._head(message, "assistant")
        calls = [self._tool_call(part, param) for part in message.parts if isinstance(part, ToolCall)]
        refusals = [part.text for part in message.parts if isinstance(part, Refusal)]
        content = self._content(
            [p for p in message.parts if not isinstance(p, ToolCall | Reasoning | Refusal)], param
        )
        head["content"] = content if content or not (calls or refusals) else None
        if refusals:
            head["refusal"] = "".join(refusals)
        if calls:
            head["tool_calls"] = calls
        for part in message.parts:
            if isinstance(part, Reasoning):
                self._echo_reasoning(part, head, param)
        if calls and self._quirks.echo_demanded and self._quirks.reasoning_echo is not None:
            head.setdefault(self._quirks.reasoning_echo, "")
        return {**head, **self._kept(message.extra, param)}

    def _echo_reasoning(self, part: Reasoning, head: JsonObject, param: str) -> None:
        field = self._quirks.reasoning_echo
        details = head.get(FIELD, [])
        sealed = written_details(part, len(details)) if self._quirks.reasoning_details else []
        if sealed:
            head[FIELD] = [*details, *sealed]
        elif part.source not in (None, "openai_chat") or field is None:
            self._lost.append(f"{param}.reasoning")
            return
        elif details_of(part):
            self._lost.append(f"{param}.{FIELD}")
        if part.text and field is not None:
            head[field] = head.get(field, "") + part.text

    def _tool_call(self, call: ToolCall, param: str) -> JsonObject:
        payload = "arguments" if call.kind == "function" else "input"
        # a server's own marks go back to it, whichever format the client spoke in between
        own = {key: call.extra[key] for key in self._quirks.tool_call_extra if key in call.extra}
        extra = self._kept({key: call.extra[key] for key in call.extra if key not in own}, param)
        body = {"name": call.name, payload: call.arguments, **extra.pop(call.kind, {})}
        return {
            "id": short_id(call.id),
            "type": call.kind,
            call.kind: body,
            **self._quirks.tool_call_extra,
            **own,
            **extra,
        }

    def _tool_messages(self, message: Message, param: str, shown: list[JsonObject]) -> list[JsonObject]:
        written = []
        for part in message.parts:
            if isinstance(part, ToolResult):
                head = self._head(message, "tool")
                head["tool_call_id"] = short_id(part.call_id)
                head["content"] = self._result_content(part, param, shown)
                written.append({**head, **self._kept(message.extra, param), **self._kept(part.extra, param)})
            elif isinstance(part, Opaque) and part.source == "openai_chat" and "role" in part.raw:
                written.append(part.raw)
            else:
                self._lost.append(f"{param}.content")
        return written

    def _result_content(self, result: ToolResult, param: str, shown: list[JsonObject]) -> Json:
        """Text for the tool message; media follow in a user message, as only those may carry them here."""
        texts = [part for part in result.parts if isinstance(part, Text)]
        media = [part for part in result.parts if isinstance(part, Media)]
        if media:
            shown.append({"type": "text", "text": f"Returned by tool call {short_id(result.call_id)}:"})
            shown.extend(written for part in media if (written := self._media(part, param)) is not None)
        content = self._content(texts, param)
        if result.is_error and isinstance(content, str):
            content = f"Error: {content}"
        return content if content or not media else "See the next message."

    def _content(self, parts: Sequence[Part], param: str) -> Json:
        """A string where one says all, else a list of parts; an empty one where nothing can be carried."""
        if not parts:
            return ""
        first = parts[0]
        if len(parts) == 1 and isinstance(first, Text) and not (self._native and first.extra):
            self._kept(first.extra, param)
            return first.text
        return [written for part in parts if (written := self._part(part, param)) is not None] or ""

    def _part(self, part: Part, param: str) -> JsonObject | None:
        match part:
            case Text():
                return {"type": "text", "text": part.text, **self._kept(part.extra, param)}
            case Refusal():
                return {"type": "refusal", "refusal": part.text}
            case Media():
                return self._media(part, param)
            case Opaque() if part.source == "openai_chat" and isinstance(part.raw, dict):
                return part.raw
            case _:
                self._lost.append(f"{param}.content")
                return None

    def _media(self, part: Media, param: str) -> JsonObject | None:
        extra = self._kept(part.extra, param)
        if part.kind == "file":
            return {"type": "file", "file": {**_file(part), **extra.pop("file", {})}, **extra}
        if part.kind == "audio" and part.data is not None:
            audio_format = (part.mime_type or "audio/wav").partition("/")[2]
            audio = {"data": part.data, "format": audio_format, **extra.pop("input_audio", {})}
            return {"type": "input_audio", "input_audio": audio, **extra}
        url = part.url if part.data is None else join_data_url(part.mime_type, part.data)
        if url is None:
            self._lost.append(f"{param}.{part.kind}")
            return None
        key = _URL_KEYS[part.kind]
        body: JsonObject = {"url": url}
        if part.detail is not None:
            body["detail"] = part.detail
        return {"type": key, key: {**body, **extra.pop(key, {})}, **extra}


def _file(part: Media) -> JsonObject:
    file: JsonObject = {}
    if part.data is not None:
        file["file_data"] = join_data_url(part.mime_type, part.data) if part.mime_type else part.data
    elif part.url is not None:
        file["file_data"] = part.url
    if part.file_id is not None:
        file["file_id"] = part.file_id
    if part.filename is not None:
        file["filename"] = part.filename
    return file
