"""What commands work out for pages: kept as long as what it was worked out from, and nobody waits for it."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.shadow_setting import registered
from tiercel.domain.errors import ConfigError
from tiercel.gateway.dashboard.commands import Commands

WAIT_SECONDS = 60.0


def status(commands: Commands, folder: Path, stamp: str = "", wait_seconds: float = WAIT_SECONDS) -> Any:
    data = str(folder / "tiercel-data")
    return commands.json("shadow", "status", "--json", "--data", data, stamp=stamp, wait_seconds=wait_seconds)


def test_a_page_does_not_wait_and_the_next_one_has_it(tmp_path: Path) -> None:
    commands, run = Commands(), registered(tmp_path)
    assert status(commands, tmp_path, wait_seconds=0.0) is None
    (told,) = status(commands, tmp_path)["runs"]
    assert told["registered"]["id"] == run.id


def test_it_is_worked_out_anew_only_where_something_changed(tmp_path: Path) -> None:
    commands = Commands()
    registered(tmp_path)
    assert len(status(commands, tmp_path, "1")["runs"]) == 1
    registered(tmp_path, candidate="large")
    assert len(status(commands, tmp_path, "1")["runs"]) == 1
    assert len(status(commands, tmp_path, "2")["runs"]) == 2


def test_what_has_aged_long_ago_is_not_shown(tmp_path: Path) -> None:
    commands = Commands(kept_seconds=0.0, rests=0.0)
    registered(tmp_path)
    status(commands, tmp_path)
    assert status(commands, tmp_path, wait_seconds=0.0) is None


def test_a_command_that_cannot_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing was recorded here yet"):
        status(Commands(), tmp_path)
