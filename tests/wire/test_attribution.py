"""The line with which Claude Code's instructions begin: Anthropic gets it as it is, nobody else gets it."""

from typing import Any

import pytest

from tests.wire.cases import anthropic_target, body_of, chat_target, request_object
from tests.wire.gemini_cases import gemini_target
from tests.wire.responses_cases import responses_target
from tiercel.domain.catalog import Target
from tiercel.wire.registry import CODECS

LINE = "x-anthropic-billing-header: cc_version=2.1.197.c57; cc_entrypoint=sdk-cli;"
SYSTEM = [{"type": "text", "text": LINE}, {"type": "text", "text": "Be brief."}]
MESSAGES = CODECS["anthropic"]


def told(target: Target, system: Any) -> str:
    """What an upstream of another format is sent for these instructions."""
    request = MESSAGES.decode_request(body_of(max_tokens=99, system=system))
    call = CODECS[target.deployment.provider.format].encode_request(request, target)
    assert call.lost == ()
    return call.body.decode()


@pytest.mark.parametrize("target", [chat_target(), responses_target(), gemini_target()])
def test_other_providers_caches_are_not_spoilt_by_it(target: Target) -> None:
    assert "x-anthropic-billing-header" not in told(target, SYSTEM)
    assert "Be brief." in told(target, SYSTEM)


@pytest.mark.parametrize("system", [LINE + "\nBe brief.", [{"type": "text", "text": "About " + LINE}]])
def test_instructions_that_only_mention_it_stay(system: Any) -> None:
    assert "x-anthropic-billing-header" in told(chat_target(), system)


def test_anthropic_gets_every_block_where_it_stood() -> None:
    sent = request_object(MESSAGES, body_of(max_tokens=99, system=SYSTEM), anthropic_target())
    assert sent["system"] == SYSTEM
