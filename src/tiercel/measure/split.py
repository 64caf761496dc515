"""What each arm of a split has to show: its requests sorted into what counts and what does not, and listed for
whoever compares them. Arithmetic on rows."""

from collections.abc import Iterable, Sequence

import msgspec

from tiercel.domain.record import DELIVERED
from tiercel.records.split_row import SplitRow

SAME = 1e-9
"""Propensities nearer than this are those of the same shares."""


class ArmSample(msgspec.Struct, frozen=True, kw_only=True):
    """The requests that count of one arm; each list of values stands beside one of what they belong to.

    `units` is how many were given the arm, `keepers` how many of them are sessions or users who keep it. `costs_nano`
    has the requests whose cost is known, `unpriced` counts the others. `seconds` are those of delivered answers.
    """

    name: str
    share: float
    units: int
    keepers: int
    successes: tuple[bool, ...]
    clusters: tuple[str, ...]
    opinions: tuple[bool, ...]
    opinion_clusters: tuple[str, ...]
    costs_nano: tuple[int, ...]
    unpriced: int
    seconds: tuple[float, ...]
    second_clusters: tuple[str, ...]

    @property
    def requests(self) -> int:
        return len(self.successes)


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One split. Of the `requests` that were in it `counted` are compared: those that could have been given any arm,
    since the shares last changed. `incomplete` could not be given each, `earlier` came before that change.

    `since` and `until` are when the first and last of those that count started, Unix seconds.
    """

    split: str
    rules: tuple[str, ...]
    requests: int
    incomplete: int
    earlier: int
    simulated: int
    since: float | None
    until: float | None
    arms: tuple[ArmSample, ...]

    @property
    def counted(self) -> int:
        return sum(arm.requests for arm in self.arms)


def trials(rows: Iterable[SplitRow]) -> tuple[Trial, ...]:
    """The splits that these rows are of, by name. The rows come in any order."""
    by_split: dict[str, list[SplitRow]] = {}
    for row in rows:
        by_split.setdefault(row.split, []).append(row)
    return tuple(_trial(by_split[name]) for name in sorted(by_split))


def _trial(rows: list[SplitRow]) -> Trial:
    rows.sort(key=lambda row: (row.started_at, row.id), reverse=True)
    complete = [row for row in rows if row.complete and row.arm is not None]
    counted = of_last_shares(complete)
    by_arm: dict[str, list[SplitRow]] = {}
    for row in counted:
        by_arm.setdefault(row.arm or "", []).append(row)
    arms = [_sample(name, own) for name, own in by_arm.items()]
    return Trial(
        split=rows[0].split,
        rules=tuple(sorted({row.rule for row in rows})),
        requests=len(rows),
        incomplete=len(rows) - len(complete),
        earlier=len(complete) - len(counted),
        simulated=sum(row.simulated for row in rows),
        since=counted[-1].started_at if counted else None,
        until=counted[0].started_at if counted else None,
        arms=tuple(sorted(arms, key=lambda arm: (-arm.share, arm.name))),
    )


def of_last_shares(rows: Sequence[SplitRow]) -> Sequence[SplitRow]:
    """Those of complete rows, the latest first, that came since the shares last changed.

    Requests of other shares would not be comparable: an arm that had more of a week in which all was harder would look
    worse. That shares changed shows in an arm's propensity, or in an arm more than they have room for.
    """
    shares: dict[str, float] = {}
    for place, row in enumerate(rows):
        share = row.propensity or 0.0
        known = shares.setdefault(row.arm or "", share)
        if abs(known - share) > SAME or sum(shares.values()) > 1 + SAME * len(shares):
            return rows[:place]
    return rows


def _sample(name: str, rows: Sequence[SplitRow]) -> ArmSample:
    spoken = [row for row in rows if row.opinion is not None]
    delivered = [row for row in rows if row.outcome in DELIVERED]
    return ArmSample(
        name=name,
        share=rows[0].propensity or 0.0,
        units=len({row.unit for row in rows}),
        keepers=len({row.unit for row in rows if row.unit != row.id}),
        successes=tuple([is_success(row) for row in rows]),
        clusters=tuple([row.cluster for row in rows]),
        opinions=tuple([row.opinion == "accepted" for row in spoken]),
        opinion_clusters=tuple([row.cluster for row in spoken]),
        costs_nano=tuple([row.cost_nano for row in rows if row.cost_nano is not None]),
        unpriced=sum(row.cost_nano is None for row in rows),
        seconds=tuple([row.seconds for row in delivered]),
        second_clusters=tuple([row.cluster for row in delivered]),
    )


def is_success(row: SplitRow) -> bool:
    """A successful task, as `quality.is_success` says."""
    return row.outcome == "passed" and row.opinion != "rejected"
