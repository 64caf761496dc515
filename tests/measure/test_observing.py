"""From pairs to observations: sessions count once, when their time is over, and never change afterwards."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.measure.test_pairs import BAD, GOOD, PAIR
from tiercel.domain.record import PairedAnswer, ShadowPair
from tiercel.measure.observing import ANSWER_SECONDS, Observed, observed, suspicion

HOUR = 3_600.0
FAR = 1e9
CUT = PairedAnswer(failure="cancelled", seconds=1.0)


def pair(
    name: str, at: float, live: PairedAnswer, shadow: PairedAnswer, session: str | None = None
) -> ShadowPair:
    return msgspec.structs.replace(
        PAIR,
        record_id=name,
        received_at=at,
        live=live,
        shadow=shadow,
        session=session,
        cluster=session or name,
    )


def seen(*pairs: ShadowPair, now: float = FAR) -> Observed:
    return observed(pairs, now=now, window_seconds=HOUR)


@pytest.mark.parametrize(
    ("live", "shadow", "difference"),
    [(GOOD, GOOD, 0.0), (GOOD, BAD, -1.0), (BAD, GOOD, 1.0), (BAD, BAD, 0.0)],
)
def test_a_request_without_a_session_is_an_observation(
    live: PairedAnswer, shadow: PairedAnswer, difference: float
) -> None:
    """Candidate minus what was delivered."""
    assert seen(pair("a", 0.0, live, shadow)).differences == [difference]


def test_a_session_is_one_observation_of_its_mean() -> None:
    """Four pairs of one conversation are one bet."""
    pairs = [pair(str(at), at, GOOD, BAD if at == 0 else GOOD, "s") for at in range(4)]
    (one,) = seen(*pairs).observations
    assert (one.difference, one.pairs, one.at) == (-0.25, 4, HOUR)


def test_what_comes_after_the_time_of_its_session_does_not_count() -> None:
    """Else a bet that was settled would change."""
    found = seen(pair("a", 0.0, GOOD, GOOD, "s"), pair("b", HOUR + 1, GOOD, BAD, "s"))
    assert (found.differences, found.late) == ([0.0], 1)


def test_nothing_counts_before_its_time() -> None:
    """A session waits for its hour, a request for those that came before it and are not answered yet."""
    pairs = (pair("a", 0.0, GOOD, GOOD, "s"), pair("b", 1.0, GOOD, GOOD))
    assert seen(*pairs, now=ANSWER_SECONDS).waiting == 2
    assert seen(*pairs, now=ANSWER_SECONDS + 1).waiting == 1
    assert seen(*pairs, now=HOUR).waiting == 0


def test_a_copy_that_a_stopping_gateway_cut_off_says_nothing() -> None:
    """It is no failure of the candidate; a failure of the candidate's own is one."""
    down = msgspec.structs.replace(CUT, failure="server_error")
    found = seen(pair("a", 0.0, GOOD, CUT), pair("b", 1.0, GOOD, down))
    assert (found.differences, found.cut_off) == ([-1.0], 1)


entries = st.lists(
    st.tuples(
        st.floats(0, 10 * HOUR),
        st.sampled_from([GOOD, BAD]),
        st.sampled_from([GOOD, BAD, CUT]),
        st.sampled_from([None, "s", "t", "u"]),
    ),
    max_size=30,
)


@given(entries, st.floats(0, 12 * HOUR), st.floats(0, 12 * HOUR))
def test_what_was_counted_once_never_changes(
    drawn: list[tuple[float, PairedAnswer, PairedAnswer, str | None]], one: float, other: float
) -> None:
    """Whoever looked earlier saw the beginning of what is seen later, whatever came in between."""
    earlier, later = sorted((one, other))
    pairs = [pair(f"rec_{n}", at, live, shadow, s) for n, (at, live, shadow, s) in enumerate(drawn)]
    first = seen(*(p for p in pairs if p.received_at <= earlier), now=earlier).observations
    assert seen(*pairs, now=later).observations[: len(first)] == first


@given(entries)
def test_no_pair_is_lost(drawn: list[tuple[float, PairedAnswer, PairedAnswer, str | None]]) -> None:
    """Each counts, waits, is late, or was cut off."""
    pairs = [pair(f"rec_{n}", at, live, shadow, s) for n, (at, live, shadow, s) in enumerate(drawn)]
    found = seen(*reversed(pairs), now=5 * HOUR)
    assert len(found.pairs) + found.waiting + found.late + found.cut_off == len(pairs)
    assert sum(own.pairs for own in found.observations) == len(found.pairs)


@pytest.mark.parametrize(
    ("live", "shadow", "is_alarm"), [(BAD, GOOD, True), (GOOD, BAD, False), (GOOD, GOOD, False)]
)
def test_an_audit_suspects_the_delivered_side(
    live: PairedAnswer, shadow: PairedAnswer, is_alarm: bool
) -> None:
    """Delivered answers are the adopted model's by then; it is alarming where only the former one passes."""
    pairs = [pair(str(at), at, live if at % 4 == 0 else GOOD, shadow, None) for at in range(200)]
    assert suspicion(seen(*pairs), 0.05).proves(0.05) is is_alarm
