"""Every way a provider can fail, at every client format's official SDK, whole and streamed, with and without somebody
to fall back to. With, the client never notices; without, it gets one honest error; in the middle of a stream its SDK
raises. What is expected of each cell stands in `faults/cases.py` and `faults/told.py`; `python -m scripts.fault_table`
writes what came out into the docs."""

from pathlib import Path

import msgspec
import pytest

from tests.gateway.faults.cases import CASES, Case
from tests.gateway.faults.matrix import cells_of
from tests.gateway.faults.told import complaints
from tests.gateway.house import USER, house, two_tiers
from tests.gateway.plain_http import call
from tiercel.domain.policy import Limits
from tiercel.domain.request import Format
from tiercel.testing.fault_kinds import FAULT_KINDS
from tiercel.testing.scripted import Fails, ScriptedProvider

MATRIX = [
    pytest.param(case, upstream, id=f"{case.row}-{case.name}-{upstream}")
    for case in CASES
    for upstream in case.upstreams
]


@pytest.mark.parametrize(("case", "upstream"), MATRIX)
async def test_every_client_gets_an_answer_or_an_honest_error(
    tmp_path: Path, case: Case, upstream: Format
) -> None:
    cells = await cells_of(case, upstream, tmp_path)
    wrong = {cell.name: found for cell in cells if (found := complaints(case, upstream, cell))}
    assert wrong == {}


def test_every_fault_with_a_name_is_in_the_matrix() -> None:
    assert set(FAULT_KINDS) <= {case.name for case in CASES}


def test_every_row_is_in_the_matrix() -> None:
    assert {case.row for case in CASES} == {f"F{number}" for number in range(1, 18)}


async def test_an_outage_is_not_multiplied(tmp_path: Path) -> None:
    """Everything fails: the providers see hardly more calls than there were requests."""
    async with ScriptedProvider() as cheap, ScriptedProvider() as dear:
        cheap.default = dear.default = Fails(status=500)
        policy = two_tiers(limits=Limits(retries=2))
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear"), policy=policy) as here:
            body = msgspec.json.encode({"model": "auto", "messages": USER})
            for _ in range(100):
                assert (await call(here.url, "POST", "/v1/chat/completions", body)).status == 502
    calls = len(cheap.requests) + len(dear.requests)
    assert calls <= 1.2 * 100 + 3 + 10, calls
