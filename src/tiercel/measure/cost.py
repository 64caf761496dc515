"""What it cost, and what a successful task cost; an unknown price never counts as zero."""

from collections.abc import Sequence

import msgspec

from tiercel.domain.measured import is_priced
from tiercel.domain.record import Record


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Nano-dollars. `known_nano` is the sum of all attempts whose price is known, failed ones included; `unknown`
    counts the requests with an attempt whose price is not. `per_success_nano` divides all of it by the successful
    tasks: `None` without any, and `None` while the cost of a request is unknown."""

    known_nano: int
    unknown: int
    per_success_nano: int | None


def cost(records: Sequence[Record], successes: int) -> Cost:
    """The cost of these records, of which so many were successful tasks."""
    total = sum(record.cost_nano for record in records)
    return cost_of(total, sum(not is_priced(record) for record in records), successes)


def cost_of(known_nano: int, unknown: int, successes: int) -> Cost:
    """The same from their sum and the number of those whose cost is not known."""
    per_success = round(known_nano / successes) if successes and not unknown else None
    return Cost(known_nano=known_nano, unknown=unknown, per_success_nano=per_success)
