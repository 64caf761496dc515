"""What can go wrong with a provider's answer, as values that change how the answer is sent. Pure.

A `Delivery` is an HTTP answer as it would be sent; `Fault.spoil` turns a good one into a bad one. Both servers of this
package (scripted provider and lab) send deliveries, so a fault means the same in both. `fault_kinds.py` has names for
the usual ones.
"""

import random
from collections.abc import Mapping

import msgspec

from tiercel.domain.request import Format
from tiercel.testing.delivery import Delivery, Ending
from tiercel.testing.odd_answers import HTML, OddAnswer, make_odd
from tiercel.testing.provider_errors import error_body, error_event, in_body


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that goes wrong. Fields that are not set change nothing.

    `status` answers with an error in the provider's format (`message`, `code`, `type`, `retry_after`). `body` is an
    answer of no use, such as "html", a login page with status 200, "nothing", an empty body, or "malformed", half a
    JSON text in the place of piece `after`. `error_in_stream` puts the format's error event after piece `after` (an
    answer that is no stream becomes an error with status 200), `cut` closes and `stall` falls silent there, `truncated`
    ends there as if all were well, `endless` goes on for ever with the last piece. `after` counts pieces (events of a
    stream, or tenths of any other body), from the end where it is negative. `no_head` with `cut` or `stall` lets it
    happen before the status line. `drip_seconds` sends byte by byte. `name` is what it is called.
    """

    name: str = ""
    status: int | None = None
    message: str = "simulated fault"
    code: str | None = None
    type: str | None = None
    retry_after: str | None = None
    headers: dict[str, str] = {}
    body: OddAnswer | None = None
    after: int = 0
    cut: bool = False
    stall: bool = False
    truncated: bool = False
    endless: bool = False
    no_head: bool = False
    error_in_stream: bool = False
    before_seconds: float = 0.0
    drip_seconds: float = 0.0

    def spoil(self, delivery: Delivery, format: Format) -> Delivery:
        """The delivery as this fault leaves it."""
        if self.status is not None:
            delivery = self._error(format, self.status)
        elif self.body is not None:
            delivery = make_odd(self.body, delivery, format, self.after)
        delivery = self._broken_off(delivery, format)
        if self.drip_seconds:
            single = tuple(bytes((byte,)) for piece in delivery.pieces for byte in piece)
            delivery = msgspec.structs.replace(delivery, pieces=single, gap_seconds=self.drip_seconds)
        headers = (*delivery.headers, *self.headers.items())
        before = delivery.before_seconds + self.before_seconds
        return msgspec.structs.replace(delivery, headers=headers, before_seconds=before)

    def _error(self, format: Format, status: int) -> Delivery:
        headers = [("content-type", "application/json")]
        if self.retry_after is not None and not in_body(format, self.retry_after):
            headers.append(("retry-after", self.retry_after))
        body = error_body(
            format, status, self.message, code=self.code, type=self.type, retry_after=self.retry_after
        )
        return Delivery(status=status, headers=tuple(headers), pieces=(body,))

    def _broken_off(self, delivery: Delivery, format: Format) -> Delivery:
        if self.error_in_stream:
            if not delivery.stream:
                body = error_body(format, 503, self.message, code=self.code)
                return Delivery(headers=delivery.headers, pieces=(body,))
            return self._until(delivery, "complete", (error_event(format, self.message, self.code),))
        if self.truncated:
            return msgspec.structs.replace(self._until(delivery, "complete"), length=None)
        ending: Ending = "cut" if self.cut else "stall" if self.stall else "endless"
        if self.cut or self.stall or self.endless:
            return self._until(delivery, ending)
        return delivery

    def _until(self, delivery: Delivery, ending: Ending, last: tuple[bytes, ...] = ()) -> Delivery:
        pieces = delivery.pieces if delivery.stream else _tenths(delivery.pieces)
        return msgspec.structs.replace(
            delivery,
            pieces=(*pieces[: self.after], *last),
            length=delivery.content_length,
            head=not self.no_head,
            ending=ending,
        )


class Chance(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that a share of a model's calls meet: all at a `rate` of 1."""

    fault: Fault
    rate: float = 1.0


class FaultScript:
    """Which call of which model goes wrong, in order: the first faults added for a model meet its first calls.

    `None` in the place of a fault lets one call through. Chances are drawn from `seed`, for each model apart, so that
    the same calls go wrong each time.
    """

    def __init__(
        self, faults: Mapping[str, tuple[Fault | None, ...]] | None = None, *, seed: int = 0
    ) -> None:
        self._waiting: dict[str, list[Fault | None]] = {
            name: list(row) for name, row in (faults or {}).items()
        }
        self._always: dict[str, Fault] = {}
        self._chances: dict[str, list[Chance]] = {}
        self._draws: dict[str, random.Random] = {}
        self._seed = seed

    def add(self, model: str, *faults: Fault | None) -> None:
        """Let the next calls of `model` (a model's name, or `*` for any) meet these faults."""
        self._waiting.setdefault(model, []).extend(faults)

    def always(self, model: str, fault: Fault | None) -> None:
        """Let every call of `model` meet this fault once its script is used up; `None` ends that."""
        self._always.pop(model, None)
        if fault is not None:
            self._always[model] = fault

    def sometimes(self, model: str, fault: Fault, rate: float) -> None:
        """Let this share of the calls of `model` meet the fault. Of several the first that comes true counts."""
        self._chances.setdefault(model, []).append(Chance(fault=fault, rate=rate))

    @property
    def chances(self) -> dict[str, tuple[Chance, ...]]:
        """What may happen to whose calls."""
        return {model: tuple(row) for model, row in self._chances.items()}

    def take(self, model: str) -> Fault | None:
        """The fault of this call, if any."""
        for name in (model, "*"):
            if self._waiting.get(name):
                return self._waiting[name].pop(0)
        return self._by_chance(model) or self._always.get(model, self._always.get("*"))

    def _by_chance(self, model: str) -> Fault | None:
        chances = (*self._chances.get(model, ()), *self._chances.get("*", ()))
        if not chances:
            return None
        draw = self._draws.setdefault(model, random.Random(f"{self._seed}|{model}"))  # noqa: S311 - a rehearsal, no secret
        drawn = [draw.random() < chance.rate for chance in chances]
        return next((chance.fault for chance, hit in zip(chances, drawn, strict=True) if hit), None)


def _tenths(pieces: tuple[bytes, ...]) -> tuple[bytes, ...]:
    whole = b"".join(pieces)
    step = max(1, -(-len(whole) // 10))
    return tuple(whole[start : start + step] for start in range(0, len(whole), step))


__all__ = ["HTML", "Chance", "Delivery", "Ending", "Fault", "FaultScript", "error_body", "error_event"]
