"""One judge or several: each gives a verdict of its own, and the majority of those that are valid counts."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from tiercel.evals.judging.desk import Heard
from tiercel.evals.scorers.scorer import Scored, ScorerError

LEAST_VALID = 0.5
"""With fewer valid verdicts than this share of the panel nothing is measured."""


class Opinion(msgspec.Struct, frozen=True, kw_only=True):
    """One judge's verdict: 1 for the candidate, 0 against, 0.5 for a tie; `None` where what it said is none. What it
    took is told as in `Scored`."""

    model: str
    value: float | None
    reason: str = ""
    cost_nano: int = 0
    calls: int = 1
    unpriced_calls: int = 0
    both_orders: bool = False
    flipped: bool = False


def opinion(heard: Heard, value: float | None, reason: str = "") -> Opinion:
    """The verdict that was heard in one question."""
    return Opinion(
        model=heard.model,
        value=value,
        reason=reason,
        cost_nano=heard.cost_nano or 0,
        calls=heard.calls,
        unpriced_calls=int(heard.cost_nano is None),
    )


async def majority(
    models: Sequence[str],
    ask_one: Callable[[str], Awaitable[Opinion]],
    *,
    prompt: str,
    half_is_enough: bool,
) -> Scored:
    """The panel's verdict: the mean of its valid ones, met above a half, or from a half on. Raises `ScorerError`, with
    what it cost, where too few gave a valid verdict."""
    opinions = await asyncio.gather(*(_tried(model, ask_one) for model in models))
    heard = [one for one in opinions if isinstance(one, Opinion)]
    valid = [one for one in heard if one.value is not None]
    cost, calls = sum(one.cost_nano for one in heard), sum(one.calls for one in heard)
    unpriced = sum(one.unpriced_calls for one in heard)
    if not valid or len(valid) < LEAST_VALID * len(models):
        silent = [one for one in opinions if isinstance(one, str)]
        why = silent[0] if silent else f"{len(heard) - len(valid)} of {len(models)} gave no valid verdict"
        words = why if silent else f"judge: {why}"
        raise ScorerError(words, cost_nano=cost, calls=calls, unpriced_calls=unpriced)
    value = sum(one.value or 0.0 for one in valid) / len(valid)
    return Scored(
        value=value,
        met=value > 0.5 or (half_is_enough and value == 0.5),
        reason=_told(valid, len(models)),
        by=f"{', '.join(one.model for one in valid)} ({prompt})",
        cost_nano=cost,
        calls=calls,
        unpriced_calls=unpriced,
        both_orders=sum(one.both_orders for one in valid),
        flips=sum(one.flipped for one in valid),
    )


async def _tried(model: str, ask_one: Callable[[str], Awaitable[Opinion]]) -> Opinion | str:
    try:
        return await ask_one(model)
    except ScorerError as error:
        return str(error)


def _told(valid: Sequence[Opinion], asked: int) -> str:
    if asked == 1:
        return valid[0].reason
    said = "; ".join(f"{one.model}: {one.reason}" for one in valid)
    missing = f"; {asked - len(valid)} gave no valid verdict" if len(valid) < asked else ""
    return f"{said}{missing}"
