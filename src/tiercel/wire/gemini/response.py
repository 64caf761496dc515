"""A whole answer, both ways. What only this format's clients understand stays under its name in `extra`."""

import msgspec

from tiercel.domain.errors import UpstreamDataError
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Media, Opaque, Part, Reasoning, Refusal, Text, ToolCall
from tiercel.domain.response import Choice, Finish, ModelResponse, Stamp
from tiercel.wire.arguments import arguments_object
from tiercel.wire.codec import UpstreamReplyError
from tiercel.wire.fields import leftovers
from tiercel.wire.foreign_seal import carried_seal
from tiercel.wire.gemini.error import error_facts
from tiercel.wire.gemini.finish import blocked_finish, read_finish, written_finish
from tiercel.wire.gemini.logprobs import read_logprobs, write_logprobs
from tiercel.wire.gemini.parts import read_call, read_part, text_in
from tiercel.wire.gemini.signature import FORMAT, signature_of, unmarked
from tiercel.wire.gemini.usage import read_usage, unread_usage, write_usage
from tiercel.wire.identifiers import minted_id
from tiercel.wire.scan import parse_upstream_object

CANDIDATE = "candidate"
"""The key of an `Opaque` that holds fields of the candidate, not a part: what grounds a streamed answer, say."""
_TOP = frozenset(("candidates", "usageMetadata", "modelVersion", "responseId"))
READ_CANDIDATE = frozenset(("content", "finishReason", "index", "logprobsResult"))


def decode_response(body: bytes) -> ModelResponse:
    """Raises `UpstreamDataError`, and `UpstreamReplyError` for an error object in a 200."""
    source = parse_upstream_object(body)
    if source.get("error"):
        raise UpstreamReplyError(error_facts(source["error"]))
    candidates = source.get("candidates")
    if not isinstance(candidates, list) and not source.keys() & {"promptFeedback", "usageMetadata"}:
        raise UpstreamDataError("the upstream's answer has no list of candidates")
    answer_id = text_in(source, "responseId")
    listed = candidates if isinstance(candidates, list) else []
    choices = tuple(_choice(item, position, answer_id) for position, item in enumerate(listed))
    own = leftovers(source, _TOP)
    unread = unread_usage(source.get("usageMetadata"))
    if unread:
        own = {**own, "usageMetadata": unread}
    return ModelResponse(
        id=answer_id,
        model=text_in(source, "modelVersion"),
        choices=choices or (Choice(finish=no_candidates_finish(source)),),
        usage=read_usage(source.get("usageMetadata")),
        extra=own_extra(own),
    )


def no_candidates_finish(source: JsonObject) -> Finish:
    """Why there is no candidate: the prompt was refused, or nobody says."""
    feedback = source.get("promptFeedback")
    reason = feedback.get("blockReason") if isinstance(feedback, dict) else None
    return Finish(reason="unknown") if reason is None else blocked_finish(reason)


def own_extra(own: JsonObject) -> JsonObject:
    return {FORMAT: own} if own else {}


def own_of(extra: JsonObject) -> JsonObject:
    """What `extra` holds for this format alone."""
    own = extra.get(FORMAT)
    return own if isinstance(own, dict) else {}


def answer_part(part: JsonObject) -> Part | None:
    """A part of an answer but for calls; `None` for an empty text. Media stay as they are, as none can be streamed."""
    read = read_part(part)
    if isinstance(read, Media):
        return Opaque(source=FORMAT, raw=part)
    if not isinstance(read, Text):
        return read
    own = {**unmarked(read.extra), **own_of(read.extra)}
    return Text(text=read.text, extra=own_extra(own)) if read.text or own else None


def _choice(item: Json, position: int, answer_id: str) -> Choice:
    if not isinstance(item, dict):
        raise UpstreamDataError(f"candidate {position} of the upstream's answer is no object")
    content = item.get("content")
    parts = _parts(content.get("parts") if isinstance(content, dict) else None, answer_id)
    has_calls = any(isinstance(part, ToolCall) for part in parts)
    index = item.get("index")
    return Choice(
        index=index if isinstance(index, int) else position,
        parts=tuple(parts),
        finish=read_finish(item.get("finishReason"), has_calls),
        logprobs=read_logprobs(item.get("logprobsResult")),
        extra=own_extra(leftovers(item, READ_CANDIDATE)),
    )


