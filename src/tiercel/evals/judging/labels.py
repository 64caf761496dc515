"""What a person is asked to label next, blind, and what is kept of the answer. Plain Python, and no terminal in it.

Items come in a random order that nobody chose, so that what is labelled stands for what is not. Which candidate wrote
an answer is not said, and which of two stands first is drawn anew for each item and each labeller.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.evals.evaluation import Item
from tiercel.evals.labels import About, Label, Preference, hash_of_answers
from tiercel.evals.results import Result
from tiercel.evals.run_folder import Manifest
from tiercel.evals.scorers.scorer import as_text
from tiercel.evals.statistics.labels import label_stream

Word = Literal["first", "second", "tie", "both_bad"] | float
"""What a person says: which of two answers shown is the better one, or how good a single one is, 0 to 1."""

GOOD = "Is the answer right?"
BETTER = "Which answer is the better one?"


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """What a person is shown at a time: an answer, or two in this order; never who wrote them.

    `question` is what is asked of it. `p_sampled` is the chance with which the item came up.
    """

    item: Item
    answers: tuple[Result, ...]
    question: str
    p_sampled: float

    @property
    def about(self) -> About:
        """What a label on it is about."""
        shown = (answer.candidate for answer in self.answers)
        return self.item.id, self.answers[0].repeat, tuple(sorted(shown))

    @property
    def seen(self) -> str:
        """Names the very answers that are shown."""
        return hash_of_answers({answer.candidate: answer.said for answer in self.answers})

    def label(self, word: Word, labeller: str, at: float) -> Label:
        """The row for what was said. Raises `ValueError` for a word about two on one, or the other way round."""
        shown = [answer.candidate for answer in self.answers]
        said: Preference | float
        if isinstance(word, str):
            said = "A" if word == "first" else "B" if word == "second" else word
        else:
            said = word
        return Label(
            item=self.item.id,
            label=said,
            candidate=shown[0] if len(shown) == 1 else None,
            pair=(shown[0], shown[1]) if len(shown) == 2 else None,
            repeat=self.answers[0].repeat,
            labeller=labeller,
            p_sampled=self.p_sampled,
            at=at,
            seen=self.seen,
        )


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """All sheets of a labeller in their order. `items` of `out_of` were drawn; the rest lacks an answer or is left for
    later."""

    sheets: tuple[Sheet, ...]
    labeller: str
    items: int
    out_of: int

    def left(self, labels: Iterable[Label]) -> list[Sheet]:
        """What this labeller has not labelled yet."""
        done = {(label.about, label.seen) for label in labels if label.labeller == self.labeller}
        return [sheet for sheet in self.sheets if not {(sheet.about, sheet.seen), (sheet.about, None)} & done]


def queue_of(
    manifest: Manifest,
    results: Iterable[Result],
    *,
    candidates: Sequence[str],
    in_pairs: bool,
    n: int,
    labeller: str,
) -> Queue:
    """The first `n` items of the run's random stream, with the first answer of each of the candidates to it.

    The stream is the same for all labellers, so that they meet on the same items, and a larger `n` goes on where a
    smaller one ended. Items are left out where one of the candidates has no answer.

    Raises `ConfigError` for candidates that the run does not have, or where nothing is to be labelled.
    """
    _require_known(manifest, candidates)
    if n < 1:
        raise ConfigError(f"{n} items: give at least 1")
    answers = {(row.item, row.candidate): row for row in results if row.repeat == 1 and _was_answered(row)}
    items = {item.id: item for item in manifest.evaluation.items}
    whole = [item for item in items if all((item, name) in answers for name in candidates)]
    if not whole:
        raise ConfigError(f"run {manifest.id}: no item has an answer of {' and of '.join(candidates)}")
    stream = label_stream(whole, seed=manifest.id)[:n]
    chance = len(stream) / len(whole)
    sheets: list[Sheet] = []
    for item in stream:
        drawn = _shuffled([answers[item, name] for name in candidates], f"{manifest.id}\0{labeller}")
        for shown in [tuple(drawn)] if in_pairs else [(answer,) for answer in drawn]:
            question = _question(items[item], in_pairs)
            sheets.append(Sheet(item=items[item], answers=shown, question=question, p_sampled=chance))
    return Queue(sheets=tuple(sheets), labeller=labeller, items=len(stream), out_of=len(whole))


def candidates_to_label(manifest: Manifest, *, pair: Sequence[str], models: Sequence[str]) -> tuple[str, ...]:
    """Whose answers are labelled: the two of a pair, else each of those named, else every candidate's.

    Raises `ConfigError` for a pair that is none.
    """
    if pair and len(set(pair)) != 2:
        raise ConfigError(f"--pairs {','.join(pair)}: give two candidates, such as fast,deep")
    return tuple(pair) or tuple(models) or tuple(one.id for one in manifest.evaluation.candidates)


def _require_known(manifest: Manifest, candidates: Sequence[str]) -> None:
    known = [one.id for one in manifest.evaluation.candidates]
    for name in candidates:
        if name not in known:
            raise ConfigError(f"run {manifest.id}: no candidate {name!r}; there are {', '.join(known)}")


def _was_answered(row: Result) -> bool:
    """An answer that a scorer could not measure is still an answer."""
    return row.state != "error" or (row.kind == "scorer" and bool(row.said))


def _shuffled(answers: list[Result], seed: str) -> list[Result]:
    return sorted(
        answers,
        key=lambda row: hashlib.sha256(f"{seed}\0{row.item}\0{row.candidate}".encode()).digest(),
    )


def _question(item: Item, in_pairs: bool) -> str:
    """What the item asks of people, else what it asks of a judge: both must look for the same."""
    for scorer in ("human", "llm-rubric", "pairwise"):
        for expectation in item.expectations:
            if expectation.scorer == scorer and expectation.value is not None:
                return as_text(expectation.value)
    return BETTER if in_pairs else GOOD
