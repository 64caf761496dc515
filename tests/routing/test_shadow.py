"""Which requests are copied, and who may answer the copy."""

from hypothesis import given
from hypothesis import strategies as st

from tiercel.routing.shadow import is_drawn

IDS = [f"rec_{number}" for number in range(4_000)]


def drawn(comparison: str, share: float) -> set[str]:
    return {one for one in IDS if is_drawn(comparison, one, share)}


def test_as_many_as_the_share_says() -> None:
    """About a twentieth at 0.05, everything at 1, nothing at 0."""
    assert 120 < len(drawn("rule:any", 0.05)) < 290
    assert drawn("rule:any", 1.0) == set(IDS)
    assert drawn("rule:any", 0.0) == set()


def test_a_larger_share_draws_the_same_and_more() -> None:
    """Raising the share throws no pair away."""
    assert drawn("rule:any", 0.05) < drawn("rule:any", 0.2)


def test_comparisons_draw_independently() -> None:
    """Two at one half have about a quarter of the requests in common."""
    common = len(drawn("rule:any", 0.5) & drawn("run_1", 0.5))
    assert 850 < common < 1_150


@given(st.text(), st.text(), st.floats(0, 1))
def test_the_same_names_give_the_same_answer(comparison: str, record_id: str, share: float) -> None:
    """Whoever has record and comparison can say whether it was drawn."""
    assert is_drawn(comparison, record_id, share) == is_drawn(comparison, record_id, share)
