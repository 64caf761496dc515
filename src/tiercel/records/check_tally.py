"""What checks did in many records, by check and rung: counts and sums, which add up. Arithmetic only.

A call is charged to the check that brought it about: an opinion or a judge to the check that asked it, a call of the
ladder to the check whose gate the answer before it missed; first calls, and what failures alone led to, to nobody.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple, TypeAlias, get_args

from tiercel.domain.climb import ASIDE, Verdict
from tiercel.domain.measured import is_priced
from tiercel.domain.record import DELIVERED, AttemptRecord, Record
from tiercel.records.tally import Tally, at

CheckCount = Literal[
    # of answers, which stand at the rung that gave them
    "measured",
    "measured_simulated",
    "errors",
    "missed",
    "changed",
    "re_asked",
    "escalated",
    "elected",
    "repaired",
    # of calls that the check brought about, which stand at the rung of the answer that it measured
    "asked",
    "asked_nano",
    "caused",
    "caused_nano",
    "unpriced",
    "own_microseconds",
    "caused_microseconds",
    # against always asking the next rung
    "kept",
    "kept_nano",
    "next_nano",
    "sent_on",
    "sent_on_nano",
]
"""What is counted and kept.

`missed` are answers that did not pass its gate, `changed` those in whose place the client got something else: another
answer, an error, or the same one repaired. `re_asked` and `escalated` say what came right after a miss.
`own_microseconds` is the check's own time, with how long an answer waited for opinions.
`kept` are answers that it let go, or had another elected for, so that the next rung was not asked; `kept_nano` is what
those climbs cost, `next_nano` what their tokens would have cost at the next rung. `sent_on` are answers that it did not
let go; `sent_on_nano` is what they cost, and the opinions and judges of all climbs that are not kept. `unpriced` are
calls whose price is unknown, and which the sums leave out.
"""
CHECK_COUNTS: tuple[CheckCount, ...] = get_args(CheckCount)
MICROSECONDS = 1_000_000


class CheckCell(NamedTuple):
    """What is counted together."""

    project: str
    check_name: str
    rung: str


CheckTally: TypeAlias = Tally[CheckCount]
CheckTallies: TypeAlias = dict[CheckCell, CheckTally]


def tally_checks(records: Iterable[Record]) -> CheckTallies:
    """The tallies of these records."""
    tallies: CheckTallies = {}
    for record in records:
        add_checks(tallies, record)
    return tallies


def add_checks(tallies: CheckTallies, record: Record) -> None:
    """Adds what checks did in one record."""
    for attempt in record.attempts:
        for verdict in attempt.verdicts:
            _add_verdict(_at(tallies, record, verdict.check, attempt).counts, record, attempt, verdict)
    if len(record.attempts) > 1:
        _add_causes(tallies, record)
    for check, about, asides in _asides(record):
        _add_asides(_at(tallies, record, check, about).counts, record, check, about, asides)


def _add_causes(tallies: CheckTallies, record: Record) -> None:
    """Adds what calls were made because of a miss, to the check that was missed."""
    causes = _causes(record)
    next_whys = {cause.number: number for number, cause in reversed(causes.items())}
    whys = {attempt.number: attempt.why for attempt in record.attempts}
    for attempt in record.attempts:
        after = whys.get(next_whys.get(attempt.number, 0))
        for verdict in attempt.verdicts:
            if attempt.missed == verdict.check:
                counts = _at(tallies, record, verdict.check, attempt).counts
                counts["re_asked"] += after == "re_ask"
                counts["escalated"] += after == "escalation"
        cause = causes.get(attempt.number)
        if cause is not None and cause.missed is not None:
            _add_caused(_at(tallies, record, cause.missed, cause).counts, attempt)


def _add_verdict(
    counts: Counter[CheckCount], record: Record, attempt: AttemptRecord, verdict: Verdict
) -> None:
    delivers = attempt.number == record.delivered
    missed = attempt.missed == verdict.check
    elects = verdict.elects is not None and verdict.elects == record.delivered
    gave_way = missed and attempt.why not in ASIDE and not delivers and _ended_by_us(record)
    counts["measured"] += 1
    counts["own_microseconds"] += round(verdict.seconds * MICROSECONDS)
    if attempt.simulated:
        counts["measured_simulated"] += 1
    if verdict.error is not None:
        counts["errors"] += 1
    if missed:
        counts["missed"] += 1
    if verdict.repairs:
        counts["repaired"] += 1
    if elects:
        counts["elected"] += 1
    if gave_way or elects or (delivers and verdict.repairs):
        counts["changed"] += 1
    if attempt.next_nano is None:
        return
    if _keeps(record, attempt, verdict):
        counts["kept"] += 1
        counts["kept_nano"] += record.cost_nano
        counts["next_nano"] += attempt.next_nano
    elif gave_way and not _was_outvoted(record, attempt):
        counts["sent_on"] += 1
        counts["sent_on_nano"] += attempt.cost_nano or 0


def _ended_by_us(record: Record) -> bool:
    """Whether the policy decided what the client got, and neither the client's leaving nor a break."""
    return record.outcome in DELIVERED or record.outcome == "withheld"


