"""What may not or cannot take a request is named, and nothing else is kept out."""

from typing import Any

import pytest

from tests.routing.made import CLOUD, HOUSE, deployment, facts, model, request
from tiercel.domain.catalog import Deployment, Provider
from tiercel.domain.facts import Facts
from tiercel.domain.request import Effort
from tiercel.routing.filters import admits

PLAIN = deployment(model(window=10_000, max_output=4_000))


def test_an_ordinary_request_is_admitted() -> None:
    assert admits(PLAIN, facts(), request()) is None


@pytest.mark.parametrize(
    ("place", "wanted", "admitted"),
    [
        (CLOUD, None, True),
        (CLOUD, "eu", True),
        (CLOUD, "us", True),
        (CLOUD, "local", False),
        (CLOUD, "ch", False),
        (HOUSE, None, True),
        (HOUSE, "local", True),
        (HOUSE, "eu", False),
    ],
)
def test_a_request_stays_where_it_must(place: Any, wanted: str | None, admitted: bool) -> None:
    found = admits(deployment(model(), place), facts(residency=wanted), request())
    assert (found is None) == admitted
    assert found is None or found.filter == "residency"


def test_a_deployments_own_regions_replace_its_providers() -> None:
    swiss = deployment(model(), CLOUD, residency=("ch",))
    assert admits(swiss, facts(residency="ch"), request()) is None
    assert admits(swiss, facts(residency="eu"), request()) is not None


def test_without_a_stated_region_nothing_with_a_residency_is_admitted() -> None:
    nowhere = deployment(model(), Provider(name="x", format="anthropic", base_url="https://x.example"))
    found = admits(nowhere, facts(residency="eu"), request())
    assert found is not None
    assert found.reason == "serves no stated region, not 'eu'"


@pytest.mark.parametrize(
    ("fields", "capabilities", "reason"),
    [
        ({"modalities": ("text", "video")}, {}, "does not take video"),
        (
            {"modalities": ("text", "image", "audio")},
            {"modalities": ("text", "image")},
            "does not take audio",
        ),
        ({"tools": True}, {"tools": False}, "does not take tools"),
        ({"choices": 3}, {}, "gives one answer a call, not 3"),
    ],
)
def test_what_a_model_cannot_do_is_named(
    fields: dict[str, Any], capabilities: dict[str, Any], reason: str
) -> None:
    found = admits(deployment(model(**capabilities)), facts(**fields), request())
    assert found is not None
    assert found.reason == reason


@pytest.mark.parametrize(
    ("fields", "capabilities"),
    [
        ({"tools": True}, {}),
        ({"choices": 3}, {"choices": True}),
        ({"modalities": ("text", "image")}, {"modalities": ("text", "image", "video")}),
        ({"strict_json": True}, {"structured_output": False}),
    ],
)
def test_what_a_model_can_do_or_checks_repair_is_admitted(
    fields: dict[str, Any], capabilities: dict[str, Any]
) -> None:
    assert admits(deployment(model(**capabilities)), facts(**fields), request()) is None


@pytest.mark.parametrize(
    ("efforts", "effort", "admitted"),
    [((), None, True), ((), "high", False), (("low", "high"), "high", True), (("low",), "high", False)],
)
def test_an_effort_must_be_one_the_model_takes(
    efforts: tuple[Effort, ...], effort: Effort | None, admitted: bool
) -> None:
    assert (admits(deployment(model(efforts=efforts)), facts(), request(), effort) is None) == admitted


def upper(tokens: int) -> int:
    return facts(tokens).size.upper


@pytest.mark.parametrize(
    ("made", "asked", "cap", "admitted"),
    [
        (PLAIN, facts(5_000), None, True),
        (PLAIN, facts(9_000), None, False),
        (PLAIN, facts(5_000), 4_000, upper(5_000) + 4_000 <= 10_000),
        (PLAIN, facts(4_000), 100_000, True),  # the model never gives more than its 4,000
        (deployment(model(window=None)), facts(5_000_000), 100_000, True),
        (deployment(model(window=upper(1_000) + 500)), facts(1_000), 500, True),
        (deployment(model(window=upper(1_000) + 499)), facts(1_000), 500, False),
    ],
)
def test_input_at_its_upper_estimate_and_the_wanted_answer_fit_the_window(
    made: Deployment, asked: Facts, cap: int | None, admitted: bool
) -> None:
    found = admits(made, asked, request(max_output_tokens=cap))
    assert (found is None) == admitted
    assert found is None or found.filter == "window"


def test_the_window_is_looked_at_last() -> None:
    """So that a deployment excluded by its window alone could serve if it were larger."""
    found = admits(PLAIN, facts(50_000, modalities=("text", "video")), request())
    assert found is not None
    assert found.filter == "modality"
