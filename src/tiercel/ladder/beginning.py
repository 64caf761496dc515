"""What becomes of the held beginning of a stream: it waits for more, goes out, or is left for another rung.

The speed is that of the whole beginning, from its first content on. Who is too slow for it is left as soon as that is
certain, and only while another rung could do better: a slow answer is better than none.
"""

from typing import Literal

from tiercel.domain.policy import Hold

Beginning = Literal["wait", "go", "leave"]


def judge_beginning(hold: Hold, *, tokens: float, seconds: float, others_follow: bool) -> Beginning:
    """What to do when `tokens` of content came within `seconds` of the first of them. Pure."""
    floor = hold.least_tokens_per_second
    if floor is not None and others_follow and seconds * floor > hold.tokens:
        return "leave"
    return "go" if tokens >= hold.tokens else "wait"
