"""`reasoning_details`: how thinking travels in this format with the seals that must come back with it.

The field is OpenRouter's (https://openrouter.ai/docs/use-cases/reasoning-tokens, 2026-11-21): a list of entries beside
the plain `reasoning_content`, each a text with its signature, a summary, or something encrypted, with the name of the
format it was made in. A client that keeps a message as it came gives them back; one that does not know them loses
nothing it could use. An entry that was read is kept word for word, and written again as it came.
"""

from collections.abc import Iterator, Sequence

from tiercel.domain.events import ReasoningDelta
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Format, Reasoning, Text
from tiercel.wire.provenance import seal_of

FIELD = "reasoning_details"
FORMAT: Format = "openai_chat"
_TEXT = "reasoning.text"
_SUMMARY = "reasoning.summary"
_ENCRYPTED = "reasoning.encrypted"
_GROWING = {"text", "summary", "data"}
_FORMATS: dict[str, Format] = {
    "anthropic-claude-v1": "anthropic",
    "openai-responses-v1": "openai_responses",
    "google-gemini-v1": "gemini",
}
_WORDS = {format: word for word, format in _FORMATS.items()}


def read_thinking(text: str, details: Sequence[Json]) -> list[Reasoning]:
    """The thinking of one message. `text` is what its plain field says, which most often repeats the details."""
    thoughts = list(_read(details))
    if text and not any(thought.text for thought in thoughts):
        thoughts.insert(0, Reasoning(text=text, source=FORMAT))
    return thoughts


def details_of(thought: Reasoning | ReasoningDelta) -> list[Json]:
    """The entries a thought was read from, none where it came otherwise."""
    own = thought.extra if thought.source == FORMAT else thought.extra.get(FORMAT)
    kept = own.get(FIELD) if isinstance(own, dict) else None
    return kept if isinstance(kept, list) else []


def written_details(thought: Reasoning, begin: int) -> list[Json]:
    """The entries for a thought: as it came, else what its seal needs. The new ones are counted from `begin`, as some
    clients add up entries of one index. A thought without a seal needs none."""
    kept = details_of(thought)
    if kept:
        return kept
    entries = list(_entries(thought))
    return [
        {**entry, **_word(thought.source), "index": index} for index, entry in enumerate(entries, start=begin)
    ]


def apart(text: Text, begin: int) -> list[Json]:
    """The entry for a text's own seal (Google's), for which this format's text has no place; most have none."""
    seal = seal_of(text)
    return [] if seal is None else written_details(Reasoning(signature=seal, source="gemini"), begin)


class GrowingDetails:
    """The details of one choice of a stream, which come in pieces: those of one index and type are one entry."""

    def __init__(self) -> None:
        self.waiting: list[JsonObject] = []
        """Entries that may not be whole yet, or whose seal may follow in another."""

    def take(self, pieces: Sequence[Json]) -> list[Reasoning]:
        """The thoughts that these pieces show to be whole: something else begins after their seal."""
        whole: list[Reasoning] = []
        for piece in pieces:
            if not isinstance(piece, dict):
                continue
            if self.waiting and _continues(self.waiting[-1], piece):
                _add(self.waiting[-1], piece)
                continue
            whole += self.sealed()
            self.waiting.append(dict(piece))
        return whole

    def sealed(self) -> list[Reasoning]:
        """What waits, where the last of it is sealed."""
        return self.rest() if self.waiting and _seal(self.waiting[-1]) else []

    def rest(self) -> list[Reasoning]:
        """Everything that waits: no more will come."""
        whole = list(_read(self.waiting))
        self.waiting = []
        return whole


class SentDetails:
    """The details of one choice that is streamed to a client. Each entry goes out whole and once, its index its place:
    in a stream it says no more than what belongs together, and clients add up entries of one index."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._sent = 0

    def add(self, event: ReasoningDelta) -> list[Json]:
        """The entries to send now. What seals a thought closes it: what follows is another."""
        self._text.append(event.text)
        if event.signature is None and event.redacted is None and not event.extra:
            return []
        thought = Reasoning(
            text="".join(self._text),
            signature=event.signature,
            redacted=event.redacted,
            source=event.source,
            extra=event.extra,
        )
        self._text.clear()
        return self._placed(written_details(thought, self._sent))

    def add_apart(self, text: Text) -> list[Json]:
        """The same for a text's own seal."""
        return self._placed(apart(text, self._sent))

    def _placed(self, entries: list[Json]) -> list[Json]:
        places = range(self._sent, self._sent + len(entries))
        self._sent += len(entries)
        return [
            {**entry, "index": place} if isinstance(entry, dict) else entry
            for place, entry in zip(places, entries, strict=True)
        ]


