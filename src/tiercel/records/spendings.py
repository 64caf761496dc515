"""What keys and projects cost, by UTC day and server: kept by ingest in the transaction of the records.

So each record counts once, whoever asks, and budgets begin without reading records. Each server adds to rows of its
own: none waits for another. Loads SQLAlchemy.
"""

from collections import Counter
from collections.abc import Iterable

from sqlalchemy import Connection, delete
from sqlalchemy.dialects import postgresql, sqlite

from tiercel.domain.record import Record
from tiercel.records.owners import DAY_SECONDS, owners_of
from tiercel.records.rows import bounded
from tiercel.records.schema import spendings

KEPT_SECONDS = 32 * DAY_SECONDS
"""Days of the present month stay when records are forgotten: budgets are counted from them."""


def add_spendings(connection: Connection, instance: str, records: Iterable[Record]) -> None:
    """Adds what these records cost, which were not there before."""
    by_key: Counter[tuple[str, str, int]] = Counter()
    for record in records:
        if record.key_id and (cost := record.cost_nano):
            by_key[record.key_id, record.project, int(record.started_at // DAY_SECONDS) * DAY_SECONDS] += cost
    costs: Counter[tuple[str, int]] = Counter()
    for (key_id, project, day), cost in by_key.items():
        for owner in owners_of(key_id, project):
            costs[owner, day] += cost
    if not costs:
        return
    kind = postgresql if connection.dialect.name == "postgresql" else sqlite
    new = kind.insert(spendings)
    added = new.on_conflict_do_update(
        index_elements=["owner", "day_at", "instance"],
        set_={"cost_nano": spendings.c.cost_nano + new.excluded.cost_nano},
    )
    rows = [
        {"owner": owner, "day_at": day, "instance": instance, "cost_nano": bounded(cost)}
        for (owner, day), cost in costs.items()
    ]
    connection.execute(added, rows)


def forget_spendings(connection: Connection, before: float) -> None:
    """Drops days long before (Unix seconds)."""
    connection.execute(delete(spendings).where(spendings.c.day_at < before - KEPT_SECONDS))
