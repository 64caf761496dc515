"""Quirks are data that somebody can check."""

from datetime import date
from typing import get_args

import pytest

from tiercel.policy import settings_tables
from tiercel.wire.quirks import GENERIC, QUIRKS, quirks_named


@pytest.mark.parametrize("name", sorted(QUIRKS))
def test_each_entry_says_from_where_and_when(name: str) -> None:
    entry = QUIRKS[name]
    assert entry.source.startswith("https://") or entry is GENERIC
    assert date.fromisoformat(entry.date) <= date(2026, 12, 31)


def test_the_configuration_knows_exactly_these_names() -> None:
    assert set(get_args(settings_tables.Quirks)) == set(QUIRKS)


def test_an_unknown_server_gets_the_careful_defaults() -> None:
    assert quirks_named("somebody's own") is GENERIC