def _parts(listed: Json, answer_id: str) -> list[Part]:
    parts: list[Part] = []
    ids: set[str] = set()
    for item in listed if isinstance(listed, list) else ():
        if not isinstance(item, dict):
            continue
        call = item.get("functionCall")
        if isinstance(call, dict):
            call_id = text_in(call, "id")
            if not call_id or call_id in ids:
                call_id = minted_id(answer_id, len(ids))
            ids.add(call_id)
            parts.append(read_call(item, call, call_id))
        elif (part := answer_part(item)) is not None:
            parts.append(part)
    return parts


def encode_response(response: ModelResponse, stamp: Stamp) -> bytes:
    """The answer under our id. A prompt that was refused has no candidates, as in Google's own answers."""
    own = dict(own_of(response.extra))
    unread = own.pop("usageMetadata", {})
    body: JsonObject = {}
    if not _was_blocked(response, own):
        body["candidates"] = [_candidate(choice) for choice in response.choices]
    if response.usage is not None:
        body["usageMetadata"] = {**write_usage(response.usage), **unread}
    return msgspec.json.encode({**body, "modelVersion": stamp.model, "responseId": stamp.id, **own})


def _was_blocked(response: ModelResponse, own: JsonObject) -> bool:
    feedback = own.get("promptFeedback")
    blocked = isinstance(feedback, dict) and "blockReason" in feedback
    return blocked and not any(choice.parts for choice in response.choices)


def _candidate(choice: Choice) -> JsonObject:
    own = dict(own_of(choice.extra))
    parts: list[JsonObject] = []
    for part in choice.parts:
        fields = candidate_fields(part)
        if fields is not None:
            own |= fields
        elif (written := written_part(part)) is not None:
            parts.append(written)
    candidate = written_candidate(choice.index, parts)
    candidate["finishReason"] = ending(choice.finish, refused=bool(choice.refusal))
    logprobs = write_logprobs(choice.logprobs)
    if logprobs is not None:
        candidate["logprobsResult"] = logprobs
    return {**candidate, **own}


def written_candidate(index: int, parts: list[JsonObject]) -> JsonObject:
    return {"content": {"parts": parts, "role": "model"}, "index": index}


def ending(finish: Finish, refused: bool) -> str:
    """A refusal told in words is one here, whatever the model's own format called it."""
    return "SAFETY" if refused and finish.reason == "stop" else written_finish(finish)


def candidate_fields(part: Part) -> JsonObject | None:
    """The candidate's fields that an `Opaque` holds, `None` for every other part."""
    if not isinstance(part, Opaque) or part.source != FORMAT or not isinstance(part.raw, dict):
        return None
    fields = part.raw.get(CANDIDATE)
    return fields if isinstance(fields, dict) else None


def written_part(part: Part) -> JsonObject | None:
    """A part of an answer as one of this format; `None` for what has no place in it."""
    match part:
        case Text():
            own = own_of(part.extra)
            return {"text": part.text, **own} if part.text or own else None
        case Refusal():
            return {"text": part.text} if part.text else None
        case ToolCall():
            body = {"id": part.id, "name": part.name, "args": arguments_object(part.arguments)}
            signature = signature_of(part.extra)
            return {"functionCall": body} | ({"thoughtSignature": signature} if signature else {})
        case Reasoning():
            return _thought(part)
        case Media() if part.data is not None:
            return {"inlineData": {"mimeType": part.mime_type or "", "data": part.data}}
        case Opaque() if part.source == FORMAT and isinstance(part.raw, dict):
            return part.raw
        case _:
            return None


def _thought(part: Reasoning) -> JsonObject | None:
    """Another maker's seal goes along, so that it can be given back."""
    own = part.source == FORMAT
    signature = carried_seal(part, FORMAT)
    sealed = {"thoughtSignature": signature} if signature else {}
    if not (own or part.text or sealed):
        return None
    return {"text": part.text, "thought": True, **sealed, **(part.extra if own else {})}
