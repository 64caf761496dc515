"""Claims beside measurements: what disagrees is marked, and nothing simulated is counted as real."""

from collections.abc import Iterable

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.measure.samples import FEEDBACK, TABLE, answered
from tiercel.domain.claims import BENCHMARK, FIELDS, USUAL_BENCHMARKS, Claim, Value
from tiercel.measure.models import Fact, facts_of, measured_by_model


def claim(field: str, value: Value, source: str = "s") -> Claim:
    return Claim(model="m", field=field, value=value, source=source, date="2026-10-01")


def fact(facts: Iterable[Fact], field: str) -> Fact:
    return next(fact for fact in facts if fact.field == field)


def test_sources_that_disagree_are_a_conflict_and_both_stay() -> None:
    """Ours first, then in the order of the claims; who says the same stands together."""
    facts = facts_of(
        {"output": claim("output", 9, "ours")},
        [claim("output", 6, "a"), claim("output", 9, "b"), claim("output", 6, "c")],
    )
    found = fact(facts, "output")
    assert found.conflict
    assert [(s.value, s.reckoned, [c.source for c in s.claims]) for s in found.stated] == [
        (9, True, ["ours", "b"]),
        (6, False, ["a", "c"]),
    ]


def test_a_claim_that_differs_from_what_we_reckon_with_is_a_conflict() -> None:
    facts = facts_of({"window": claim("window", 200_000)}, [claim("window", 1_000_000)])
    assert fact(facts, "window").conflict


def test_sources_that_agree_are_no_conflict() -> None:
    facts = facts_of(
        {}, [claim("modalities", ("text", "image")), claim("modalities", ("image", "text"), "t")]
    )
    assert not fact(facts, "modalities").conflict


def test_usual_fields_are_there_when_nobody_says_anything() -> None:
    """So that a reader sees that no claim is known; unusual benchmarks only where somebody publishes one."""
    usual = [*FIELDS, *(f"{BENCHMARK}{name}" for name in USUAL_BENCHMARKS)]
    assert [(f.field, f.stated) for f in facts_of({}, [])] == [(field, ()) for field in usual]
    own = f"{BENCHMARK}Our own"
    assert [f.field for f in facts_of({}, [claim(own, 3)])] == [*usual, own]


@given(
    st.lists(
        st.builds(claim, st.sampled_from(FIELDS), st.integers(0, 3), st.sampled_from("abc")), max_size=12
    ),
    st.dictionaries(st.sampled_from(FIELDS), st.integers(0, 3), max_size=4),
)
def test_no_claim_is_lost_and_none_contradicts_silently(claims: list[Claim], own: dict[str, int]) -> None:
    """Every claim stands exactly once, under its own value; a conflict is wherever two values are stated."""
    reckoned = {field: claim(field, value, "ours") for field, value in own.items()}
    facts = facts_of(reckoned, claims)
    stated = [c for f in facts for s in f.stated for c in s.claims]
    assert sorted(map(repr, stated)) == sorted(map(repr, [*claims, *reckoned.values()]))
    for one in facts:
        values = {c.value for c in [*claims, *reckoned.values()] if c.field == one.field}
        assert one.conflict == (len(values) > 1)
        assert {s.value for s in one.stated} == values


def test_simulated_answers_are_measured_apart() -> None:
    """The same table once as real traffic and once simulated: two measurements, never one of both."""
    simulated = [msgspec.structs.replace(record, id=f"s{record.id}", simulated=True) for record in TABLE[:1]]
    measured = measured_by_model([*TABLE, *simulated], FEEDBACK)
    haiku = measured["haiku"]
    assert haiku.real is not None
    assert haiku.simulated is not None
    assert (haiku.real.requests, haiku.simulated.requests) == (3, 1)
    assert measured["sonnet"].simulated is None


def test_a_model_is_measured_by_what_it_answered() -> None:
    """Its numbers are those of the report by model; a model that only failed has calls and no requests."""
    measured = measured_by_model(TABLE, FEEDBACK)
    sonnet, gemini = measured["sonnet"].real, measured["gemini"].real
    assert sonnet is not None
    assert gemini is not None
    assert (sonnet.requests, sonnet.cost.per_success_nano) == (1, 10_000_000)
    assert (gemini.requests, gemini.calls.n) == (0, 1)
    assert set(measured) == {"haiku", "sonnet", "gemini"}


def test_without_records_nothing_is_measured() -> None:
    assert measured_by_model([]) == {}


def test_answers_without_a_known_price_have_no_cost_per_success() -> None:
    unknown = msgspec.structs.replace(TABLE[0], attempts=(answered(1, cost_nano=None),))
    real = measured_by_model([unknown])["haiku"].real
    assert real is not None
    assert real.cost.per_success_nano is None
