"""What each check did, what it cost, and what it saved: the account of second opinions, judges, tests and the rest.

The comparison is with a policy that always asks the next rung. It knows only what was paid: an answer that a check let
go and that was wrong is a saving here, and a loss to whoever reads it.
"""

from collections import defaultdict
from collections.abc import Mapping

import msgspec

from tiercel.records.check_tally import MICROSECONDS, CheckCell, CheckTally

ALL_RUNGS = "all"


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the answers that a check measured.

    `errors` are those that it could not measure, `missed` those that did not pass its gate, `changed` those in whose
    place the client got something else because of it. Right after a miss the same rung was `re_asked`, or the next one
    (`escalated`); or another's answer was `elected`. `repaired` are those that it mended itself.
    """

    measured: int
    simulated: int
    errors: int
    missed: int
    changed: int
    re_asked: int
    escalated: int
    elected: int
    repaired: int


class Caused(msgspec.Struct, frozen=True, kw_only=True):
    """What a check cost: `asked` opinions and judges, and `calls` of the ladder after answers that missed its gate.

    `own_seconds` is its own time, with how long answers waited for opinions or a judge; `calls_seconds` that of the
    calls. `unpriced` calls have no known price and are left out of the dollars.
    """

    asked: int
    asked_nano: int
    calls: int
    calls_nano: int
    total_nano: int
    own_seconds: float
    calls_seconds: float
    unpriced: int


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """Against always asking the next rung, where there is one and prices are known.

    `kept` climbs ended here, since the check let the answer go or elected another; they cost `kept_nano`, and their
    tokens would have cost `next_nano` at the next rung: `saved_nano` is the difference. `sent_on` answers went up for
    its sake; what they had cost, and opinions in vain, is `lost_nano`. `net_nano` is what was saved less what was lost.
    """

    kept: int
    kept_nano: int
    next_nano: int
    saved_nano: int
    sent_on: int
    lost_nano: int
    net_nano: int


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One check at one rung; `rung` is `all` for the check altogether."""

    check: str
    rung: str
    done: Done
    caused: Caused
    saved: Saved


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A line for each check, and one for each of its rungs, most answers first. `since` and `until` are the first and
    the last start of a request that a check measured, in Unix seconds; `None` where none did."""

    checks: tuple[Line, ...]
    rungs: tuple[Line, ...]
    since: float | None
    until: float | None


def account_of(tallies: Mapping[CheckCell, CheckTally]) -> Account:
    """The account of what was tallied."""
    total = CheckTally()
    by_check: defaultdict[str, CheckTally] = defaultdict(CheckTally)
    by_rung: defaultdict[tuple[str, str], CheckTally] = defaultdict(CheckTally)
    for cell, tally in tallies.items():
        if any(tally.counts.values()):
            by_check[cell.check_name].merge(tally)
            by_rung[cell.check_name, cell.rung].merge(tally)
            total.merge(tally)
    checks = sorted((_line(name, ALL_RUNGS, tally) for name, tally in by_check.items()), key=_most_first)
    place = {line.check: number for number, line in enumerate(checks)}
    rungs = (_line(check, rung, tally) for (check, rung), tally in by_rung.items())
    return Account(
        checks=tuple(checks),
        rungs=tuple(sorted(rungs, key=lambda line: (place[line.check], *_most_first(line)))),
        since=total.edges.get("first_at"),
        until=total.edges.get("last_at"),
    )


def _most_first(line: Line) -> tuple[int, str, str]:
    return -line.done.measured, line.check, line.rung


def _line(check: str, rung: str, tally: CheckTally) -> Line:
    counts = tally.counts
    saved_nano = counts["next_nano"] - counts["kept_nano"]
    return Line(
        check=check,
        rung=rung,
        done=Done(
            measured=counts["measured"],
            simulated=counts["measured_simulated"],
            errors=counts["errors"],
            missed=counts["missed"],
            changed=counts["changed"],
            re_asked=counts["re_asked"],
            escalated=counts["escalated"],
            elected=counts["elected"],
            repaired=counts["repaired"],
        ),
        caused=Caused(
            asked=counts["asked"],
            asked_nano=counts["asked_nano"],
            calls=counts["caused"],
            calls_nano=counts["caused_nano"],
            total_nano=counts["asked_nano"] + counts["caused_nano"],
            own_seconds=counts["own_microseconds"] / MICROSECONDS,
            calls_seconds=counts["caused_microseconds"] / MICROSECONDS,
            unpriced=counts["unpriced"],
        ),
        saved=Saved(
            kept=counts["kept"],
            kept_nano=counts["kept_nano"],
            next_nano=counts["next_nano"],
            saved_nano=saved_nano,
            sent_on=counts["sent_on"],
            lost_nano=counts["sent_on_nano"],
            net_nano=saved_nano - counts["sent_on_nano"],
        ),
    )