def _read(details: Sequence[Json]) -> Iterator[Reasoning]:
    """An encrypted thought of OpenAI's and the summaries before it are one; every other entry stands alone."""
    summaries: list[JsonObject] = []
    for entry in details:
        kind = entry.get("type") if isinstance(entry, dict) else None
        if kind == _SUMMARY:
            summaries.append(entry)
        elif kind == _ENCRYPTED and _format(entry) == "openai_responses":
            yield _openai(summaries, entry)
            summaries = []
        else:
            yield from map(_unsealed, summaries)
            summaries = []
            yield _alone(entry)
    yield from map(_unsealed, summaries)


def _alone(entry: Json) -> Reasoning:
    """What Anthropic encrypts is redacted thinking; its other thoughts are texts with a signature, empty or not."""
    seal = _seal(entry)
    if seal is None:
        return _unsealed(entry)
    source = _format(entry)
    extra = _kept([entry], source)
    if entry["type"] == _ENCRYPTED and source == "anthropic":
        return Reasoning(redacted=seal, source=source, extra=extra)
    return Reasoning(text=_said(entry), signature=seal, source=source, extra=extra)


def _openai(summaries: list[JsonObject], entry: JsonObject) -> Reasoning:
    """The item of reasoning that OpenAI's other format has for these entries."""
    texts = [_said(summary) for summary in summaries]
    extra = _kept([*summaries, entry], "openai_responses")
    extra["summary"] = [{"type": "summary_text", "text": text} for text in texts]
    if isinstance(entry.get("id"), str):
        extra["id"] = entry["id"]
    return Reasoning(
        text="\n\n".join(text for text in texts if text),
        signature=_seal(entry),
        source="openai_responses",
        extra=extra,
    )


def _unsealed(entry: Json) -> Reasoning:
    return Reasoning(text=_said(entry), source=FORMAT, extra={FIELD: [entry]})


def _kept(entries: list[Json], source: Format) -> JsonObject:
    return {FIELD: entries} if source == FORMAT else {FORMAT: {FIELD: entries}}


def _format(entry: JsonObject) -> Format:
    """Whose thinking an entry is: this format's own where it does not name another that is known."""
    word = entry.get("format")
    return _FORMATS.get(word, FORMAT) if isinstance(word, str) else FORMAT


def _said(entry: Json) -> str:
    """What an entry has to read."""
    text = (entry.get("text") or entry.get("summary")) if isinstance(entry, dict) else None
    return text if isinstance(text, str) else ""


def _seal(entry: Json) -> str | None:
    if not isinstance(entry, dict):
        return None
    seal = entry.get("signature") if entry.get("type") == _TEXT else None
    seal = entry.get("data") if entry.get("type") == _ENCRYPTED else seal
    return seal if isinstance(seal, str) and seal else None


def _continues(last: JsonObject, piece: JsonObject) -> bool:
    """Whether a piece is more of this entry. After its signature no more text comes, only another entry's."""
    if any(last.get(key) != piece.get(key) for key in ("index", "type")):
        return False
    return not (last.get("signature") and piece.get("text"))


def _add(entry: JsonObject, piece: JsonObject) -> None:
    for key, value in piece.items():
        if key in _GROWING and isinstance(value, str):
            before = entry.get(key)
            entry[key] = before + value if isinstance(before, str) else value
        elif value is not None:
            entry[key] = value


def _entries(thought: Reasoning) -> Iterator[JsonObject]:
    if thought.redacted:
        yield {"type": _ENCRYPTED, "data": thought.redacted}
    elif thought.signature and thought.source == "openai_responses":
        item_id = thought.extra.get("id")
        named = {"id": item_id} if isinstance(item_id, str) and item_id else {}
        for text in _summaries(thought):
            yield {"type": _SUMMARY, "summary": text, **named}
        yield {"type": _ENCRYPTED, "data": thought.signature, **named}
    elif thought.signature and (thought.text or thought.source == "anthropic"):
        yield {"type": _TEXT, "text": thought.text, "signature": thought.signature}
    elif thought.signature:
        yield {"type": _ENCRYPTED, "data": thought.signature}


def _summaries(thought: Reasoning) -> list[str]:
    listed = thought.extra.get("summary")
    pieces = listed if isinstance(listed, list) else ()
    texts = [piece.get("text") for piece in pieces if isinstance(piece, dict)]
    return [text for text in texts if isinstance(text, str) and text] or [thought.text] * bool(thought.text)


def _word(source: Format | None) -> JsonObject:
    word = _WORDS.get(source) if source is not None else None
    return {"format": word} if word is not None else {}
