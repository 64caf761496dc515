"""The audit: where tasks ran, what rules rest on, and what is, and is not, worth an evaluation."""

from collections.abc import Mapping, Sequence

import msgspec
import pytest

from tests.measure.samples import DAY, FEEDBACK, TABLE, answered
from tiercel.domain.catalog import Capabilities, Catalog, Deployment, Model, Prices, Provider
from tiercel.domain.policy import Evidence, Rule
from tiercel.domain.record import AttemptRecord, Feedback, Record
from tiercel.domain.request import Modality
from tiercel.domain.response import Usage
from tiercel.measure.audit import Audit, Candidate, audit

HERE = Provider(name="here", format="openai_chat", base_url="http://127.0.0.1:1")
MILLION_USD = 1_000_000_000
"""One dollar per million tokens, in nano-dollars."""


def model(
    name: str,
    usd: int | None,
    *,
    modalities: tuple[Modality, ...] = ("text",),
    window: int | None = None,
) -> Model:
    price = None if usd is None else usd * MILLION_USD
    return Model(
        name=name,
        capabilities=Capabilities(modalities=modalities, window=window),
        prices=Prices(input=price, output=price, source="list", date="2026-10-01"),
    )


def served(model: Model, residency: tuple[str, ...] = ()) -> Deployment:
    return Deployment(
        name=f"here/{model.name}", model=model, provider=HERE, upstream_name=model.name, residency=residency
    )


def catalog(
    *models: Model, keyless: Sequence[Deployment] = (), callable_: Sequence[Deployment] = ()
) -> Catalog:
    return Catalog(
        models={one.name: one for one in models},
        deployments={one.name: one for one in callable_},
        keyless={one.name: one for one in keyless},
    )


def record(number: int, *attempts: AttemptRecord, **given: object) -> Record:
    """A passed summary whose last attempt was delivered."""
    base = Record(
        id=str(number),
        started_at=DAY + number,
        seconds=1.0,
        outcome="passed",
        task="summary",
        rule="everyday",
        attempts=attempts,
        delivered=attempts[-1].number,
    )
    return msgspec.structs.replace(base, **given)


def used(
    name: str, tokens: int = 1_000_000, number: int = 1, cost_nano: int | None = 10_000_000_000
) -> AttemptRecord:
    """An answer of so many input tokens; at $10 per million."""
    return msgspec.structs.replace(
        answered(number, "first" if number == 1 else "escalation", model=name, cost_nano=cost_nano),
        usage=Usage(uncached=tokens),
        simulated=False,
    )


def audited(
    records: Sequence[Record],
    known: Catalog | None = None,
    rules: Sequence[Rule] = (),
    ages: Mapping[str, int] | None = None,
    feedback: Mapping[str, Feedback] | None = None,
) -> Audit:
    return audit(records, feedback or {}, rules, ages or {}, known or catalog())


def found(records: Sequence[Record], known: Catalog) -> list[tuple[str, str]]:
    return [(one.candidate, one.basis) for one in audited(records, known).candidates]


def test_where_tasks_ran() -> None:
    """A line for each task, rule, tier and model, with when it began, its success and its cost."""
    result = audited(TABLE, feedback=FEEDBACK)
    lines = [
        (p.task, p.tier, p.model, p.requests, p.success.count, p.cost.per_success_nano)
        for p in result.placements
    ]
    assert lines == [
        ("coding", "fast", "haiku", 2, 0, None),
        ("extraction", "fast", "haiku", 1, 1, 1_000_000),
        ("extraction", "balanced", "sonnet", 1, 1, 10_000_000),
        ("gui", None, None, 1, 0, None),
    ]
    assert (result.placements[0].since, result.placements[0].until) == (DAY + 120, DAY + 180)


def test_every_request_is_placed_exactly_once() -> None:
    assert sum(p.requests for p in audited(TABLE).placements) == len(TABLE)


def test_what_rules_rest_on() -> None:
    """The policy's rules in their order, used or not, then what else records name."""
    rules = (
        Rule(name="old", ladder=("a",), evidence=Evidence(date="2026-01-01", source="ours")),
        Rule(name="everyday", ladder=("a",)),
    )
    records = [record(1, used("a")), record(2, used("a"), rule="tier:fast")]
    uses = audited(records, rules=rules, ages={"old": 120}).rules
    assert [(u.name, u.in_policy, u.requests, u.until, u.evidence_days, u.stale) for u in uses] == [
        ("old", True, 0, None, 120, True),
        ("everyday", True, 1, DAY + 1, None, False),
        ("tier:fast", False, 1, DAY + 2, None, False),
    ]


@pytest.mark.parametrize(("days", "stale"), [(0, False), (90, False), (91, True), (-3, False)])
def test_evidence_is_stale_after_ninety_days(days: int, stale: bool) -> None:
    rule = Rule(name="r", ladder=("a",), evidence=Evidence(date="2026-01-01", source="ours"))
    assert audited([], rules=[rule], ages={"r": days}).rules[0].stale is stale


