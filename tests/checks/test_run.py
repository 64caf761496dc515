"""Running a policy's gates: each in order, over every choice, with whatever a check may do wrong contained."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from tests.checks.build import JSON_OBJECT, PLAIN, response
from tiercel.checks.check import Ask, Check, CheckInfo, Subject
from tiercel.checks.run import run_checks
from tiercel.domain.climb import Verdict
from tiercel.domain.errors import CheckError
from tiercel.domain.json import JsonObject
from tiercel.domain.policy import Gate

Measure = Callable[[Subject], Awaitable[Verdict]]


class Scripted:
    """A check that does what it is told to."""

    def __init__(self, measure: Measure) -> None:
        self.info = CheckInfo(name="scripted", summary="for tests")
        self._measure = measure

    def problems(self, options: JsonObject) -> list[str]:
        return []

    async def measure(self, subject: Subject, options: JsonObject, ask: Ask | None) -> Verdict:
        return await self._measure(subject)


class Shelf:
    """Checks by name."""

    def __init__(self, **checks: Check) -> None:
        self._checks = checks

    def get(self, name: str) -> Check | None:
        return self._checks.get(name)


async def length(subject: Subject) -> Verdict:
    """Shorter is worse."""
    return Verdict(check="scripted", score=min(1.0, len(subject.choice.text) / 10), reason="its length")


async def upper(subject: Subject) -> Verdict:
    text = subject.choice.text.upper()
    return Verdict(check="scripted", score=1.0, reason="shouted", repaired=text, repairs=("upper",))


async def is_upper(subject: Subject) -> Verdict:
    return Verdict(check="scripted", score=float(subject.choice.text.isupper()), reason="case")


async def run_one(measure: Measure, *texts: str, seconds: float = 2.0, at_least: float = 1.0) -> Verdict:
    """The verdict of one gate on an answer of these choices."""
    checked = await run_checks(
        [Gate(check="it", at_least=at_least)],
        PLAIN,
        response(*texts),
        registry=Shelf(it=Scripted(measure)),
        seconds=seconds,
    )
    [verdict] = checked.verdicts
    return verdict


async def test_the_verdict_bears_the_gates_name_and_the_time_it_took() -> None:
    verdict = await run_one(length, "1234567890")
    assert (verdict.check, verdict.score, verdict.reason) == ("it", 1.0, "its length")
    assert 0 < verdict.seconds < 60


async def test_of_several_choices_the_worst_counts_and_is_named() -> None:
    verdict = await run_one(length, "1234567890", "12345", "1234567")
    assert (verdict.score, verdict.reason) == (0.5, "choice 1: its length")


async def test_later_gates_see_the_repaired_text_of_every_choice() -> None:
    checked = await run_checks(
        [Gate(check="upper"), Gate(check="is_upper")],
        PLAIN,
        response("one", "two"),
        registry=Shelf(upper=Scripted(upper), is_upper=Scripted(is_upper)),
    )
    assert [choice.text for choice in checked.response.choices] == ["ONE", "TWO"]
    assert [verdict.score for verdict in checked.verdicts] == [1, 1]
    assert checked.verdicts[0].repairs == ("upper",)


async def test_an_answer_that_needed_no_repair_is_handed_on_as_it_came() -> None:
    answer = response("one")
    checked = await run_checks([Gate(check="it")], PLAIN, answer, registry=Shelf(it=Scripted(length)))
    assert checked.response is answer


async def test_a_gate_for_json_is_skipped_where_none_was_asked_for() -> None:
    gates = [Gate(check="it", applies="json")]
    shelf = Shelf(it=Scripted(length))
    assert (await run_checks(gates, PLAIN, response("x"), registry=shelf)).verdicts == ()
    assert len((await run_checks(gates, JSON_OBJECT, response("x"), registry=shelf)).verdicts) == 1


async def test_a_gate_for_tests_is_skipped_where_none_came_along() -> None:
    gates = [Gate(check="it", applies="tests")]
    shelf = Shelf(it=Scripted(length))
    tested = msgspec.structs.replace(PLAIN, annotations={"tests": "assert f() == 1"})
    assert (await run_checks(gates, PLAIN, response("x"), registry=shelf)).verdicts == ()
    assert len((await run_checks(gates, tested, response("x"), registry=shelf)).verdicts) == 1


async def crash(subject: Subject) -> Verdict:
    raise ZeroDivisionError(subject.choice.text)


async def leave(subject: Subject) -> Verdict:
    raise SystemExit(3)


async def give_up(subject: Subject) -> Verdict:
    raise CheckError("the judge is away")


async def hang(subject: Subject) -> Verdict:
    await asyncio.Event().wait()
    raise AssertionError


async def time_out(subject: Subject) -> Verdict:
    raise TimeoutError


async def overrate(subject: Subject) -> Verdict:
    return Verdict(check="it", score=7.0, reason="great")


async def no_number(subject: Subject) -> Verdict:
    return Verdict(check="it", score=float("nan"), reason="?")


async def nonsense(subject: Subject) -> Verdict:
    return 1.0  # type: ignore[return-value] # what a careless plug-in may do


@pytest.mark.parametrize(
    ("measure", "error"),
    [
        (crash, "crashed with ZeroDivisionError"),
        (leave, "crashed with SystemExit"),
        (give_up, "the judge is away"),
        (hang, "took too long"),
        (time_out, "crashed with TimeoutError"),
        (overrate, "gave the score 7.0, outside 0 to 1"),
        (no_number, "gave the score nan, outside 0 to 1"),
        (nonsense, "gave a float and not a Verdict"),
    ],
)
async def test_whatever_a_check_does_wrong_becomes_an_error_on_its_verdict(
    measure: Measure, error: str
) -> None:
    """And what it raised is not quoted, as it may quote the answer."""
    verdict = await run_one(measure, "private words", seconds=0.05)
    assert (verdict.error, verdict.score) == (error, 0.0)


async def test_a_check_that_is_not_there_is_an_error() -> None:
    checked = await run_checks([Gate(check="gone")], PLAIN, response("x"), registry=Shelf())
    assert checked.verdicts[0].error == "no such check"


async def test_a_gate_has_one_time_limit_for_all_choices() -> None:
    started = asyncio.get_running_loop().time()
    verdict = await run_one(hang, "a", "b", "c", "d", seconds=0.1)
    assert asyncio.get_running_loop().time() - started < 0.3
    assert verdict.error == "choice 0: took too long"


async def fail_on_long(subject: Subject) -> Verdict:
    if len(subject.choice.text) > 3:
        raise CheckError("too long for me")
    return await length(subject)


async def test_a_choice_seen_to_miss_its_gate_outweighs_another_that_could_not_be_measured() -> None:
    assert (await run_one(fail_on_long, "long one", "12")).score == 0.2
    assert (await run_one(fail_on_long, "long one", "12", at_least=0.1)).error == "choice 0: too long for me"


async def test_an_answer_without_choices_passes_nothing() -> None:
    assert (await run_one(length)).score == 0


async def test_cancelling_the_climb_cancels_its_checks() -> None:
    task = asyncio.create_task(run_one(hang, "a"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_checks_that_answer_at_once_take_no_task_each() -> None:
    seen: set[object] = set()

    async def remember(subject: Subject) -> Verdict:
        seen.add(asyncio.current_task())
        return await length(subject)

    await run_one(remember, "a", "b")
    assert seen == {asyncio.current_task()}
