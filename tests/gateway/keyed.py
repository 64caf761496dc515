"""A gateway whose clients show keys of the store, for tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import openai

from tests.gateway.house import House
from tests.gateway.plain_http import Answer, call
from tiercel.domain.keys import UNLIMITED_CLIENT, AccessKey
from tiercel.records.key_store import IssuedKey, KeyStore

HELLO: dict[str, Any] = {
    "model": "auto",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Say hello"}],
}


def issue(folder: Path, key: AccessKey = UNLIMITED_CLIENT) -> IssuedKey:
    """A new key for the gateway whose `house` is in this folder."""
    with KeyStore.open(folder / "data", make=True) as store:
        return store.create(key)


async def ask(here: House, key: IssuedKey, path: str = "/v1/chat/completions", **changes: object) -> Answer:
    """A chat completion with this key."""
    return await send(here, key, "POST", path, HELLO | changes)


async def send(here: House, key: IssuedKey, method: str, path: str, body: object = None) -> Answer:
    """Any request with this key."""
    raw = b"" if body is None else msgspec.json.encode(body)
    return await call(here.url, method, path, raw, {"authorization": f"Bearer {key.text}"})


@asynccontextmanager
async def sdk(here: House, key: IssuedKey) -> AsyncIterator[openai.AsyncOpenAI]:
    """The official client as its users have it, with its own retries."""
    async with openai.AsyncOpenAI(base_url=f"{here.url}/v1", api_key=key.text) as client:
        yield client


def message_of(answer: Answer) -> str:
    """What an error in OpenAI's format says."""
    text: str = msgspec.json.decode(answer.body)["error"]["message"]
    return text
