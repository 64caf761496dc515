"""What a provider says was used is believed within reason, and never a credit."""

import pytest

from tiercel.domain.response import Usage
from tiercel.upstream.usage import MOST_COST_NANO, MOST_TOKENS, believable

PLAIN = Usage(uncached=10, visible=5)


@pytest.mark.parametrize(
    ("seen", "believed"),
    [
        (None, None),
        (PLAIN, PLAIN),
        (Usage(uncached=MOST_TOKENS), Usage(uncached=MOST_TOKENS)),
        (Usage(uncached=MOST_TOKENS, visible=1), None),
        (
            Usage(uncached=10, visible=5, reported_cost_nano=0),
            Usage(uncached=10, visible=5, reported_cost_nano=0),
        ),
        (Usage(uncached=10, visible=5, reported_cost_nano=-1), PLAIN),
        (Usage(uncached=10, visible=5, reported_cost_nano=MOST_COST_NANO + 1), PLAIN),
    ],
)
def test_only_what_can_be_is_believed(seen: Usage | None, believed: Usage | None) -> None:
    assert believable(seen) == believed
