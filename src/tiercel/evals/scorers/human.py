"""A person decides: the answer is kept and waits for its label; until then it counts neither way."""

from tiercel.evals.evaluation import Expectation
from tiercel.evals.scorers.plain import Plain
from tiercel.evals.scorers.scorer import Answer, Scored, ScorerInfo


def human(answer: Answer, expectation: Expectation) -> Scored:
    return Scored(value=0.0, reason="waits for a person's label", pending=True)


SCORERS = (
    Plain(
        info=ScorerInfo(
            name="human",
            summary="a person says whether it is good: `tiercel eval label`",
            value="what the person is asked (default: is it good?)",
        ),
        measure=human,
    ),
)
