"""What is counted of records, and how it is shown to Prometheus."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from tests.records.samples import FULL, record
from tiercel.domain.climb import Verdict
from tiercel.records.counters import MAX_SERIES, OTHER, SECONDS, Counters, Histogram
from tiercel.records.prometheus import Family, counted, exposition

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(page: bytes) -> Samples:
    """A page as the official client reads it: a value by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def counted_of(*records: object) -> Samples:
    counters = Counters()
    for one in records:
        counters.add(msgspec.convert(one, type(FULL)))
    return samples(exposition(counted(counters)))


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, tuple(sorted(labels.items()))]


def test_a_request_is_counted_by_what_became_of_it() -> None:
    """Tier and model are the delivered answer's, not the first attempt's."""
    labels = {"task": "extraction", "rule": "strict JSON", "tier": "fast", "model": "claude-haiku-4-5"}
    found = counted_of(FULL, FULL, record("x", outcome="failed"))
    assert value(found, "tiercel_requests_total", **labels, outcome="passed") == 2
    nothing = {"task": "unknown", "rule": "none", "tier": "none", "model": "none"}
    assert value(found, "tiercel_requests_total", **nothing, outcome="failed") == 1


def test_attempts_are_counted_by_why_and_failure() -> None:
    """A fallback that answered is another series than the first attempt that failed."""
    found = counted_of(FULL)
    gemini = {"deployment": "google/gemini-3.5-flash", "model": "gemini-3.5-flash"}
    claude = {"deployment": "claude-haiku-4-5", "model": "claude-haiku-4-5"}
    assert value(found, "tiercel_attempts_total", **gemini, why="first", failure="empty_length") == 1
    assert value(found, "tiercel_attempts_total", **claude, why="fallback", failure="none") == 1
    assert value(found, "tiercel_tokens_total", **gemini, kind="cached") == 200
    assert value(found, "tiercel_tokens_total", **gemini, kind="reasoning") == 64
    assert value(found, "tiercel_cost_dollars_total", **gemini) == 0.002076
    assert value(found, "tiercel_attempts_unpriced_total", **claude) == 1


def test_checks_are_counted_by_what_they_measured() -> None:
    """A repaired answer and a check that broke are told apart from full and partial scores."""
    verdicts = (
        Verdict(check="number", score=1.0, reason=""),
        Verdict(check="number", score=0.5, reason=""),
        Verdict(check="number", score=0.0, reason=""),
        Verdict(check="number", score=1.0, reason="", error="it broke"),
        Verdict(check="number", score=1.0, reason="", repairs=("fences",)),
    )
    attempt = msgspec.structs.replace(FULL.attempts[1], verdicts=verdicts)
    found = counted_of(msgspec.structs.replace(FULL, attempts=(attempt,)))
    for verdict in ("full", "partial", "zero", "error", "repaired"):
        assert value(found, "tiercel_checks_total", check="number", verdict=verdict) == 1


def test_gates_missed_and_what_was_asked_beside_the_ladder_are_counted() -> None:
    """A judge's cost stands among all costs, and once more by itself; a call of the ladder does not."""
    answer = msgspec.structs.replace(FULL.attempts[1], missed="judge", cost_nano=5_000_000)
    judge = msgspec.structs.replace(answer, number=3, why="judge", missed=None, cost_nano=2_000_000)
    found = counted_of(msgspec.structs.replace(FULL, attempts=(answer, judge)))
    claude = {"deployment": "claude-haiku-4-5", "model": "claude-haiku-4-5"}
    assert value(found, "tiercel_gates_missed_total", check="judge") == 1
    assert value(found, "tiercel_cost_dollars_total", **claude) == 0.007
    asides = {key: cost for key, cost in found.items() if key[0] == "tiercel_asides_cost_dollars_total"}
    assert list(asides.values()) == [0.002]
    assert value(found, "tiercel_asides_cost_dollars_total", **claude, why="judge") == 0.002


def test_an_answer_that_came_whole_has_no_first_token() -> None:
    """Only streams count for the time to the first token, or it would look as slow as the whole answer."""
    whole = msgspec.structs.replace(FULL.attempts[1], ttft_seconds=1.9, seconds=1.9)
    found = counted_of(msgspec.structs.replace(FULL, attempts=(FULL.attempts[0], whole)))
    assert value(found, "tiercel_attempt_ttft_seconds_count", deployment="claude-haiku-4-5") == 0
    assert value(found, "tiercel_attempt_seconds_count", deployment="claude-haiku-4-5") == 1


@given(st.lists(st.floats(min_value=0, max_value=200), max_size=30))
def test_histograms_say_how_many_took_at_most_so_long(times: list[float]) -> None:
    """Each bucket holds all values up to its bound, whatever they are."""
    found = counted_of(*(msgspec.structs.replace(record(str(n)), seconds=t) for n, t in enumerate(times)))
    for bound in SECONDS if times else ():
        known = value(found, "tiercel_request_seconds_bucket", tier="none", outcome="passed", le=str(bound))
        assert known == sum(1 for time in times if time <= bound)


def test_there_are_only_so_many_series() -> None:
    """Ten thousand rules do not become ten thousand series; what is too much is counted as `other`."""
    counters = Counters()
    for number in range(3 * MAX_SERIES):
        attempt = msgspec.structs.replace(FULL.attempts[1], deployment=f"d{number}", model=f"m{number}")
        counters.add(msgspec.structs.replace(FULL, rule=f"rule {number}", attempts=(attempt,)))
    assert len(counters.requests()) == len(counters.attempts()) == MAX_SERIES + 1
    others = [cell.count for labels, cell in counters.requests() if labels[0] == OTHER]
    assert others == [2 * MAX_SERIES]
    assert counters.snapshot().requests == 3 * MAX_SERIES


@given(st.text())
def test_any_label_can_be_read_again(text: str) -> None:
    """Quotes, line ends and backslashes in an operator's names do no harm."""
    name = text.replace("\r", "")  # the official reader takes it for a line end
    family = Family(
        name="x_total", kind="counter", help='a "quoted"\nhelp', labels=("rule",), values=[((name,), 3)]
    )
    assert samples(exposition([family])) == {("x_total", (("rule", name),)): 3}


def test_histograms_add_up() -> None:
    """Counts and sums of two are those of all their values."""
    one = Histogram(bounds=(1.0, 2.0), counts=(1, 2, 3), sum=9.0)
    assert one.plus(one) == Histogram(bounds=(1.0, 2.0), counts=(2, 4, 6), sum=18.0)
