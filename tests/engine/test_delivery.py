"""Hold, commit, pass: what of a stream may leave, and when."""

import asyncio
from collections.abc import Sequence

from tiercel.domain.events import End, Finished, ReasoningDelta, Start, StreamEvent, TextDelta, UsageUpdate
from tiercel.domain.request import Text
from tiercel.domain.response import Choice, Finish, ModelResponse, Usage
from tiercel.engine.delivery import MAX_WAITING_BYTES, Delivery
from tiercel.testing.clock import FrozenClock

STOP = Finish(reason="stop")
ANSWER = ModelResponse(choices=(Choice(parts=(Text(text="hello"),), finish=STOP),), usage=Usage(visible=1))


def encode(events: Sequence[StreamEvent]) -> bytes:
    """The kinds of the events, and the text of text."""
    return "".join(
        event.text if isinstance(event, TextDelta) else f"<{type(event).__name__}>" for event in events
    ).encode()


def delivery(*, hold: bool = False) -> Delivery:
    return Delivery(encode, hold=hold, clock=FrozenClock())


async def test_nothing_leaves_before_the_first_real_content() -> None:
    stream = delivery()
    receive = stream.receiver(1, None)
    receive([Start(), ReasoningDelta(text="hm"), TextDelta(text="")])
    assert (stream.committed, stream.take()) == (None, b"")
    receive([TextDelta(text="hel")])
    assert (stream.committed, stream.take()) == (1, b"<Start><ReasoningDelta>hel")


async def test_the_end_of_a_stream_waits_for_the_record() -> None:
    stream = delivery()
    receive = stream.receiver(1, None)
    receive([TextDelta(text="hello"), Finished(finish=STOP), UsageUpdate(usage=Usage(visible=9)), End()])
    assert stream.take() == b"hello"
    assert stream.conclude(ANSWER) == b"<Finished><UsageUpdate><End>"


async def test_once_committed_no_other_attempt_is_heard() -> None:
    stream = delivery()
    stream.receiver(1, None)([TextDelta(text="one")])
    stream.receiver(2, None)([TextDelta(text="two")])
    assert stream.take() == b"one"


async def test_a_held_stream_leaves_whole_at_the_end() -> None:
    stream = delivery(hold=True)
    stream.receiver(1, None)([TextDelta(text="```json")])
    assert (stream.committed, stream.take()) == (None, b"")
    assert stream.conclude(ANSWER) == b"<Start>hello<Finished><UsageUpdate><End>"


async def test_a_slow_client_stops_its_upstream_from_being_read() -> None:
    stream = delivery()
    waiting = stream.receiver(1, None)([TextDelta(text="x" * (MAX_WAITING_BYTES + 1))])
    assert waiting is not None
    reading = asyncio.ensure_future(waiting)
    await asyncio.sleep(0)
    assert not reading.done()
    stream.take()
    await asyncio.wait_for(reading, 1)


async def test_waiting_ends_with_bytes_or_with_time() -> None:
    stream = delivery()
    assert not await stream.wait(0.01)
    stream.receiver(1, None)([TextDelta(text="x")])
    assert await stream.wait(1)
