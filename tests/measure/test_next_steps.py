"""What the numbers suggest trying next: only what they show, with the numbers, the most money first."""

from tiercel.measure.next_steps import next_steps
from tiercel.records.tally import Cell, Count, RequestTally


def cell(task: str = "coding", model: str = "dear", rule: str = "hard") -> Cell:
    return Cell("", task, rule, "deep", model, "", False, False)


def tally(**counts: int) -> RequestTally:
    made = RequestTally()
    names: dict[Count, int] = counts  # type: ignore[assignment]  # keywords are texts to the type checker
    made.count(names.items())
    return made


GOOD = {"requests": 10, "passed": 10, "verified": 10, "opinions": 10, "accepted": 10}


def test_what_costs_most_comes_first_with_its_share_and_its_rule() -> None:
    answers = {
        cell(): tally(**GOOD, cost_nano=750_000_000),
        cell("chat", "cheap", "everyday"): tally(**GOOD, cost_nano=250_000_000),
    }
    first, second = next_steps(answers)
    assert "75 % of the cost, $0.75, is coding answered by dear: 10 requests." in first.finding
    assert "--rule hard" in first.command
    assert "25 %" in second.finding


def test_nothing_is_suggested_where_nothing_stands_out() -> None:
    answers = {cell(str(i), f"m{i}"): tally(**GOOD, cost_nano=100) for i in range(8)}
    assert next_steps(answers) == ()


def test_few_requests_say_nothing_of_escalations() -> None:
    few = tally(requests=4, passed=4, verified=4, opinions=1, escalation=4)
    many = tally(**GOOD, escalation=4)
    assert not any("went up" in step.finding for step in next_steps({cell(): few}))
    assert any(
        "4 of 10 coding requests went up a tier." in step.finding for step in next_steps({cell(): many})
    )


def test_successes_nobody_verified_are_told_with_their_number() -> None:
    answers = {cell(): tally(requests=10, passed=10, verified=2, opinions=1)}
    assert any("8 of 10 successes" in step.finding for step in next_steps(answers))


def test_unknown_prices_and_silence_are_told() -> None:
    found = next_steps({cell(): tally(requests=10, passed=10, verified=10, unpriced=3)})
    assert any("cost of 3 requests is not known" in step.finding for step in found)
    assert any("Nobody has said" in step.finding for step in found)
