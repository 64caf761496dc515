"""Medians, spreads, ratios, verdicts and the table are arithmetic on what the rounds gave."""

import pytest

from bench.figures import (
    FIGURES,
    Aim,
    Figure,
    Point,
    Results,
    Sample,
    Subject,
    Summary,
    grown_in_each,
    growth,
    judged,
    markdown,
    summarise,
    table,
    times_nginx,
)

TIMES = Figure(
    key="cpu_per_request", title="CPU", unit="µs", of="requests", aim=Aim(at_most=4.5, times_nginx=True)
)
ABSOLUTE = Figure(key="ready", title="ready", unit="s", of="starts", aim=Aim(at_most=0.7))


def results(**values: dict[Subject, list[float]]) -> Results:
    """Results where each value came from ten of a thing."""
    made = Results()
    for key, subjects in values.items():
        for subject, series in subjects.items():
            for value in series:
                made.add(key, subject, value, 10)
    return made


def test_summary_is_median_both_ends_and_the_sum_of_samples() -> None:
    samples = [Sample(value=9.0, n=100), Sample(value=1.0, n=200), Sample(value=2.0, n=300)]
    assert summarise(samples) == Summary(median=2.0, low=1.0, high=9.0, rounds=3, n=600)


def test_nothing_measured_is_no_summary() -> None:
    """And never a zero."""
    assert summarise([]) is None


def test_figure_that_is_not_in_the_table_is_refused() -> None:
    """A measurement that would never be shown is a mistake."""
    with pytest.raises(KeyError):
        Results().add("cpu_per_requests", "tiercel", 1.0, 1)


def test_ratio_is_of_the_medians() -> None:
    made = results(cpu_per_request={"tiercel": [90.0, 100.0, 400.0], "nginx": [19.0, 20.0, 80.0]})
    assert times_nginx(made, "cpu_per_request") == 5.0


@pytest.mark.parametrize("nginx", [[], [0.0], [-0.2]])
def test_ratio_to_nothing_is_unknown(nginx: list[float]) -> None:
    """What nginx adds may drown in noise, and it may not be there at all."""
    assert times_nginx(results(added_p99={"tiercel": [1.0], "nginx": nginx}), "added_p99") is None


@pytest.mark.parametrize(
    ("figure", "ours", "expected"),
    [
        (TIMES, 90.0, "≤ 4.5 ×: met"),
        (TIMES, 90.1, "≤ 4.5 ×: missed"),
        (ABSOLUTE, 0.7, "≤ 0.7 s: met"),
        (ABSOLUTE, 0.71, "≤ 0.7 s: missed"),
    ],
)
def test_aim_is_met_up_to_its_limit(figure: Figure, ours: float, expected: str) -> None:
    measured: dict[str, dict[Subject, list[float]]] = {figure.key: {"tiercel": [ours], "nginx": [20.0]}}
    assert judged(results(**measured), figure) == expected


def test_aim_beside_nginx_is_not_known_without_nginx() -> None:
    assert judged(results(cpu_per_request={"tiercel": [90.0]}), TIMES) == "≤ 4.5 ×: not known"


def test_table_shows_median_spread_ratio_and_samples() -> None:
    made = results(cpu_per_request={"tiercel": [80.0, 70.0, 90.0], "nginx": [20.0, 21.0, 19.0]})
    line = table(made).splitlines()[2]
    assert [cell.strip() for cell in line.strip("|").split("|")] == [
        "CPU per request, µs",
        "80.0 (70.0–90.0)",
        "20.0 (19.0–21.0)",
        "4",
        "–",
        "≤ 4.5 ×: met",
        "30 requests",
    ]


def test_table_has_no_nginx_columns_without_nginx() -> None:
    """Then nothing that compares with it stands there."""
    text = table(
        results(cpu_per_request={"tiercel": [80.0]}, latency_p50={"tiercel": [1.0], "direct": [0.1]})
    )
    assert "nginx" not in text
    assert "0.10" in text


def test_table_has_columns_of_a_gateway_with_keys_where_one_was_measured() -> None:
    series: dict[Subject, list[float]] = {"tiercel": [80.0], "keyed": [100.0], "nginx": [20.0]}
    heading, _, line = table(results(cpu_per_request=series)).splitlines()
    cells = dict(zip(*([cell.strip() for cell in row.split("|")] for row in (heading, line)), strict=True))
    assert (cells["Tiercel"], cells["with keys"]) == ("80.0", "100.0")
    assert (cells["times nginx"], cells["with keys, times nginx"]) == ("4", "5")
    assert "keys" not in table(results(cpu_per_request={"tiercel": [80.0], "nginx": [20.0]}))


def test_table_leaves_out_what_was_not_measured() -> None:
    assert len(table(results(ready={"tiercel": [0.2]})).splitlines()) == 3


def test_columns_stand_one_below_another() -> None:
    lines = markdown([["figure", "Tiercel"], ["µs", "1"], ["a longer one", "1,000,000"]]).splitlines()
    assert len({len(line) for line in lines}) == 1


def test_json_has_every_sample_with_its_size() -> None:
    made = results(ready={"tiercel": [0.2, 0.4]})
    assert made.as_json() == [
        {
            "figure": "ready",
            "title": "time to readiness",
            "unit": "s",
            "subject": "tiercel",
            "samples": [{"value": 0.2, "n": 10}, {"value": 0.4, "n": 10}],
            "n_of": "starts",
            "median": pytest.approx(0.3),
            "low": 0.2,
            "high": 0.4,
            "rounds": 2,
            "n": 20,
        }
    ]


def test_keys_are_unique() -> None:
    assert len({figure.key for figure in FIGURES}) == len(FIGURES)


def points(*held: int) -> list[Point]:
    """A point every thousand requests."""
    return [
        Point(requests=1_000 * place, resident_bytes=size, open_files=9, tasks=3, threads=2)
        for place, size in enumerate(held)
    ]


def test_growth_is_the_slope_of_memory_over_requests() -> None:
    assert growth(points(50_000_000, 50_250_000, 50_500_000, 50_750_000)) == pytest.approx(250.0)


def test_growth_stands_for_each_stretch_too() -> None:
    """So that what settled can be told from what goes on growing; a stretch that was not finished is left out."""
    assert grown_in_each(points(10, 50, 60, 60, 61, 99), 2_000) == [50, 1]
