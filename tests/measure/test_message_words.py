"""Messages as people read them: text is text, and a picture is not a megabyte of letters."""

import base64

import pytest

from tiercel.domain.json import Json
from tiercel.measure.message_words import Said, content_text, messages_of, without_pictures
from tiercel.testing.tasks import screenshot_png

PNG = "data:image/png;base64," + base64.b64encode(screenshot_png()).decode()


def picture(url: Json) -> Json:
    return [{"type": "text", "text": "Look:"}, {"type": "image_url", "image_url": {"url": url}}]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("plain", "plain"),
        (None, ""),
        (7, ""),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "a\nb"),
        ([{"type": "input_audio", "input_audio": {}}, "loose", {}], "[input_audio]\n[part]"),
        (picture(PNG), "Look:\n[image: PNG, 96x64, 1 kB]"),
        (picture("data:image/jpeg;base64," + "A" * 120_000), "Look:\n[image: JPEG, 90 kB]"),
        (picture("data:image/png;base64,no picture at all, and no base64"), "Look:\n[image: PNG, 1 kB]"),
        (picture("https://example.org/a.png"), "Look:\n[image: https://example.org/a.png]"),
        (
            picture("https://example.org/" + "a" * 5_000),
            "Look:\n[image: https://example.org/" + "a" * 80 + "]",
        ),
        (picture(None), "Look:\n[image_url]"),
    ],
)
def test_content_in_words(content: Json, words: str) -> None:
    assert content_text(content) == words


def test_messages_without_their_pictures_keep_everything_else() -> None:
    messages = [
        {"role": "system", "content": "Look."},
        {"role": "user", "content": [*picture(PNG), *picture("https://example.org/a.png")]},
    ]
    assert without_pictures(messages) == [
        {"role": "system", "content": "Look."},
        {
            "role": "user",
            "content": [*picture("[image: PNG, 96x64, 1 kB]"), *picture("https://example.org/a.png")],
        },
    ]


@pytest.mark.parametrize(
    ("url", "drawable"),
    [
        (PNG, True),
        ("https://example.org/a.png", False),
        ("data:image/svg+xml;base64,PHN2Zy8+", False),
        ("data:image/png;base64,AAAA' onerror='x", False),
        ("data:image/png,plain", False),
        (None, False),
    ],
)
def test_only_a_known_picture_may_be_drawn(url: Json, drawable: bool) -> None:
    (said,) = messages_of({"messages": [{"role": "user", "content": picture(url)}]})
    assert said.pictures == ((url,) if drawable else ())


def test_a_conversation_in_words() -> None:
    body = {
        "messages": [{"role": "system", "content": "Be short."}, "nobody", {"content": [picture("data:")[1]]}]
    }
    assert messages_of(body) == [Said(role="system", text="Be short."), Said(role="", text="[image: data:]")]
    assert messages_of({}) == []
