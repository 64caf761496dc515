"""A judge looks at one answer: does it meet the rubric? By the very prompt of the gateway's check `judge`."""

from tiercel.checks.check import Subject
from tiercel.checks.judge import CRITERIA, PROMPT_VERSION, Said, question_about, verdict_in
from tiercel.domain.errors import CheckError
from tiercel.evals.evaluation import Expectation
from tiercel.evals.judging.desk import JudgeDesk
from tiercel.evals.judging.pairwise import Pairwise
from tiercel.evals.judging.panel import Opinion, majority, opinion
from tiercel.evals.scorers.scorer import Answer, Scored, ScorerError, ScorerInfo, as_text

NAME = "llm-rubric"
SECONDS = 600.0
MOST_PROBLEM_CHARS = 300


class Rubric:
    """1 where the judge lets the answer pass, 0 where not; of a panel the share that does. A judge that is to look at
    pairs does so here, too."""

    info = ScorerInfo(
        name=NAME,
        summary="a judge finds that the answer meets the rubric",
        value="the rubric: what the answer must be (default: the judge's own criteria)",
        options={
            "reference": "whether the judge is shown the item's target as a right answer (default false)"
        },
        seconds=SECONDS,
        asks=True,
    )

    def __init__(self, desk: JudgeDesk | None = None, pairwise: Pairwise | None = None) -> None:
        self._desk = desk
        self._pairwise = pairwise or Pairwise(desk)

    def problems(self, expectation: Expectation) -> list[str]:
        found = [
            f"no option {name!r}; it takes reference" for name in expectation.options if name != "reference"
        ]
        if expectation.value is not None and not isinstance(expectation.value, str | list):
            found.append("value is no rubric: give a text, or a list of texts")
        return found

    async def score(self, answer: Answer, expectation: Expectation) -> Scored:
        if self._desk is None:
            raise ScorerError("there is nobody to ask here")
        desk = self._desk
        judge = desk.judge(expectation)
        if judge.mode == "pairwise":
            return await self._pairwise.score(answer, expectation)
        criteria = criteria_of(expectation, judge.criteria, answer)
        question = question_about(Subject(request=answer.request, choice=answer.choice), criteria)

        async def ask_one(model: str) -> Opinion:
            heard = await desk.put(model, question)
            return opinion(heard, *_verdict(heard.text))

        return await majority(
            judge.models, ask_one, prompt=f"judge prompt {PROMPT_VERSION}", half_is_enough=False
        )


def criteria_of(expectation: Expectation, own: str | None, answer: Answer) -> str:
    """What the answer must be: the rubric, else what the judge is set to, else the check's; with a right answer beside
    it where that is wanted."""
    given = expectation.value
    if isinstance(given, list):
        given = "\n".join(f"- {as_text(one)}" for one in given)
    criteria = as_text(given) if given is not None else own or CRITERIA
    if expectation.options.get("reference") and answer.item.target:
        return f"{criteria}\n\nA right answer, for comparison only: {answer.item.target[0]}"
    return criteria


def _verdict(text: str) -> tuple[float | None, str]:
    try:
        said = verdict_in(text)
    except CheckError:
        return None, "no valid verdict"
    return (1.0 if said.verdict == "pass" else 0.0), _told(said)


def _told(said: Said) -> str:
    problems = "; ".join(problem[:MOST_PROBLEM_CHARS] for problem in said.problems[:3])
    return f"{said.verdict}: {problems}" if problems and said.verdict == "fail" else said.verdict
