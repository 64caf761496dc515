"""The lab, every upstream format of it behind one real gateway, in a thread of their own, and what was asked of them.

The lab's answers depend on nothing but the request that reached it. So what a client should have read is worked out
from the bytes that arrived, and compared with what its SDK says it read.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tests.gateway.house import one_tier, settings_for
from tiercel.domain.catalog import Capabilities, Deployment, Model, Provider
from tiercel.domain.request import Format, ModelRequest
from tiercel.domain.response import ModelResponse
from tiercel.domain.secret import Secret
from tiercel.domain.settings import Listener
from tiercel.gateway.app import RunningGateway, running
from tiercel.testing.delivery import Delivery
from tiercel.testing.lab.addresses import find_address
from tiercel.testing.lab.behaviour import Scene, perform
from tiercel.testing.lab.models import FORMATS, find_model
from tiercel.testing.lab.reading import read_request
from tiercel.testing.lab.server import Lab
from tiercel.testing.loopback import SeenRequest

KEY = "the-clients-own-key"


class Upstream(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment of the lab. `name` is what clients ask for."""

    name: str
    format: Format
    provider: str
    quirks: str
    model: str
    called: str = ""

    @property
    def upstream_name(self) -> str:
        """What the provider calls the model."""
        return self.called or self.model


UPSTREAMS: dict[str, Upstream] = {
    upstream.name: upstream
    for upstream in (
        Upstream(
            name="openai_chat",
            format="openai_chat",
            provider="openai",
            quirks="openai",
            model="gemini-3.5-flash",
        ),
        Upstream(
            name="openai_responses",
            format="openai_responses",
            provider="openai",
            quirks="openai",
            model="gemini-3.5-flash",
        ),
        Upstream(
            name="anthropic",
            format="anthropic",
            provider="anthropic",
            quirks="anthropic",
            model="claude-opus-4-8",
        ),
        Upstream(
            name="gemini", format="gemini", provider="gemini", quirks="generic", model="gemini-3.5-flash"
        ),
        Upstream(
            name="ollama", format="ollama", provider="ollama", quirks="ollama", model="gemini-3.5-flash"
        ),
        # Servers of Chat Completions that seal their thinking, each in its own fields.
        Upstream(
            name="gemini_chat",
            format="openai_chat",
            provider="gemini",
            quirks="gemini_compat",
            model="gemini-3.5-flash",
        ),
        Upstream(
            name="openrouter",
            format="openai_chat",
            provider="openrouter",
            quirks="openrouter",
            model="claude-opus-4-8",
            called="anthropic/claude-opus-4.8",
        ),
    )
}


class WatchedLab(Lab):
    """A lab that keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__(time_scale=0)
        self.seen: list[SeenRequest] = []

    async def _handle(self, seen: SeenRequest) -> Delivery:
        self.seen.append(seen)
        return await super()._handle(seen)


class Bench:
    """The running lab and gateway. Cells are run one after another, so the last request seen is the cell's own."""

    def __init__(self, lab: WatchedLab, gateway: RunningGateway) -> None:
        self.lab = lab
        self.url = gateway.base_url

    def last_body(self) -> bytes:
        """The last request that reached the lab."""
        return self.lab.seen[-1].body

    def last_request(self) -> ModelRequest:
        """The same, read as the lab reads it."""
        return self._last()[1]

    def last_answer(self) -> ModelResponse:
        """What the lab said to it."""
        provider, request = self._last()
        model = find_model(provider, request.model)
        assert model is not None, f"{provider} has no {request.model}"
        return perform(Scene(model=model, request=request)).response

    def _last(self) -> tuple[str, ModelRequest]:
        seen = self.lab.seen[-1]
        provider, _, rest = seen.path.removeprefix("/").partition("/")
        address = find_address(rest, FORMATS[provider])
        assert address is not None, seen.path
        return provider, read_request(address, seen.body)


def deployments(lab: Lab) -> tuple[Deployment, ...]:
    return tuple(deployment(lab, upstream) for upstream in UPSTREAMS.values())


def deployment(lab: Lab, upstream: Upstream) -> Deployment:
    claude = upstream.model.startswith("claude")
    capabilities = Capabilities(
        modalities=("text", "image"),
        thinking="adaptive" if claude else "effort",
        efforts=("low", "medium", "high"),
        rejects=("temperature", "top_p", "top_k") if claude else (),
        window=200_000,
        max_output=64_000,
    )
    return Deployment(
        name=upstream.name,
        model=Model(name=f"{upstream.model} at {upstream.name}", capabilities=capabilities),
        provider=Provider(
            name=upstream.name,
            format=upstream.format,
            base_url=lab.base_url(upstream.provider, upstream.format),
            quirks=upstream.quirks,
            key=Secret("any"),
        ),
        upstream_name=upstream.upstream_name,
    )


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """Everything running until the end of the block."""
    ready: list[Bench] = []
    over: list[asyncio.Event] = []
    loop = asyncio.new_event_loop()
    started = threading.Event()

    async def serve() -> None:
        end = asyncio.Event()
        async with WatchedLab() as lab:
            listener = Listener(port=0, drain_seconds=2.0, keys=(Secret(KEY),))
            settings = settings_for(folder, *deployments(lab), listener=listener)
            policy = one_tier(deployments(lab))
            async with running(settings, policy, port=0) as gateway:
                ready.append(Bench(lab, gateway))
                over.append(end)
                started.set()
                await end.wait()

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        finally:
            started.set()
            loop.close()

    thread = threading.Thread(target=run, name="bench")
    thread.start()
    started.wait()
    try:
        yield ready[0]
    finally:
        if over:
            loop.call_soon_threadsafe(over[0].set)
        thread.join()
