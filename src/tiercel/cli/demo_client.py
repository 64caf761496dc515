"""The demo's own client: asks the gateway over HTTP, as any client would, and reads whole answers and streams."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from tiercel.domain.json import JsonObject
from tiercel.upstream.errors import HttpError
from tiercel.upstream.http import HttpClient

T = TypeVar("T")

MAX_BYTES = 8_000_000


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came back: `status` 0 means that nobody answered. `problem` is the error's message, where there is one."""

    status: int
    record_id: str = ""
    text: str = ""
    calls: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def answered(self) -> bool:
        return self.status == 200 and self.problem is None


class DemoClient:
    """Talks to the gateway at `base_url`."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._http = HttpClient(environ={})

    async def ask(self, body: JsonObject, hints: Mapping[str, str]) -> Reply:
        """One chat completion, streamed where the body says so."""
        status, headers, raw = await self._post("/v1/chat/completions", body, hints)
        record_id = headers.get("x-tiercel-record", "")
        if status != 200:
            return Reply(status=status, record_id=record_id, problem=_problem(raw))
        if body.get("stream"):
            return _read_stream(raw, record_id)
        message = msgspec.json.decode(raw)["choices"][0]["message"]
        calls = tuple(call["function"]["name"] for call in message.get("tool_calls") or ())
        return Reply(status=status, record_id=record_id, text=message.get("content") or "", calls=calls)

    async def judge(self, record_id: str, verdict: str) -> None:
        """Feedback on an answer: `accepted` or `rejected`."""
        await self._post("/v1/feedback", {"record": record_id, "verdict": verdict}, {})

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _post(
        self, path: str, body: JsonObject, hints: Mapping[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        headers = [("content-type", "application/json"), *hints.items()]
        try:
            response = await self._http.request(
                "POST", self._base_url + path, headers, msgspec.json.encode(body), proxy=""
            )
            return response.status, response.headers, await response.read(MAX_BYTES)
        except HttpError as error:
            return 0, {}, msgspec.json.encode({"error": {"message": str(error)}})


async def in_parallel(count: int, work: Callable[[T], Awaitable[None]], items: Iterable[T]) -> None:
    """Do `work` for every item, `count` at a time, in their order."""
    waiting = iter(items)

    async def worker() -> None:
        for item in waiting:
            await work(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(worker())


def _problem(raw: bytes) -> str:
    try:
        error = msgspec.json.decode(raw)["error"]
        return str(error["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return "an answer that cannot be read"


def _read_stream(raw: bytes, record_id: str) -> Reply:
    texts: list[str] = []
    calls: list[str] = []
    for line in raw.split(b"\n"):
        if not line.startswith(b"data: ") or line == b"data: [DONE]":
            continue
        chunk: dict[str, Any] = msgspec.json.decode(line.removeprefix(b"data: "))
        if "error" in chunk:
            return Reply(status=200, record_id=record_id, problem=str(chunk["error"]["message"]))
        for choice in chunk["choices"]:
            delta = choice["delta"]
            texts.append(delta.get("content") or "")
            names = (call.get("function", {}).get("name") for call in delta.get("tool_calls") or ())
            calls += [name for name in names if name]
    return Reply(status=200, record_id=record_id, text="".join(texts), calls=tuple(calls))
