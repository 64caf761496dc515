"""Every candidate is asked every item once; what is known of each answer stands in its row, whatever went wrong."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from tests.evals.running.build import SUM, begun, bench, evaluation, items, rows
from tiercel.checks.registry import Registry
from tiercel.evals.evaluation import Candidate, Expectation
from tiercel.evals.running.answer_cache import AnswerCache
from tiercel.testing.replies import Called
from tiercel.testing.scripted import Fails, Says, ScriptedProvider

FOUR, FIVE = Says(text="It is 4."), Says(text="It is 5.")


def always(reply: Says | Fails, *first: Says | Fails) -> ScriptedProvider:
    """A provider that says this, after what it says first."""
    provider = ScriptedProvider(*first)
    provider.default = reply
    return provider


async def test_every_candidate_is_asked_every_item_as_often_as_wanted(
    tmp_path: Path, registry: Registry
) -> None:
    async with bench(tmp_path, always(FOUR), registry, "a", "b") as b:
        ended, found = await b.ran(evaluation(items(3), "a", "b", repeats=2))
    assert ended.is_whole
    assert {row.key for row in found} == {
        (f"q{n}", model, repeat) for n in range(3) for model in "ab" for repeat in (1, 2)
    }
    assert len(found) == len(b.provider.requests) == 12


async def test_a_row_tells_what_the_answer_was_took_and_cost(tmp_path: Path, registry: Registry) -> None:
    async with bench(tmp_path, always(FOUR), registry) as b:
        _, (row,) = await b.ran(evaluation(items(1)))
    assert (row.state, row.kind, row.output, row.score, row.finish) == (
        "passed",
        "ok",
        "It is 4.",
        1.0,
        "stop",
    )
    assert 0 < (row.ttft_seconds or 0) <= (row.ttfa_seconds or 0) <= (row.seconds or 0)
    assert row.cost_nano == row.calls[0].cost_nano is not None
    assert (row.calls[0].why, row.cached, row.record != "") == ("first", False, True)


async def test_a_row_tells_what_an_answer_called(tmp_path: Path, registry: Registry) -> None:
    """Two answers without a word are told apart by people who label them."""
    calling = Says(text="", calls=(Called(name="click", arguments='{"x": 10}'),), finish="tool_calls")
    async with bench(tmp_path, always(calling), registry) as b:
        _, (row,) = await b.ran(evaluation(items(1)))
    assert (row.output, row.tool_calls) == ("", ('click({"x": 10})',))
    assert row.said == '[calls click({"x": 10})]'


async def test_what_misses_an_expectation_fails_and_says_which(tmp_path: Path, registry: Registry) -> None:
    async with bench(tmp_path, always(FIVE), registry) as b:
        _, (row,) = await b.ran(evaluation(items(1)))
    assert (row.state, row.kind, row.reason) == ("failed", "expectation", "contains: lacks '4'")


async def test_a_model_that_never_answers_is_given_up_early(tmp_path: Path, registry: Registry) -> None:
    async with bench(tmp_path, always(Fails(status=500)), registry) as b:
        ended, found = await b.ran(evaluation(items(40), concurrency=4))
    assert ended.out["scripted"].startswith("10 calls and no answer: ")
    assert (found, len(b.provider.requests) < 20) == ([], True)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Says(text=""), "empty"),
        (Says(text="It is", finish="length"), "length"),
        (Says(text="It is 5", finish="content_filter"), "refused"),
    ],
)
async def test_how_an_answer_ended_names_its_miss(
    reply: Says, kind: str, tmp_path: Path, registry: Registry
) -> None:
    async with bench(tmp_path, always(reply), registry) as b:
        _, (row,) = await b.ran(evaluation(items(1)))
    assert (row.state, row.kind) == ("failed", kind)


async def test_a_model_is_asked_alone_and_again_by_the_run_itself(tmp_path: Path, registry: Registry) -> None:
    """The gateway retries nothing: the second call is the run's, and only its answer is in the row."""
    async with bench(tmp_path, always(FOUR, Fails(status=500)), registry) as b:
        ended, (row,) = await b.ran(evaluation(items(1)))
    assert ended.is_whole
    assert (row.state, len(row.calls), len(b.provider.requests)) == ("passed", 1, 2)


async def test_a_rule_is_asked_with_all_its_help(tmp_path: Path, registry: Registry) -> None:
    of = msgspec.structs.replace(
        evaluation(items(1)), candidates=(Candidate(id="auto", address="auto", helped=True),)
    )
    async with bench(tmp_path, always(FOUR, Fails(status=500)), registry) as b:
        _, (row,) = await b.ran(of)
    assert (row.state, [call.why for call in row.calls]) == ("passed", ["first", "retry"])


async def test_an_error_that_asking_again_cannot_change_is_asked_once(
    tmp_path: Path, registry: Registry
) -> None:
    async with bench(tmp_path, always(Fails(status=400, message="no")), registry) as b:
        run = begun(tmp_path, evaluation(items(2), concurrency=1))
        await b.run(run)
        await b.run(run, retry_errors=True)
    assert [(row.state, row.kind) for row in rows(run)] == [("error", "provider")] * 2
    assert len(b.provider.requests) == 2


async def test_the_version_is_what_the_provider_called_the_model(tmp_path: Path, registry: Registry) -> None:
    async with bench(tmp_path, always(Says(text="4", model="scripted-2026-11-01")), registry) as b:
        _, (row,) = await b.ran(evaluation(items(1)))
    assert (row.model_returned, row.calls[0].model) == ("scripted-2026-11-01", "scripted")


