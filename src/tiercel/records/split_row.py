"""One request of a split as a short row: what arms are compared by, of hundreds of thousands at once."""

from typing import Literal, NamedTuple

from tiercel.domain.measured import is_priced
from tiercel.domain.record import Feedback, Outcome, Record
from tiercel.domain.session import session_key

Opinion = Literal["accepted", "rejected"]


class SplitRow(NamedTuple):
    """`unit` is who was given the arm, `cluster` what is no independent evidence of its own: the unit, else the
    session. `complete` says that every arm could have been given. `cost_nano` is `None` where a price is unknown;
    `opinion` is the user's last one."""

    id: str
    started_at: float
    rule: str
    split: str
    arm: str | None
    propensity: float | None
    complete: bool
    unit: str
    cluster: str
    outcome: Outcome
    seconds: float
    cost_nano: int | None
    opinion: Opinion | None
    simulated: bool


def row_of(record: Record, said: Feedback | None) -> SplitRow:
    """The row of a record that was in a split."""
    assert record.split is not None, "the record was in no split"
    return SplitRow(
        id=record.id,
        started_at=record.started_at,
        rule=record.rule,
        split=record.split,
        arm=record.arm,
        propensity=record.propensity,
        complete=not record.arms_out,
        unit=record.split_unit or record.id,
        cluster=record.split_unit or session_key(record.session, record.project, record.key_id) or record.id,
        outcome=record.outcome,
        seconds=record.seconds,
        cost_nano=record.cost_nano if is_priced(record) else None,
        opinion=None if said is None else said.verdict,
        simulated=record.simulated,
    )
