"""Models that judge answers: asked by a versioned prompt for a verdict of a forced shape, never read out of prose."""

from tiercel.evals.judging.desk import JudgeDesk
from tiercel.evals.judging.pairwise import Pairwise
from tiercel.evals.judging.rubric import Rubric
from tiercel.evals.judging.similar import Similar
from tiercel.evals.scorers.scorer import Scorer


def judging_scorers(desk: JudgeDesk | None = None, baseline: str | None = None) -> tuple[Scorer, ...]:
    """The scorers that ask a model; without a desk they can say what they take, and measure nothing."""
    pairwise = Pairwise(desk, baseline)
    return Rubric(desk, pairwise), pairwise, Similar(desk)
