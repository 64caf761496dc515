"""What every part of a climb cost: each call, check and repair as a charge of tokens, nano-dollars and seconds.

Nothing is recorded twice: a record's attempts and verdicts are its charges, put in order here.
"""

from typing import Literal

import msgspec

from tiercel.domain.climb import Why
from tiercel.domain.record import AttemptRecord, Record

Kind = Why | Literal["check", "repair"]


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was paid for. `name` is the rung, the check, or the repair's steps; `attempt` is the call that it
    is, or whose answer it measured or mended. `nano` is `None` where a price is unknown; checks of our own are free.

    `seconds` is how long it took; the time of a repair is in its check's.
    """

    kind: Kind
    name: str
    attempt: int
    tokens: int = 0
    nano: int | None = 0
    seconds: float = 0.0


def charges(record: Record) -> list[Charge]:
    """The charges of a request, in the order of its attempts. Their dollars add up to the record's."""
    found: list[Charge] = []
    for attempt in record.attempts:
        found.append(_call(attempt))
        for verdict in attempt.verdicts:
            found.append(
                Charge(kind="check", name=verdict.check, attempt=attempt.number, seconds=verdict.seconds)
            )
            if verdict.repairs:
                steps = ", ".join(verdict.repairs)
                found.append(Charge(kind="repair", name=steps, attempt=attempt.number))
    return found


def _call(attempt: AttemptRecord) -> Charge:
    usage = attempt.usage
    return Charge(
        kind=attempt.why,
        name=attempt.rung,
        attempt=attempt.number,
        tokens=0 if usage is None else usage.input + usage.output,
        nano=0 if usage is None else attempt.cost_nano,
        seconds=attempt.seconds,
    )