def _was_outvoted(record: Record, attempt: AttemptRecord) -> bool:
    """Whether opinions had another answer delivered in place of this one, so that nobody dearer was asked."""
    return any(
        verdict.elects is not None and verdict.elects == record.delivered for verdict in attempt.verdicts
    )


def _keeps(record: Record, attempt: AttemptRecord, verdict: Verdict) -> bool:
    """Whether this verdict left it at this rung, where there is a next one and all prices are known."""
    if attempt.next_nano is None or verdict.error is not None or not is_priced(record):
        return False
    if verdict.elects is not None and verdict.elects == record.delivered:
        return True
    return attempt.missed is None and attempt.number == record.delivered and attempt.why not in ASIDE


def _add_caused(counts: Counter[CheckCount], call: AttemptRecord) -> None:
    counts["caused"] += 1
    counts["caused_nano"] += call.cost_nano or 0
    counts["unpriced"] += _is_unpriced(call)
    counts["caused_microseconds"] += _microseconds(call.seconds)


def _add_asides(
    counts: Counter[CheckCount],
    record: Record,
    check: str,
    about: AttemptRecord,
    asides: list[AttemptRecord],
) -> None:
    verdict = next((verdict for verdict in about.verdicts if verdict.check == check), None)
    cost = sum(aside.cost_nano or 0 for aside in asides)
    counts["asked"] += len(asides)
    counts["asked_nano"] += cost
    counts["unpriced"] += sum(map(_is_unpriced, asides))
    if verdict is None or not _keeps(record, about, verdict):
        counts["sent_on_nano"] += cost
    opinions = [aside for aside in asides if aside.why == "opinion"]
    if verdict is not None and opinions:  # a judge's time is in the check's own
        last = max(opinion.began_seconds + opinion.seconds for opinion in opinions)
        waited = last - about.began_seconds - about.seconds
        counts["own_microseconds"] += _microseconds(max(0.0, waited))


def _causes(record: Record) -> dict[int, AttemptRecord]:
    """By call of the ladder, in their order, the answer because of whose miss it was made. A hedge was made for the
    reason of the call beside which it ran."""
    causes: dict[int, AttemptRecord] = {}
    missed: AttemptRecord | None = None
    before = 0
    for attempt in record.attempts:
        if attempt.why in ASIDE:
            continue
        cause = causes.get(before) if attempt.why == "hedge" else missed
        if cause is not None:
            causes[attempt.number] = cause
        if attempt.missed is not None:
            missed = attempt
        before = attempt.number
    return causes


def _asides(record: Record) -> Iterator[tuple[str, AttemptRecord, list[AttemptRecord]]]:
    """The calls beside the ladder, by check and by the answer that they were about."""
    if all([attempt.asked_by is None for attempt in record.attempts]):
        return
    found: dict[tuple[str, int], list[AttemptRecord]] = {}
    answers: dict[int, AttemptRecord] = {}
    for attempt in record.attempts:
        if attempt.asked_by is not None:
            about = _about(record, attempt, attempt.asked_by)
            answers[about.number] = about
            found.setdefault((attempt.asked_by, about.number), []).append(attempt)
    for (check, number), asides in found.items():
        yield check, answers[number], asides


def _about(record: Record, aside: AttemptRecord, check: str) -> AttemptRecord:
    """The answer that the check measured with this call's help; where it came to measure none, the one that it would
    have: of opinions the first call's, of a judge and its like the last one's before it."""
    climbed = [one for one in record.attempts if one.why not in ASIDE]
    if aside.why != "opinion":
        climbed = [one for one in reversed(climbed) if one.number < aside.number]
    measured = (one for one in climbed if any(verdict.check == check for verdict in one.verdicts))
    return next(measured, climbed[0] if climbed else aside)


def _at(tallies: CheckTallies, record: Record, check: str, attempt: AttemptRecord) -> CheckTally:
    tally = at(tallies, CheckCell(record.project, check, attempt.rung))
    tally.saw(record.started_at)
    return tally


def _is_unpriced(call: AttemptRecord) -> bool:
    return call.cost_nano is None and (call.usage is not None or call.state == "answered")


def _microseconds(seconds: float) -> int:
    return round(seconds * MICROSECONDS)
