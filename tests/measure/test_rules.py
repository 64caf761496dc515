"""What each rule routed adds up: requests, cost, and who answered."""

import pytest

from tests.measure.samples import TABLE
from tiercel.measure.rules import traffic_by_rule
from tiercel.records.sums import sums_of


def test_shares_and_answers_add_up() -> None:
    found = traffic_by_rule(sums_of(TABLE, {}).answers)
    assert sum(one.group.requests for one in found.values()) == len(TABLE)
    assert sum(one.share for one in found.values()) == pytest.approx(1.0)
    assert sum(one.cost_share for one in found.values()) == pytest.approx(1.0)
    for name, one in found.items():
        own = [record for record in TABLE if record.rule == name]
        assert sum(one.answered.values()) == len(own)
        models = {record.answer.model if record.answer else "" for record in own}
        assert {who.model for who in one.answered} == models


def test_without_requests_there_is_nothing() -> None:
    assert traffic_by_rule({}) == {}