def test_simulated_records_count_only_where_there_are_no_others() -> None:
    real, simulated = record(1, used("a")), record(2, used("a"), simulated=True)
    both, alone = audited([real, simulated]), audited([simulated])
    assert (both.records, both.simulated, both.left_out) == (1, False, 1)
    assert (alone.records, alone.simulated, alone.left_out) == (1, True, 0)


def test_nothing_recorded_is_an_empty_audit() -> None:
    result = audited([])
    assert (result.records, result.since, result.placements, result.candidates) == (0, None, (), ())


def test_a_cheaper_price_for_the_same_tokens_is_worth_an_evaluation() -> None:
    """With both costs of one request, the number of requests, and where the price was read."""
    cheap = model("cheap", 4)
    known = catalog(model("dear", 10), cheap, callable_=[served(cheap)])
    (candidate,) = audited(
        [record(1, used("dear")), record(2, used("dear", 500_000, cost_nano=5_000_000_000))], known
    ).candidates
    assert candidate == Candidate(
        task="summary",
        model="dear",
        candidate="cheap",
        deployment="here/cheap",
        callable=True,
        basis="price",
        nano=7_500_000_000,
        candidate_nano=3_000_000_000,
        n=2,
        source="list",
        date="2026-10-01",
    )
    assert candidate.saving == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("other", "worth"),
    [
        (model("other", 8), True),
        (model("other", 9), False),
        (model("other", 11), False),
        (model("other", 0), True),
        (model("other", None), False),
        (model("other", 1, window=999_999), False),
        (model("other", 1, window=1_000_000), True),
    ],
    ids=["a fifth", "a tenth", "dearer", "free", "unknown price", "too small", "just large enough"],
)
def test_what_is_cheap_enough_and_large_enough(other: Model, worth: bool) -> None:
    known = catalog(model("dear", 10), other)
    assert found([record(1, used("dear"))], known) == ([("other", "price")] if worth else [])


def test_a_model_that_cannot_take_the_traffic_is_no_candidate() -> None:
    """One image among the requests is enough."""
    blind, seeing = model("blind", 1), model("seeing", 1, modalities=("text", "image"))
    records = [record(1, used("dear")), record(2, used("dear"), modalities=("text", "image"))]
    assert found(records, catalog(model("dear", 10), blind, seeing)) == [("seeing", "price")]


def test_traffic_that_must_stay_somewhere_gets_candidates_from_there() -> None:
    abroad, home, nowhere = model("abroad", 1), model("home", 1), model("nowhere", 1)
    known = catalog(
        model("dear", 10),
        abroad,
        home,
        nowhere,
        callable_=[served(abroad, ("us",)), served(home, ("eu", "us"))],
    )
    assert found([record(1, used("dear"), residency="eu")], known) == [("home", "price")]


def test_a_model_that_was_tried_and_did_not_do_is_no_candidate_for_that_request() -> None:
    """Its price is compared only for the requests in which it had not already been asked."""
    known = catalog(model("dear", 10), model("cheap", 1))
    tried = record(1, used("cheap"), used("dear", number=2))
    assert found([tried], known) == []
    assert audited([tried, record(2, used("dear"))], known).candidates[0].n == 1


def test_a_candidate_without_a_key_is_named_and_marked() -> None:
    cheap = model("cheap", 1)
    (candidate,) = audited(
        [record(1, used("dear"))], catalog(model("dear", 10), cheap, keyless=[served(cheap)])
    ).candidates
    assert (candidate.deployment, candidate.callable) == ("here/cheap", False)


def test_requests_without_a_known_cost_are_not_compared() -> None:
    known = catalog(model("dear", 10), model("cheap", 1))
    assert found([record(1, used("dear", cost_nano=None))], known) == []


def test_what_was_measured_cheaper_is_worth_an_evaluation() -> None:
    """Cost per success of each, with both numbers of requests; a price of its own need not be known."""
    other = model("other", None)
    known = catalog(model("dear", 10), other, callable_=[served(other)])
    records = [record(1, used("dear")), *(record(i, used("other", cost_nano=2_000)) for i in (2, 3))]
    (candidate,) = audited(records, known).candidates
    assert (candidate.candidate, candidate.basis) == ("other", "measured")
    assert (candidate.nano, candidate.candidate_nano) == (10_000_000_000, 2_000)
    assert (candidate.n, candidate.candidate_n) == (1, 2)


def test_measurements_of_another_task_say_nothing_here() -> None:
    other = model("other", None)
    known = catalog(model("dear", 10), other, callable_=[served(other)])
    records = [record(1, used("dear")), record(2, used("other", cost_nano=2_000), task="coding")]
    assert found(records, known) == []


def test_where_most_would_be_saved_comes_first() -> None:
    """Money of all requests together, not the share."""
    known = catalog(model("dear", 10), model("cheap", 1))
    few = record(1, used("dear", 1_000, cost_nano=10_000_000), task="coding")
    many = [record(i, used("dear")) for i in range(2, 5)]
    assert [one.task for one in audited([few, *many], known).candidates] == ["summary", "coding"]
