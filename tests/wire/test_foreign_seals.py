"""Another maker's seals on their way through clients of Messages and Responses, and back."""

import json
from typing import Any

import pytest

from tests.wire.cases import STAMP, anthropic_target, body_of, decode_all, folded
from tests.wire.responses_cases import responses_target
from tiercel.domain.catalog import Target
from tiercel.domain.events import unfold
from tiercel.domain.request import Format, ModelRequest, Reasoning, Text
from tiercel.domain.response import Choice, Finish, ModelResponse
from tiercel.wire.foreign_seal import carried_seal, opened
from tiercel.wire.provenance import Origin, without_foreign_seals
from tiercel.wire.registry import CODECS

SIGNED = Reasoning(text="hm", signature="sig+/==", source="anthropic")
REDACTED = Reasoning(redacted="never-shown", source="anthropic")
ENCRYPTED = Reasoning(text="hm", signature="gAAAA-_x", source="openai_responses")
JOURNEYS: list[tuple[Format, Reasoning]] = [
    ("openai_responses", SIGNED),
    ("openai_responses", REDACTED),
    ("anthropic", ENCRYPTED),
]
TARGETS: dict[Format, Target] = {"anthropic": anthropic_target(), "openai_responses": responses_target()}


def whole(client: Format, answer: ModelResponse) -> list[dict[str, Any]]:
    """What a client is shown of an answer: blocks or items."""
    body = json.loads(CODECS[client].encode_response(answer, STAMP))
    shown: list[dict[str, Any]] = body["content" if client == "anthropic" else "output"]
    return shown


def streamed(client: Format, answer: ModelResponse) -> list[dict[str, Any]]:
    """The same from a stream, added up as the client would."""
    request = ModelRequest(format=client, model="auto", messages=(), stream=True)
    data = CODECS[client].stream_encoder(request, STAMP).encode(unfold(answer))
    return whole(client, folded(decode_all(CODECS[client].stream_decoder(TARGETS[client]), [data])))


def given_back(client: Format, shown: list[dict[str, Any]]) -> ModelRequest:
    user = {"role": "user", "content": "go on"}
    if client == "openai_responses":
        body = json.dumps({"model": "auto", "store": False, "input": [user, *shown, user]}).encode()
    else:
        turns = [user, {"role": "assistant", "content": shown}, user]
        body = body_of(max_tokens=9_000, messages=turns)
    return CODECS[client].decode_request(body)


@pytest.mark.parametrize("show", [whole, streamed])
@pytest.mark.parametrize(("client", "thought"), JOURNEYS)
def test_a_seal_comes_back_to_its_maker_as_it_was_though_nobody_remembers_it(
    client: Format, thought: Reasoning, show: Any
) -> None:
    """As after a restart: what it is, redacted or not, and whose, stands in the seal itself."""
    answer = ModelResponse(choices=(Choice(parts=(thought, Text(text="a")), finish=Finish(reason="stop")),))
    request, lost = without_foreign_seals(
        given_back(client, show(client, answer)), "anybody", lambda seal: None
    )
    back = request.messages[1].parts[0]
    assert isinstance(back, Reasoning)
    assert (back.signature, back.redacted, back.source) == (
        thought.signature,
        thought.redacted,
        thought.source,
    )
    assert (request.raw, lost) == (None, ())


def test_redacted_thinking_is_redacted_thinking_again_after_a_responses_client() -> None:
    answer = ModelResponse(choices=(Choice(parts=(REDACTED, Text(text="a"))),))
    shown = whole("openai_responses", answer)
    request, _ = without_foreign_seals(given_back("openai_responses", shown), "x", lambda seal: None)
    sent = json.loads(CODECS["anthropic"].encode_request(request, anthropic_target()).body)
    assert sent["messages"][1]["content"][0] == {"type": "redacted_thinking", "data": "never-shown"}


@pytest.mark.parametrize(("client", "thought"), JOURNEYS)
def test_a_carried_seal_goes_to_nobody_but_its_maker(client: Format, thought: Reasoning) -> None:
    carried = Reasoning(signature=carried_seal(thought, client), source=client)
    seal = thought.signature or thought.redacted
    request = given_back(client, [])
    message = request.messages[-1]
    asked = ModelRequest(
        format=client,
        model="m",
        messages=(message, type(message)(role="assistant", parts=(carried,)), message),
    )
    made = {seal: Origin(maker="lab/one", format=thought.source or client)}
    stripped, lost = without_foreign_seals(asked, "lab/two", made.get)
    assert (stripped.messages[1].parts, lost) == ((), ("messages[1].reasoning",))


def test_a_format_is_given_its_own_seals_as_they_are() -> None:
    assert carried_seal(SIGNED, "anthropic") == "sig+/=="
    assert carried_seal(Reasoning(text="hm", source="gemini"), "anthropic") is None


@pytest.mark.parametrize(
    "signature",
    [
        "dGllcmNlbC1zZWFs",  # the mark and no more
        "dGllcmNlbC1zZWFsOm5vYm9keTpzZWFsZWQ6cw==",  # of a format that is none
        "dGllcmNlbC1zZWFs!",
        "sig",
    ],
)
def test_what_only_begins_like_one_of_ours_stays_as_it_is(signature: str) -> None:
    thought = Reasoning(signature=signature, source="anthropic")
    assert opened(thought) is thought
