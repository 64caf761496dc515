"""A data folder of which anything was cut, zeroed or flipped: whoever opens it next has exactly what stood before the
damage in each segment, once, and says what was set aside."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.records.samples import feedback, record, started
from tiercel.domain.errors import ConfigError
from tiercel.domain.record import Feedback, JournalEntry, Record, Started
from tiercel.domain.settings import Storage
from tiercel.records.query import load_history
from tiercel.records.recorder import Recorder
from tiercel.records.segments import damaged_segments, frame, journal_folder, segments
from tiercel.records.store import Store

names = st.sampled_from([f"r{number}" for number in range(6)])
entries = st.one_of(
    st.builds(started, names), st.builds(record, names), st.builds(feedback, st.uuids().map(str), names)
)
logs = st.lists(st.lists(entries, max_size=6), min_size=1, max_size=4)


class Damage(NamedTuple):
    """What happens to one of the segments: where (as a share of its bytes), and what."""

    segment: int
    kind: str
    place: float
    length: int

    def done_to(self, data: bytes) -> bytes:
        at = int(self.place * len(data))
        if self.kind == "cut":
            return data[:at]
        if self.kind == "zeroed":
            return data[:at] + bytes(len(data[at : at + self.length])) + data[at + self.length :]
        return data[:at] + bytes(byte ^ (1 << self.length % 8) for byte in data[at : at + 1]) + data[at + 1 :]


damages = st.builds(
    Damage,
    segment=st.integers(0, 3),
    kind=st.sampled_from(["cut", "zeroed", "flipped"]),
    place=st.floats(0, 1, exclude_max=True),
    length=st.integers(1, 400),
)


def lay_down(
    path: Path, log: list[JournalEntry], taken: int, done: list[Damage]
) -> tuple[list[JournalEntry], bool]:
    """Write a segment of which a server that was killed had taken in some entries, and damage it.

    Returns the entries that must be found, and whether what had not been taken in is damaged.
    """
    frames = [frame(entry) for entry in log]
    if taken:
        store = Store(path.parents[1])
        store.insert(log[:taken], path.name, sum(map(len, frames[:taken])))
        store.close()
    data = b"".join(frames)
    for damage in done:
        data = damage.done_to(data)
    path.write_bytes(data)
    kept, end = taken, sum(map(len, frames[:taken]))
    while kept < len(log) and data[end : end + len(frames[kept])] == frames[kept]:
        end += len(frames[kept])
        kept += 1
    return log[:kept], len(data) > end


class Expected(NamedTuple):
    """What a reader must find: ids of records by outcome, and of feedback."""

    outcomes: dict[str, str]
    said: set[str]


def expected(kept: Iterable[JournalEntry], *, after_a_start: bool) -> Expected:
    """A request that only began is no record until the next server has taken over the folder."""
    outcomes: dict[str, str] = {}
    said: dict[str, str] = {}
    for entry in kept:
        match entry:
            case Started() if after_a_start:
                outcomes.setdefault(entry.id, "interrupted")
            case Record():
                outcomes[entry.id] = "passed"
            case Feedback():
                said[entry.record_id] = max(said.get(entry.record_id, ""), entry.id)
    return Expected(outcomes, {said[name] for name in said if name in outcomes})


def found(folder: Path) -> Expected:
    try:
        history = load_history(folder)
    except ConfigError:
        return Expected({}, set())
    said = {entry.id for entry in history.feedback.values()}
    outcomes = {entry.id: entry.outcome for entry in history.records}
    assert len(outcomes) == len(history.records)
    return Expected(dict(outcomes), said)


@settings(max_examples=40, deadline=None)
@given(logs, st.integers(0, 6), st.lists(damages, max_size=3))
def test_a_damaged_folder_gives_the_exact_prefix_of_each_segment(
    logs: list[list[JournalEntry]], taken: int, done: list[Damage]
) -> None:
    """Read as it lies; after the next server took it over; and after another, which finds nothing left to do."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        journal_folder(folder).mkdir()
        kept: list[JournalEntry] = []
        set_aside = 0
        for number, log in enumerate(logs):
            path = journal_folder(folder) / f"{number:010d}-abcd.journal"
            hits = [damage for damage in done if damage.segment == number]
            left, is_damaged = lay_down(path, log, 0 if number else min(taken, len(log)), hits)
            kept += left
            set_aside += is_damaged
        assert found(folder) == expected(kept, after_a_start=False)
        for _ in range(2):
            recorder = Recorder.open(Storage(folder=str(folder)))
            assert recorder.ready() == (True, "records are being kept")
            recorder.close()
            assert found(folder) == expected(kept, after_a_start=True)
            assert (segments(folder), len(damaged_segments(folder))) == ([], set_aside)
