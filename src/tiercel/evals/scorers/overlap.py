"""How many of its words the answer shares with a text: ROUGE, as the gateway's check `similarity` counts it.

It measures wording and not meaning: a denial shares almost every word with what it denies.
"""

from collections.abc import Callable, Sequence

from tiercel.checks.comparing.words import f1, rouge_l, words_of
from tiercel.evals.evaluation import Expectation
from tiercel.evals.scorers.plain import Measure, Plain, reference_problems, references
from tiercel.evals.scorers.scorer import Answer, Scored, ScorerInfo

THRESHOLD = 0.75
Overlap = Callable[[Sequence[str], Sequence[str]], float]


def _of(overlap: Overlap) -> Measure:
    def measure(answer: Answer, expectation: Expectation) -> Scored:
        said = words_of(answer.text)
        nearest = max(overlap(words_of(text), said) for text in references(answer, expectation))
        return Scored(value=nearest, reason=f"overlap {nearest:.2f}")

    return measure


def _scorer(name: str, summary: str, overlap: Overlap) -> Plain:
    info = ScorerInfo(
        name=name,
        summary=f"the answer shares its words with this text{summary}",
        value="the text, or a list of texts of which the nearest counts (default: the item's targets)",
        threshold=THRESHOLD,
    )
    return Plain(info=info, measure=_of(overlap), find_problems=reference_problems)


SCORERS = (
    _scorer("rouge-1", ": F1 of single words", f1),
    _scorer("rouge-l", " in the same order: F1 of the longest common subsequence", rouge_l),
)
