"""What several pages read from the records."""

from tiercel.gateway.dashboard.period import Range
from tiercel.gateway.dashboard.view import Visitor
from tiercel.records.tally import Tallies


def answers_in(
    visitor: Visitor, wanted: Range, *, model: str | None = None, percentiles: bool = True
) -> Tallies:
    """Where requests and calls of this time went, of the visitor's project; nothing before the first request."""
    # SQLAlchemy takes long to load
    from tiercel.records.query import is_empty
    from tiercel.records.series import load_answers

    home = visitor.home
    if home.database_url is None and is_empty(home.folder):
        return {}
    return load_answers(
        home.folder,
        since=wanted.since,
        until=wanted.until,
        project=visitor.caller.project,
        model=model,
        percentiles=percentiles,
        is_open=wanted.live,
        database_url=home.database_url,
    )
