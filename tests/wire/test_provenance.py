"""Seals go home and nowhere else."""

from typing import Any

from tiercel.domain.request import Message, ModelRequest, Reasoning, Text, ToolCall
from tiercel.domain.response import Choice, ModelResponse
from tiercel.wire.provenance import Origin, seal_of, seals_in, without_foreign_seals

THINKING = Reasoning(text="hm", signature="sig-1", source="anthropic")
CALL = ToolCall(
    id="c1",
    name="f",
    arguments="{}",
    extra={"extra_content": {"google": {"thought_signature": "sig-2"}}, "more": 1},
)
TEXT = Text(text="so", extra={"gemini": {"thoughtSignature": "sig-3"}})
HOME = Origin(maker="anthropic/claude", format="anthropic")


def request(*parts: Any) -> ModelRequest:
    messages = (Message(role="user", parts=(Text(text="go"),)), Message(role="assistant", parts=parts))
    return ModelRequest(format="anthropic", model="m", messages=messages, raw=b"{}")


def origins(seal: str) -> Origin:
    return HOME


def test_every_kind_of_seal_is_seen() -> None:
    answer = ModelResponse(choices=(Choice(parts=(THINKING, CALL, TEXT, Text(text="plain"))),))
    assert list(seals_in(answer)) == [("sig-1", "anthropic"), ("sig-2", "gemini"), ("sig-3", "gemini")]
    assert seal_of(Reasoning(redacted="opaque")) == "opaque"


def test_the_maker_gets_the_very_same_request() -> None:
    asked = request(THINKING, CALL, TEXT)
    assert without_foreign_seals(asked, HOME.maker, origins) == (asked, ())


def test_another_model_gets_none_of_them_and_each_is_named() -> None:
    sent, lost = without_foreign_seals(request(THINKING, CALL, TEXT), "google/gemini", origins)
    call, text = sent.messages[1].parts
    assert isinstance(call, ToolCall)
    assert call.extra == {"more": 1}
    assert text == Text(text="so")
    assert sent.raw is None
    assert lost == ("messages[1].reasoning", "messages[1].signature", "messages[1].signature")


def test_a_seal_of_unknown_origin_stays() -> None:
    asked = request(THINKING)
    assert without_foreign_seals(asked, "anybody/anything", lambda seal: None) == (asked, ())


def test_a_seal_that_comes_home_through_a_client_of_another_format_is_in_its_own_again() -> None:
    """A Responses client gives an Anthropic model's signature back as its own encrypted content."""
    asked = request(Reasoning(text="hm", signature="sig-1", source="openai_responses"))
    sent, lost = without_foreign_seals(asked, HOME.maker, origins)
    assert sent.messages[1].parts == (THINKING,)
    assert lost == ()
