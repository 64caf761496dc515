"""One streamed answer on its way to the client: made in its format, begun as late as may be, kept alive meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from tiercel.domain.climb import Plan, Rung
from tiercel.domain.errors import ProblemError
from tiercel.domain.events import StreamEvent
from tiercel.domain.request import ModelRequest
from tiercel.domain.response import ModelResponse, Stamp
from tiercel.engine.climb import Climb
from tiercel.engine.delivery import Delivery
from tiercel.gateway.endpoints.answer_headers import commit_lines
from tiercel.gateway.exchange import Exchange
from tiercel.gateway.surfaces import Generation, stream_lines
from tiercel.wire.codec import Problem, StreamEncoder


class ClientStream:
    """Ties a delivery to one client. The encoder is made when it is known whose content it will carry."""

    def __init__(
        self,
        exchange: Exchange,
        clock: Callable[[], float],
        how: Generation,
        request: ModelRequest,
        plan: Plan,
        stamp: Stamp,
    ) -> None:
        self.header_lines = stream_lines(how.stream_type)
        self._exchange = exchange
        self._clock = clock
        self._make_encoder = how.encoder
        self._request = request
        self._plan = plan
        self._stamp = stamp
        self._encoder: StreamEncoder | None = None
        self._last_sent = self._clock()
        self._timer: asyncio.TimerHandle | None = None
        self._beat: asyncio.Future[None] | None = None
        self.climb: Climb | None = None
        """Set by the endpoint once it exists: it knows which rung an attempt ran on."""
        self.delivery = Delivery(self._encode, self.write, hold=plan.holds, clock=self._clock)

    @property
    def committed_rung(self) -> Rung | None:
        """The rung whose content the client is receiving."""
        if self.climb is None or self.delivery.committed is None:
            return None
        return self.climb.rung_of(self.delivery.committed)

    @property
    def _lost(self) -> tuple[str, ...]:
        if self.climb is None or self.delivery.committed is None:
            return ()
        return self.climb.lost_by(self.delivery.committed)

    def write(self, data: bytes) -> Awaitable[None] | None:
        """Send these bytes, and the headers before the first of them; what it returns must be awaited."""
        self._last_sent = self._clock()
        if self._exchange.started and self._exchange.send_now(data):
            return None
        return self._write(data)

    async def _write(self, data: bytes) -> None:
        if not self._exchange.started:
            lines = commit_lines(self._exchange.id, self._plan, self.committed_rung, self._lost)
            await self._exchange.start(200, self.header_lines + lines)
        await self._exchange.send(data)

    def keep_alive(self) -> None:
        """Send a heartbeat whenever nothing was sent for `commit_after_seconds`, until `let_die`.

        A timer that is late on purpose, moved once in a while and not with every piece that is sent.
        """
        due_seconds = self._last_sent + self._plan.limits.commit_after_seconds - self._clock()
        if due_seconds <= 0:
            due_seconds = self._plan.limits.commit_after_seconds
            self._beat = asyncio.ensure_future(self._send_heartbeat())
        self._timer = asyncio.get_running_loop().call_later(due_seconds, self.keep_alive)

    async def _send_heartbeat(self) -> None:
        pause = self.write(self._made().heartbeat())
        if pause is not None:
            await pause

    def let_die(self) -> None:
        """No heartbeats any more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._beat is not None:
            self._beat.cancel()

    def problem(self, error: ProblemError) -> bytes:
        """An explicit error in the client's format; nothing may follow it."""
        return self._made().problem(
            Problem(kind=error.kind, message=error.message, request_id=self._exchange.id, param=error.param)
        )

    def close(self) -> None:
        """Part with the delivery and the climb, which point back here: all are then freed at once."""
        self.climb = None
        del self.delivery

    def conclude(self, response: ModelResponse, attempt: int) -> bytes:
        """The rest of the answer that this attempt gave; where nothing has gone out all of it, naming its model."""
        if self._encoder is None and self.climb is not None:
            self._encoder = self._encoder_for(self.climb.rung_of(attempt))
        return self.delivery.conclude(response)

    def _encode(self, events: Sequence[StreamEvent]) -> bytes:
        return self._made().encode(events)

    def _made(self) -> StreamEncoder:
        if self._encoder is None:
            self._encoder = self._encoder_for(self.committed_rung)
        return self._encoder

    def _encoder_for(self, rung: Rung | None) -> StreamEncoder:
        stamp = self._stamp
        if rung is not None:
            stamp = msgspec.structs.replace(stamp, model=rung.deployment.model.name)
        return self._make_encoder(self._request, stamp)
