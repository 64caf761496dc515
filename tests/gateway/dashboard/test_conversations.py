"""Commands that stay: each answers as often as it is asked, says why it cannot, and ends when nobody asks."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.dashboard.pages import talking
from tests.gateway.dashboard.trying import eight_items, lay_run
from tiercel.domain.errors import ConfigError
from tiercel.gateway.dashboard.conversations import Conversations

WAIT_SECONDS = 60.0


@pytest.fixture
def words(tmp_path: Path) -> tuple[str, ...]:
    return ("eval", "label", str(lay_run(tmp_path, eight_items())), "--labeller", "ana", "--json", "--follow")


def test_who_asks_first_need_not_wait(words: tuple[str, ...]) -> None:
    talks = Conversations()
    try:
        assert talks.ask(*words, line={}, wait_seconds=0.0) is None
        sheet: Any = talks.ask(*words, line={})
        said: Any = talks.ask(*words, line={"sheet": sheet["sheet"]["id"], "say": "right"})
        assert (sheet["done"], said["done"]) == (0, 1)
    finally:
        talks.end()


def test_a_line_that_it_cannot_take_is_told_and_it_stays(words: tuple[str, ...]) -> None:
    talks = Conversations()
    try:
        for line in ({"sheet": "nobody"}, {"say": "nonsense"}, {"more": 1}, {"say": "right"}):
            with pytest.raises(ConfigError):
                talks.ask(*words, line=line)
        assert talks.ask(*words, line={}) is not None
        assert len(talking()) == 1
    finally:
        talks.end()


def test_a_command_that_cannot_begin_says_why_each_time(tmp_path: Path) -> None:
    talks = Conversations()
    for _ in range(2):
        with pytest.raises(ConfigError, match="no such run"):
            talks.ask("eval", "label", str(tmp_path / "none"), "--json", "--follow", line={})
    assert not talking()


def test_the_one_asked_longest_ago_makes_room(words: tuple[str, ...]) -> None:
    talks = Conversations(most=1)
    try:
        talks.ask(*words, line={})
        (first,) = talking()
        talks.ask(*words, "--models", "deep", line={})
        assert first not in talking()
        assert len(talking()) == 1
    finally:
        talks.end()


def test_one_that_nobody_asks_is_ended_and_begun_anew(words: tuple[str, ...]) -> None:
    talks = Conversations(idle_seconds=0.5)
    try:
        talks.ask(*words, line={})
        began = time.monotonic()
        while talking() and time.monotonic() < began + WAIT_SECONDS:
            time.sleep(0.01)
        assert not talking()
        assert talks.ask(*words, line={}) is not None
    finally:
        talks.end()
