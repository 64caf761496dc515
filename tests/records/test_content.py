"""What is kept of prompts and answers, in each of the four ways, and that it goes when its record goes."""

import json
from pathlib import Path

import msgspec
import pytest

from tests.records.place import Place
from tests.records.samples import record
from tiercel.domain.request import Media, Message, ModelRequest, Part, Text, Tool, ToolCall
from tiercel.domain.response import Choice, ModelResponse
from tiercel.domain.settings import ContentKept
from tiercel.records.content import LARGEST_BLOCK_BYTES, ContentMaker
from tiercel.records.recorder import Recorder
from tiercel.records.redaction import redact, redact_text

CANARY = "the heron flies at dawn"
START = 1_760_000_040.0


def says(role: str, *parts: Part | str) -> Message:
    made = tuple(Text(text=part) if isinstance(part, str) else part for part in parts)
    return msgspec.convert({"role": role, "parts": [msgspec.to_builtins(part) for part in made]}, Message)


def asked(*messages: Message) -> ModelRequest:
    return ModelRequest(format="openai_chat", model="auto", messages=messages)


def answer(text: str) -> ModelResponse:
    return ModelResponse(choices=(Choice(parts=(Text(text=text),)),))


def keep(place: Place, kept: ContentKept, said: dict[str, tuple[ModelRequest, ModelResponse | None]]) -> None:
    recorder = Recorder.open(msgspec.structs.replace(place.storage, content=kept))
    for name, (request, response) in said.items():
        recorder.said(name, request, response)
        recorder.finished(record(name, started_at=START + 60 * len(name)))
    recorder.close()


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("kept", "is_there"), [("none", False), ("hashes", False), ("redacted", True), ("full", True)]
)
def test_texts_are_on_disk_only_where_that_was_chosen(
    tmp_path: Path, kept: ContentKept, is_there: bool
) -> None:
    keep(Place(tmp_path), kept, {"a": (asked(says("user", CANARY)), answer(f"yes, {CANARY}"))})
    assert (CANARY.encode() in on_disk(tmp_path)) is is_there
    rows = Place(tmp_path).ask("SELECT place FROM contents ORDER BY position")
    assert rows == ([] if kept == "none" else [("message",), ("answer",)])


def test_a_conversation_is_kept_once(place: Place) -> None:
    """What was answered, and comes back as history, is the same block."""
    first = (says("system", "be brief"), says("user", "hello"))
    more = (*first, says("assistant", "hi"), says("user", "and then?"))
    keep(place, "full", {"a": (asked(*first), answer("hi")), "bb": (asked(*more), answer("bye"))})
    assert place.ask("SELECT count(*) FROM blocks") == [(5,)]
    texts = place.ask(
        "SELECT text FROM contents JOIN blocks ON key = block_key WHERE record_id = 'bb' ORDER BY position"
    )
    assert [json.loads(text)["parts"][0]["text"] for (text,) in texts] == [
        "be brief",
        "hello",
        "hi",
        "and then?",
        "bye",
    ]


def test_a_block_goes_with_the_last_record_that_is_made_of_it(place: Place) -> None:
    hello, other = says("user", "hello"), says("user", "other")
    keep(place, "full", {"a": (asked(hello, other), None), "bb": (asked(hello), None)})
    store = place.store()
    store.forget_before(START + 120)
    assert place.ask("SELECT record_id FROM contents") == [("bb",)]
    assert place.ask("SELECT count(*) FROM blocks") == [(1,)]
    store.forget_before(START + 6_000)
    store.close()
    assert place.ask("SELECT count(*) FROM blocks") == [(0,)]


def test_hashes_cannot_be_found_by_guessing(tmp_path: Path) -> None:
    """Two folders name the same text differently; one folder always the same."""
    request = asked(says("user", "yes"))

    def name(folder: Path) -> str:
        folder.mkdir(exist_ok=True)
        maker = ContentMaker.open(folder, "hashes")
        assert maker is not None
        return maker.content("a", request, None).blocks[0].key

    assert name(tmp_path / "one") == name(tmp_path / "one") != name(tmp_path / "two")
    assert (tmp_path / "one" / "content-secret").stat().st_mode & 0o777 == 0o600


def test_what_is_too_large_is_only_counted(tmp_path: Path) -> None:
    large = Media(kind="image", data="A" * (LARGEST_BLOCK_BYTES + 1))
    maker = ContentMaker.open(tmp_path, "full")
    assert maker is not None
    first, second = maker.content("a", asked(says("user", large), says("user", "small")), None).blocks
    assert first.text is None
    assert first.bytes > LARGEST_BLOCK_BYTES
    assert second.text is not None


def test_redaction_reaches_every_part(tmp_path: Path) -> None:
    """Tool calls, tools and images among them; the JSON around it stays whole."""
    maker = ContentMaker.open(tmp_path, "redacted")
    assert maker is not None
    call = ToolCall(id="c", name="mail", arguments='{"to": "\\nann@example.com"}')
    request = msgspec.structs.replace(
        asked(
            says("user", "ann@example.com\n4111 1111 1111 1111"),
            says("assistant", call, Media(kind="image", data="QUJD")),
        ),
        tools=(Tool(name="mail", description="writes to bob@example.org"),),
    )
    texts = [block.text or "" for block in maker.content("a", request, answer("call +49 170 1234567")).blocks]
    assert all(json.loads(text) for text in texts)
    for secret in ("example", "4111", "QUJD", "1234567"):
        assert secret not in "".join(texts)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("write to ann.lee+x@mail.example.co.uk now", "write to [email] now"),
        ("key sk-proj-abcdefghijklmnop1234", "key [key]"),
        ("Authorization: Bearer abcdefgh.ijkl", "Authorization: [key]"),
        ("AKIAIOSFODNN7EXAMPLE", "[key]"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----.", "[key]."),
        ("token 0123456789abcdef0123456789abcdef", "token [key]"),
        ("card 4111-1111-1111-1111.", "card [number]."),
        ("call +49 (170) 123 45 67", "call [number]"),
        ("account 12345678", "account [number]"),
        ("in 2026 we sold 1,234 of 56 kinds", "in 2026 we sold 1,234 of 56 kinds"),
        ("data:image/png;base64,QUJD", "[data]"),
    ],
)
def test_what_redaction_finds(text: str, left: str) -> None:
    assert redact_text(text) == left


def test_redaction_of_long_odd_texts_does_not_stall() -> None:
    """None of the patterns takes more than a little longer than the text."""
    for odd in (
        "a" * 200_000,
        "a." * 100_000,
        "1-" * 100_000,
        "+(" * 100_000,
        "-----BEGIN " * 20_000,
        "sk-" * 60_000,
    ):
        assert redact({"text": odd}) is not None
