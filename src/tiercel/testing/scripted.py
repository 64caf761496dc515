"""A provider that says exactly what a test tells it to, over a real loopback socket, and remembers what it was asked.

It is the standard double for the gateway's tests, and no simulation of any model: for that there is the lab.
"""

import asyncio
from types import TracebackType
from typing import Self, TypeAlias

import msgspec

from tiercel.domain.catalog import Capabilities, Deployment, Model, Prices, Provider
from tiercel.domain.request import Format
from tiercel.domain.secret import Secret
from tiercel.testing.delivery import Delivery
from tiercel.testing.faults import Fault
from tiercel.testing.loopback import LoopbackServer, SeenRequest
from tiercel.testing.replies import Called, Said, delivery_of

QUIRKS: dict[Format, str] = {
    "openai_chat": "openai",
    "openai_responses": "openai",
    "anthropic": "anthropic",
    "gemini": "generic",
    "ollama": "ollama",
}
BEGINNINGS: dict[Format, str] = {"gemini": "/v1beta", "ollama": ""}
"""What a base URL ends with, where it is not `/v1`."""


class Says(Said, frozen=True, kw_only=True):
    """Answers well, in the provider's format, streamed where the request asks for a stream.

    With `fault` something goes wrong on the way. With `release` the answer waits until that event is set, so that a
    test holds a call in flight without sleeping; with `release_after` it waits there only after so many pieces.
    """

    fault: Fault | None = None
    release: asyncio.Event | None = None
    release_after: int = 0


class Fails(Fault, frozen=True, kw_only=True, omit_defaults=True):
    """Answers with nothing good: a fault by itself, such as `Fails(status=429, retry_after="2")`."""


class Raw(msgspec.Struct, frozen=True, kw_only=True):
    """Writes exactly these bytes to the socket, status line included, and closes it."""

    data: bytes


Reply: TypeAlias = Says | Fails | Raw | Delivery

UNSCRIPTED = Fails(status=501, message="nothing more is scripted for this provider")


class ScriptedProvider:
    """A server whose replies are a queue. Use it as `async with ScriptedProvider(Says(text="hello")) as provider`.

    Each request takes the next reply; once they are used up `default` answers, which is a 501 unless set.
    """

    def __init__(self, *replies: Reply, format: Format = "openai_chat", name: str = "scripted") -> None:
        self.format = format
        self.name = name
        self.default: Reply = UNSCRIPTED
        self.requests: list[SeenRequest] = []
        self.abandoned = 0
        """How many replies were not finished because the client left."""
        self._replies: list[Reply] = list(replies)
        self._server = LoopbackServer(self._handle, self._note_abandoned)
        self._changed = asyncio.Condition()
        self._port = 0

    async def __aenter__(self) -> Self:
        self._port = await self._server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.aclose()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}{BEGINNINGS.get(self.format, '/v1')}"

    @property
    def unused(self) -> int:
        """How many replies nobody asked for yet."""
        return len(self._replies)

    def add(self, *replies: Reply) -> None:
        """Queue more replies."""
        self._replies.extend(replies)

    async def wait_for_requests(self, count: int) -> None:
        """Return once `count` requests in all have arrived."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.requests) >= count)

    async def wait_for_abandoned(self, count: int) -> None:
        """Return once the client has left `count` replies unfinished."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.abandoned >= count)

    def provider(self, key: str | None = "sk-scripted") -> Provider:
        """This server as the catalog's provider."""
        return Provider(
            name=self.name,
            format=self.format,
            base_url=self.base_url,
            key=None if key is None else Secret(key),
            quirks=QUIRKS[self.format],
        )

    def deployment(
        self,
        model: str = "scripted",
        *,
        capabilities: Capabilities = Capabilities(),
        prices: Prices = Prices(input=1_000_000_000, output=5_000_000_000),
        tokens_per_second: float | None = None,
        residency: tuple[str, ...] = (),
    ) -> Deployment:
        """A model served here, for a catalog. One dollar a million input tokens and five for output, unless given."""
        return Deployment(
            name=model,
            model=Model(
                name=model, capabilities=capabilities, prices=prices, tokens_per_second=tokens_per_second
            ),
            provider=self.provider(),
            upstream_name=model,
            residency=residency,
        )

    async def _handle(self, seen: SeenRequest) -> Delivery | bytes:
        reply = self._replies.pop(0) if self._replies else self.default
        async with self._changed:
            self.requests.append(seen)
            self._changed.notify_all()
        match reply:
            case Raw():
                return reply.data
            case Delivery():
                return reply
            case Fails():
                return reply.spoil(Delivery(headers=(("content-type", "application/json"),)), self.format)
            case Says():
                return await self._spoken(reply, seen)

    async def _note_abandoned(self) -> None:
        async with self._changed:
            self.abandoned += 1
            self._changed.notify_all()

    async def _spoken(self, says: Says, seen: SeenRequest) -> Delivery:
        try:
            request = seen.json
        except (msgspec.DecodeError, TypeError):
            request = {}
        delivery = delivery_of(says, self.format, request, seen.path)
        if says.fault is not None:
            delivery = says.fault.spoil(delivery, self.format)
        if says.release is not None and says.release_after == 0:
            await says.release.wait()
            return delivery
        return msgspec.structs.replace(delivery, release=says.release, release_after=says.release_after)


__all__ = ["Called", "Delivery", "Fails", "Fault", "Raw", "Reply", "Says", "ScriptedProvider", "SeenRequest"]
