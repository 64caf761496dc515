"""The bytes of one streamed answer: an encoder of the client's format, made when the answering model is known."""

from collections.abc import Callable, Sequence

import msgspec

from tiercel.domain.climb import Plan, Rung
from tiercel.domain.errors import ProblemError
from tiercel.domain.events import StreamEvent
from tiercel.domain.request import ModelRequest
from tiercel.domain.response import Stamp
from tiercel.engine.delivery import Delivery
from tiercel.wire.codec import Codec, Problem, StreamEncoder


class ClientStream:
    """Ties a delivery to the client's format. `rung_of` is set by the endpoint once the climb exists."""

    def __init__(
        self, codec: Codec, request: ModelRequest, plan: Plan, stamp: Stamp, clock: Callable[[], float]
    ) -> None:
        self._codec = codec
        self._request = request
        self._stamp = stamp
        self._encoder: StreamEncoder | None = None
        self.rung_of: Callable[[int], Rung | None] = lambda number: None
        self.delivery = Delivery(self._encode, hold=plan.holds, clock=clock)

    @property
    def committed_rung(self) -> Rung | None:
        """The rung whose content the client is receiving."""
        return self.rung_of(self.delivery.committed) if self.delivery.committed is not None else None

    def heartbeat(self) -> bytes:
        return self._made().heartbeat()

    def problem(self, error: ProblemError, request_id: str) -> bytes:
        """An explicit error in the client's format; nothing may follow it."""
        return self._made().problem(
            Problem(kind=error.kind, message=error.message, request_id=request_id, param=error.param)
        )

    def _encode(self, events: Sequence[StreamEvent]) -> bytes:
        return self._made().encode(events)

    def _made(self) -> StreamEncoder:
        if self._encoder is None:
            rung = self.committed_rung
            stamp = self._stamp
            if rung is not None:
                stamp = msgspec.structs.replace(stamp, model=rung.deployment.model.name)
            self._encoder = self._codec.stream_encoder(self._request, stamp)
        return self._encoder
