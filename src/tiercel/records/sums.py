"""All sums that are kept of records, in each way in which reports ask for them. Arithmetic only.

A new way is a dictionary here, its cell and what adds a record to it in a module of its own, and a `Family` in
`rollups.py` with its table and migration.
"""

from collections.abc import Iterable, Mapping

from tiercel.domain.record import Feedback, Record
from tiercel.records.check_tally import CheckTallies, add_checks
from tiercel.records.tally import (
    Amounts,
    Judged,
    Key,
    Name,
    SessionTallies,
    Tallies,
    Tally,
    add_record,
    at,
    judged,
    merge_into,
    opinion_amounts,
)
from tiercel.records.uses import BORDERS, Uses, add_use


class Sums:
    """`answers` by where requests and calls went, `sessions` by who asked, `uses` by what answers took, `checks` by
    what checks did."""

    __slots__ = ("_borders", "answers", "checks", "sessions", "uses")

    def __init__(self, borders: tuple[int, ...] = BORDERS) -> None:
        self.answers: Tallies = {}
        self.sessions: SessionTallies = {}
        self.uses: Uses = {}
        self.checks: CheckTallies = {}
        self._borders = borders

    def add(self, record: Record, said: Feedback | None = None) -> None:
        """Adds a record, and the feedback that counts of it."""
        add_record(self.answers, self.sessions, record)
        add_use(self.uses, record, self._borders)
        add_checks(self.checks, record)
        if said is not None:
            self.add_opinion(judged(record), said)

    def add_opinion(self, about: Judged, said: Feedback) -> None:
        """Adds the feedback that counts of a record."""
        self._count(about, opinion_amounts(about, said))

    def take_back_opinion(self, about: Judged, said: Feedback) -> None:
        """Takes away feedback in whose place another came."""
        self._count(about, [(name, -amount) for name, amount in opinion_amounts(about, said)])

    def _count(self, about: Judged, amounts: Amounts) -> None:
        if amounts:
            at(self.answers, about.cell).count(amounts)
            if about.session is not None:
                at(self.sessions, about.session).count(amounts)

    def take_back_interrupted(self, record: Record, said: Feedback | None = None) -> None:
        """Takes away a record that was only known as interrupted, and so has nothing in a sketch."""
        alone = Sums()
        alone.add(record, said)
        _subtract(self.answers, alone.answers)
        _subtract(self.sessions, alone.sessions)
        _subtract(self.uses, alone.uses)
        _subtract(self.checks, alone.checks)

    def merge(self, other: "Sums") -> None:
        """Adds what the other has, which is left as it is."""
        merge_into(self.answers, other.answers)
        merge_into(self.sessions, other.sessions)
        merge_into(self.uses, other.uses)
        merge_into(self.checks, other.checks)


def sums_of(
    records: Iterable[Record],
    feedback: Mapping[str, Feedback] | None = None,
    borders: tuple[int, ...] = BORDERS,
) -> Sums:
    """The sums of these records; `feedback` is the one that counts of each, by its record's id."""
    sums = Sums(borders)
    said = feedback or {}
    for record in records:
        sums.add(record, said.get(record.id))
    return sums


def _subtract(tallies: dict[Key, Tally[Name]], less: Mapping[Key, Tally[Name]]) -> None:
    for cell, tally in less.items():
        at(tallies, cell).counts.subtract(tally.counts)
