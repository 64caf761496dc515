"""How a deployment is doing, in a few words."""

import pytest

from tiercel.domain.failure import FailureKind
from tiercel.gateway.dashboard.standing import Kind, state_words
from tiercel.upstream.health import DeploymentHealth, State


@pytest.mark.parametrize(
    ("state", "rest", "in_a_row", "words", "kind"),
    [
        ("ok", 0.0, 0, "answers", "good"),
        ("ok", 0.0, 3, "answers; 3 failed in a row", "good"),
        ("cooling", 42.4, 1, "rests 43 s", "warn"),
        ("open", 300.0, 5, "breaker open, 5 min", "bad"),
        ("half_open", 0.0, 5, "breaker tries one call", "warn"),
    ],
)
def test_each_state_has_its_words(state: State, rest: float, in_a_row: int, words: str, kind: Kind) -> None:
    reason: FailureKind | None = None if state == "ok" else "overloaded"
    health = DeploymentHealth(
        name="one",
        state=state,
        reason=reason,
        rest_seconds=rest,
        failures_in_a_row=in_a_row,
        calls=9,
        failures=in_a_row,
        tokens_per_second=None,
        ttft_seconds=None,
    )
    assert state_words(health) == (words, kind)
