"""A gate that runs programs, through a whole gateway: the client's tests decide who answers."""

import asyncio
from pathlib import Path

import pytest

from tests.gateway.house import USER, house, two_tiers
from tiercel.checks.sandbox.boxes import find_confinement
from tiercel.domain.errors import CheckError
from tiercel.domain.policy import Gate, Rule
from tiercel.testing.scripted import Says, ScriptedProvider

WRONG = "```python\ndef double(x):\n    return x + 2\n```"
RIGHT = "```python\ndef double(x):\n    return 2 * x\n```"
TESTS = "assert double(2) == 4\nassert double(3) == 6"


@pytest.fixture(scope="module", autouse=True)
def sandbox() -> None:
    try:
        asyncio.run(find_confinement())
    except CheckError as error:
        pytest.skip(str(error))


async def test_a_program_that_fails_its_tests_is_sent_up(tmp_path: Path) -> None:
    """And the tests, which the request brought, are not sent to any model; a re-ask would tell it what failed."""
    gates = (Gate(check="finished"), Gate(check="code", re_ask=1, on_error="closed"))
    policy = two_tiers(gates=gates, rules=(Rule(name="any", ladder=("fast", "balanced")),))
    async with (
        ScriptedProvider(Says(text=WRONG), Says(text=WRONG), name="at-cheap") as cheap,
        ScriptedProvider(Says(text=RIGHT), name="at-dear") as dear,
        house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear"), policy=policy) as here,
    ):
        raw = await here.client.chat.completions.with_raw_response.create(
            model="auto", messages=USER, metadata={"tiercel.tests": TESTS}
        )
        record = here.record(raw.headers["x-tiercel-record"])
    assert raw.parse().choices[0].message.content == RIGHT
    assert [(attempt.deployment, attempt.why) for attempt in record.attempts] == [
        ("cheap", "first"),
        ("cheap", "re_ask"),
        ("dear", "escalation"),
    ]
    verdicts = [
        verdict for attempt in record.attempts for verdict in attempt.verdicts if verdict.check == "code"
    ]
    missed = "1 of 2 tests pass; first to fail is test (line 2): AssertionError"
    assert [(verdict.score, verdict.reason) for verdict in verdicts] == [
        (0.5, missed),
        (0.5, missed),
        (1.0, "2 of 2 tests pass"),
    ]
    first, again = cheap.requests
    assert "double(3) == 6" not in first.body.decode("utf-8")
    assert "This fails: assert double(3) == 6" in again.body.decode("utf-8")
    assert "It got: 5" in again.body.decode("utf-8")
