"""The way that a run's evidence went, for a chart: the capital of its bets after each observation. Plain Python."""

import math

import msgspec

from tiercel.evals.live.trial import AuditTrial, Trial, registration_of
from tiercel.evals.statistics.sequential import WORSE
from tiercel.measure.betting import Bet, Claim, settle

MOST_POINTS = 200


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One bet: how the logarithm to base 10 of its capital went. The claim is shown once that reaches `needed`."""

    claim: str
    log10_capital: tuple[float, ...]
    needed: float


class Path(msgspec.Struct, frozen=True, kw_only=True):
    """`at` is Unix seconds and `observations` how many counted by then; the first point is the start."""

    at: tuple[float, ...]
    observations: tuple[int, ...]
    lines: tuple[Line, ...]


def path_of(trial: Trial | AuditTrial) -> Path:
    """Of long runs some points are left out, but never the last one nor a line's highest."""
    found, alpha = trial.observed.observations, trial.run.alpha
    values = trial.observed.differences
    if isinstance(trial, AuditTrial):
        values = [-value for value in values]
        lines = [_line("worse after all", registration_of(trial.run).too_bad, values, alpha)]
    else:
        lines = [
            _line("not worse", registration_of(trial.run).not_worse, values, alpha),
            _line("worse", WORSE, values, alpha / 2),
        ]
    kept = sorted(_kept(len(values) + 1, [line.log10_capital for line in lines]))
    moments = (trial.run.started_at, *(one.at for one in found))
    return Path(
        at=tuple(moments[at] for at in kept),
        observations=tuple(kept),
        lines=tuple(
            msgspec.structs.replace(line, log10_capital=tuple(line.log10_capital[at] for at in kept))
            for line in lines
        ),
    )


def _line(name: str, claim: Claim, values: list[float], alpha: float) -> Line:
    bet, capitals = Bet(), [0.0]
    for value in values:
        bet = settle(bet, claim, value)
        capitals.append(round(bet.log_capital / math.log(10), 4))
    return Line(claim=name, log10_capital=tuple(capitals), needed=-math.log10(alpha))


def _kept(count: int, lines: list[tuple[float, ...]]) -> set[int]:
    steps = min(count, MOST_POINTS)
    even = {round(at * (count - 1) / max(1, steps - 1)) for at in range(steps)}
    return even | {line.index(max(line)) for line in lines}
