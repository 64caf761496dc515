"""The wall clock is set two hours on or back under a running server: no duration turns negative, no rest begins or
ends early, nothing recorded is lost."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.served import WAIT_SECONDS, ask, becomes_ready, configure, data_folder, served
from tiercel.domain.record import Record
from tiercel.records.query import load_history
from tiercel.testing.scripted import Fails, Says, ScriptedProvider

CLOCKED = (str(Path(__file__).with_name("jumping_clock.py")), "serve")
TWO_HOURS = 7_200.0
JUMPS = (0.0, TWO_HOURS, -TWO_HOURS, 0.0)


def set_clock(folder: Path, offset_seconds: float) -> None:
    new = folder / "clock.new"
    new.write_text(str(offset_seconds))
    new.replace(folder / "clock")


def durations(record: Record) -> Iterator[float]:
    """Every duration of a record."""
    for value in (record.seconds, record.ttft_seconds, record.ttfa_seconds):
        yield from () if value is None else (value,)
    for attempt in record.attempts:
        clocks = (attempt.began_seconds, attempt.seconds, attempt.ttft_seconds, attempt.ttfa_seconds)
        yield from (value for value in clocks if value is not None)


async def test_no_duration_is_negative_and_no_record_is_lost(tmp_path: Path) -> None:
    """With records older than a day being removed, which two hours are not."""
    set_clock(tmp_path, 0.0)
    async with ScriptedProvider() as provider:
        configure(tmp_path, provider.base_url, storage="retention_days = 1")
        provider.default = Says(text="ok")
        async with served(tmp_path, CLOCKED) as server:
            url = await server.base_url()
            for offset in JUMPS:
                set_clock(tmp_path, offset)
                assert await ask(url) == 200
                assert await becomes_ready(url) == "records are being kept"
    records = load_history(data_folder(tmp_path)).records
    assert [record.outcome for record in records] == ["passed"] * len(JUMPS)
    assert records[-1].started_at - records[0].started_at == pytest.approx(2 * TWO_HOURS, abs=60)
    assert all(0.0 <= seconds < 60.0 for record in records for seconds in durations(record))


@pytest.mark.parametrize("jump", [TWO_HOURS, -TWO_HOURS])
async def test_a_rest_lasts_as_long_as_it_was_asked_for(tmp_path: Path, jump: float) -> None:
    """A provider that wants to be left alone for two seconds is, whatever the wall clock says, and no longer."""
    set_clock(tmp_path, 0.0)
    async with ScriptedProvider(Fails(status=429, retry_after="2"), Says(text="ok")) as provider:
        configure(tmp_path, provider.base_url)
        async with served(tmp_path, CLOCKED) as server:
            asking = asyncio.create_task(ask(await server.base_url()))
            await asyncio.wait_for(provider.wait_for_requests(1), WAIT_SECONDS)
            refused_at = time.monotonic()
            set_clock(tmp_path, jump)
            assert await asyncio.wait_for(asking, WAIT_SECONDS) == 200
            assert time.monotonic() - refused_at > 1.9
    (record,) = load_history(data_folder(tmp_path)).records
    assert [attempt.why for attempt in record.attempts] == ["first", "retry"]
    assert all(0.0 <= seconds < 60.0 for seconds in durations(record))