async def test_a_failing_request_is_made_as_often_as_allowed_and_then_an_error(
    tmp_path: Path, registry: Registry
) -> None:
    async with bench(tmp_path, always(Fails(status=500)), registry) as b:
        ended, (row,) = await b.ran(evaluation(items(1), attempts=2))
    assert (row.state, row.kind, row.extra["tries"], len(b.provider.requests)) == ("error", "provider", 2, 2)
    assert ended.progress.errors == 1


async def test_errors_are_asked_again_on_request_and_the_last_row_counts(
    tmp_path: Path, registry: Registry
) -> None:
    async with bench(tmp_path, always(FOUR, FOUR, Fails(status=500)), registry) as b:
        run = begun(tmp_path, evaluation(items(2), attempts=1, concurrency=1))
        await b.run(run)
        first = {key: row.state for key, row in run.results().items()}
        await b.run(run, retry_errors=True)
    assert sorted(first.values()) == ["error", "passed"]
    assert {row.state for row in run.results().values()} == {"passed"}
    assert len(b.provider.requests) == 3


async def test_a_refused_key_ends_one_candidate_and_not_the_others(
    tmp_path: Path, registry: Registry
) -> None:
    """What has no answer is not written down, so that it is asked when the run is gone on with."""
    provider = ScriptedProvider()
    provider.default = FOUR
    async with bench(tmp_path, provider, registry, "a", "b") as b:
        provider.add(Fails(status=401, message="bad key"))
        ended, found = await b.ran(evaluation(items(4), "a", "b", concurrency=1))
    assert list(ended.out) == ["a"]
    assert not ended.is_whole
    assert [row.candidate for row in found] == ["b"] * 4


async def test_no_answer_within_the_timeout_is_an_error_of_that_name(
    tmp_path: Path, registry: Registry
) -> None:
    never = Says(text="late", release=asyncio.Event())
    async with bench(tmp_path, always(never), registry) as b:
        _, (row,) = await b.ran(evaluation(items(1), timeout_seconds=0.3, attempts=1))
    assert (row.state, row.kind) == ("error", "timeout")


async def test_answers_come_from_the_cache_without_any_latency(tmp_path: Path, registry: Registry) -> None:
    cache = AnswerCache(tmp_path)
    async with bench(tmp_path, always(FOUR), registry) as b:
        _, (asked,) = await b.ran(evaluation(items(1)), cache=cache)
        edited = evaluation(items(1, Expectation(scorer="contains", value="nothing")))
        ended, (kept,) = await b.ran(edited, cache=cache)
    cache.close()
    assert (asked.cached, kept.cached, len(b.provider.requests)) == (False, True, 1)
    assert (kept.seconds, kept.ttft_seconds, kept.cost_nano) == (None, None, asked.cost_nano)
    assert (kept.state, ended.progress.cached, ended.progress.spent_nano) == ("failed", 1, 0)


async def test_repeats_have_answers_of_their_own_in_the_cache(tmp_path: Path, registry: Registry) -> None:
    cache = AnswerCache(tmp_path)
    async with bench(tmp_path, always(FOUR, FOUR, FIVE), registry) as b:
        of = evaluation(items(1), repeats=2, concurrency=1)
        await b.ran(of, cache=cache)
        _, found = await b.ran(of, cache=cache)
    cache.close()
    assert [(row.repeat, row.output) for row in found] == [(1, "It is 4."), (2, "It is 5.")]
    assert len(b.provider.requests) == 2


async def test_where_a_latency_is_measured_nothing_comes_from_the_cache(
    tmp_path: Path, registry: Registry
) -> None:
    cache = AnswerCache(tmp_path)
    of = evaluation(items(1, SUM, Expectation(scorer="latency", threshold=60_000.0)))
    async with bench(tmp_path, always(FOUR), registry) as b:
        await b.ran(of, cache=cache)
        _, (row,) = await b.ran(of, cache=cache)
    cache.close()
    assert (row.state, row.cached, len(b.provider.requests)) == ("passed", False, 2)


async def test_the_budget_stops_the_run_before_it_is_overspent(tmp_path: Path, registry: Registry) -> None:
    """Nothing is asked that might not fit. A larger budget goes on with the rest."""
    async with bench(tmp_path, always(FOUR), registry) as b:
        of = evaluation(items(8), budget_nano=200_000, concurrency=1)
        run = begun(tmp_path, of)
        ended = await b.run(run, estimate=lambda body, helped: 110_000)
        first = len(rows(run))
        assert (ended.stopped, ended.is_whole, 0 < first < 8) == ("budget", False, True)
        assert ended.progress.spent_nano <= 200_000
        more = msgspec.structs.replace(of, run=msgspec.structs.replace(of.run, budget_nano=None))
        richer = msgspec.structs.replace(run, manifest=msgspec.structs.replace(run.manifest, evaluation=more))
        assert (await b.run(richer)).is_whole
    assert len({row.key for row in rows(run)}) == len(rows(run)) == len(b.provider.requests) == 8


async def test_too_many_requests_slow_down_and_lose_nothing(tmp_path: Path, registry: Registry) -> None:
    busy = [Fails(status=429, retry_after="0") for _ in range(6)]
    async with bench(tmp_path, always(FOUR, *busy), registry) as b:
        ended, found = await b.ran(evaluation(items(20), concurrency=8))
    assert ended.is_whole
    assert [row.state for row in found] == ["passed"] * 20
    assert len(b.provider.requests) == 26
