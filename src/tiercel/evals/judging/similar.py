"""Does the answer mean what this text means? By the cosine of their embeddings, as an embedding model places them.

What is about the same is near, whether or not it says the same: a denial hardly lies further off than a confirmation.
"""

from collections.abc import Callable

from tiercel.checks.check import Subject
from tiercel.checks.comparing.meaning import cosine
from tiercel.evals.evaluation import Expectation
from tiercel.evals.judging.desk import JudgeDesk
from tiercel.evals.scorers.plain import reference_problems, references, unknown_options
from tiercel.evals.scorers.scorer import Answer, Scored, ScorerError, ScorerInfo

NAME = "similar"
THRESHOLD = 0.75
SECONDS = 600.0

FindFault = Callable[[str], str | None]
"""What is wrong with this name of a model that is to embed; `None` where it can."""


class Similar:
    """The cosine of the answer and the nearest of the texts, 0 to 1; less than 0 counts as 0."""

    info = ScorerInfo(
        name=NAME,
        summary="the answer means what this text means, by the cosine of their embeddings",
        value="the text, or a list of texts of which the nearest counts (default: the item's targets)",
        options={"model": "who embeds, one of your models (required)"},
        threshold=THRESHOLD,
        seconds=SECONDS,
    )

    def __init__(self, desk: JudgeDesk | None = None, find_fault: FindFault | None = None) -> None:
        self._desk = desk
        self._find_fault = find_fault

    def problems(self, expectation: Expectation) -> list[str]:
        found = unknown_options(self.info, expectation) + reference_problems(expectation)
        model = expectation.options.get("model")
        if not isinstance(model, str) or not model:
            found.append("nobody is named who embeds: add `model: NAME`, a model of yours that embeds texts")
        elif self._find_fault is not None and (fault := self._find_fault(model)) is not None:
            found.append(f"model: {fault}")
        return found

    async def score(self, answer: Answer, expectation: Expectation) -> Scored:
        silent = Subject(request=answer.request, choice=answer.choice).nothing_to_read
        if silent is not None or not answer.text.strip():
            return Scored(value=0.0, reason=f"no text to read: {silent or 'it is empty'}", met=False)
        texts = references(answer, expectation)
        if self._desk is None:
            raise ScorerError("there is nobody here who embeds texts")
        model = str(expectation.options["model"])
        placed = await self._desk.embed(model, (answer.text, *texts))
        own, *others = placed.vectors
        nearest = max(0.0, *(cosine(own, other) for other in others))
        return Scored(
            value=nearest,
            reason=f"meaning {nearest:.2f}, by {model}",
            cost_nano=placed.cost_nano or 0,
            calls=placed.calls,
            unpriced_calls=int(placed.cost_nano is None),
        )
