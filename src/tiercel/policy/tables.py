"""What both files' tables are made of: named forms of values, and how descriptions are attached."""

from typing import Annotated

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""The name of a tier, rule, gate or provider."""
CatalogName = Annotated[str, Meta(pattern=r"^[^@\s]+$")]
"""The name of a model or deployment: anything without white space and `@`, which is kept for efforts."""
FilledText = Annotated[str, Meta(min_length=1)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Amount = Annotated[float, Meta(ge=0)]


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of a file. Fields left out are `None` where their default depends on something else."""
