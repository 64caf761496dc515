"""What both files' tables are made of: named forms of values, and how descriptions are attached."""

import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
CATALOG_NAME = r"^[^@\s]+$"
LADDER_ENTRY = r"^[^@\s]+(@[a-z]+)?$"
DATE = r"^\d{4}-\d{2}-\d{2}$"
FORMS = {
    NAME: "letters, digits, '.', '_' and '-', beginning with a letter or digit",
    CATALOG_NAME: "a name without spaces and '@'",
    LADDER_ENTRY: "a name, or name@effort, without spaces",
    DATE: "a date such as 2026-10-01",
}
"""The patterns in words."""

Name = Annotated[str, Meta(pattern=NAME)]
"""The name of a tier, rule, gate or provider."""
CatalogName = Annotated[str, Meta(pattern=CATALOG_NAME)]
"""The name of a model or deployment; `@` is kept for efforts."""
FilledText = Annotated[str, Meta(min_length=1)]
Date = Annotated[str, Meta(pattern=DATE)]
"""A day as text; `date_complaint` says whether the calendar has it."""
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Positive = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Share = Annotated[float, Meta(ge=0, le=1)]
Amount = Annotated[float, Meta(ge=0, le=1_000_000)]
"""Dollars, or a weight. The bound keeps nano-dollars within 64 bits."""


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of a file. Fields left out are `None` where their default depends on something else."""


def date_complaint(date: str) -> str | None:
    """What is wrong with a day of the right form, such as 2026-02-30; `None` where the calendar has it."""
    try:
        datetime.date.fromisoformat(date)
    except ValueError:
        return "the calendar has no such day; write one such as 2026-10-01"
    return None
