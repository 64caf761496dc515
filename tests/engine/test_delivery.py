"""Hold, commit, pass: what of a stream may leave, and when."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from tiercel.domain.events import End, Finished, ReasoningDelta, Start, StreamEvent, TextDelta, UsageUpdate
from tiercel.domain.request import Text
from tiercel.domain.response import Choice, Finish, ModelResponse, Usage
from tiercel.engine.delivery import Delivery
from tiercel.testing.clock import FrozenClock

Receive = Callable[[Sequence[StreamEvent]], Awaitable[None] | None]
STOP = Finish(reason="stop")
ANSWER = ModelResponse(choices=(Choice(parts=(Text(text="hello"),), finish=STOP),), usage=Usage(visible=1))


def encode(events: Sequence[StreamEvent]) -> bytes:
    """The kinds of the events, and the text of text."""
    return "".join(
        event.text if isinstance(event, TextDelta) else f"<{type(event).__name__}>" for event in events
    ).encode()


class Client:
    """What has been sent, and whether the client keeps us waiting."""

    def __init__(self) -> None:
        self.got = b""
        self.reads = asyncio.Event()
        self.reads.set()

    async def write(self, data: bytes) -> None:
        await self.reads.wait()
        self.got += data


async def hand(receive: Receive, *events: StreamEvent) -> None:
    """Hand events in as a call does: await what has to be awaited."""
    waiting = receive(events)
    if waiting is not None:
        await waiting


def delivery(client: Client, *, hold: bool = False) -> Delivery:
    return Delivery(encode, client.write, hold=hold, clock=FrozenClock())


async def test_nothing_leaves_before_the_first_real_content() -> None:
    client = Client()
    stream = delivery(client)
    receive = stream.receiver(1, None)
    await hand(receive, Start(), ReasoningDelta(text="hm"), TextDelta(text=""))
    assert (stream.committed, client.got) == (None, b"")
    await hand(receive, TextDelta(text="hel"))
    assert (stream.committed, client.got) == (1, b"<Start><ReasoningDelta>hel")


async def test_the_end_of_a_stream_waits_for_the_record() -> None:
    client = Client()
    stream = delivery(client)
    end = (Finished(finish=STOP), UsageUpdate(usage=Usage(visible=9)), End())
    await hand(stream.receiver(1, None), TextDelta(text="hello"), *end)
    assert client.got == b"hello"
    assert stream.conclude(ANSWER) == b"<Finished><UsageUpdate><End>"


async def test_once_committed_no_other_attempt_is_heard() -> None:
    client = Client()
    stream = delivery(client)
    await hand(stream.receiver(1, None), TextDelta(text="one"))
    await hand(stream.receiver(2, None), TextDelta(text="two"))
    assert client.got == b"one"


async def test_a_held_stream_leaves_whole_at_the_end() -> None:
    client = Client()
    stream = delivery(client, hold=True)
    await hand(stream.receiver(1, None), TextDelta(text="```json"))
    assert (stream.committed, client.got) == (None, b"")
    assert stream.conclude(ANSWER) == b"<Start>hello<Finished><UsageUpdate><End>"


async def test_a_slow_client_keeps_its_upstream_waiting() -> None:
    client = Client()
    client.reads.clear()
    handing = asyncio.create_task(hand(delivery(client).receiver(1, None), TextDelta(text="x")))
    await asyncio.sleep(0)
    assert not handing.done()
    client.reads.set()
    await asyncio.wait_for(handing, 1)
    assert client.got == b"x"
