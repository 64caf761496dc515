"""What the gateway itself refuses, seen through the SDKs that would come back for it unless they were told not to."""

from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from tests.gateway.house import house
from tests.gateway.keyed import HELLO, issue
from tiercel.domain.catalog import Prices
from tiercel.domain.keys import AccessKey, Budget
from tiercel.testing.scripted import ScriptedProvider

PRICES = Prices(input=1_000_000_000, output=5_000_000_000)


@pytest.mark.parametrize("vendor", [openai, anthropic], ids=["openai", "anthropic"])
async def test_a_budget_that_is_spent_is_asked_about_once(tmp_path: Path, vendor: Any) -> None:
    """T59: a 429, which both SDKs would ask about three times, but for `x-should-retry: false`."""
    key = issue(tmp_path, AccessKey(budget=Budget(month_nano=1)))
    answers: list[httpx2.Response] = []

    async def note(answer: httpx2.Response) -> None:
        answers.append(answer)

    async with (
        ScriptedProvider() as provider,
        house(tmp_path, provider.deployment("cheap", prices=PRICES)) as here,
        httpx2.AsyncClient(event_hooks={"response": [note]}) as http,
    ):
        if vendor is openai:
            client: Any = openai.AsyncOpenAI(
                base_url=f"{here.url}/v1", api_key=key.text, http_client=http, max_retries=2
            )
            create = client.chat.completions.create
        else:
            client = anthropic.AsyncAnthropic(
                base_url=here.url, api_key=key.text, http_client=http, max_retries=2
            )
            create = client.messages.create
        with pytest.raises(vendor.RateLimitError):
            await create(**HELLO)
    assert [(answer.status_code, answer.headers["x-should-retry"]) for answer in answers] == [(429, "false")]
    assert provider.requests == []
