"""What one candidate answered in one run."""

from collections.abc import Iterable, Iterator

import msgspec

from tiercel.evals.dropped import Dropped
from tiercel.evals.evaluation import Candidate, Item
from tiercel.evals.files.documents import SCHEME
from tiercel.evals.labels import Label, hash_of_answers, last_words, read_labels
from tiercel.evals.results import Result
from tiercel.evals.run_folder import Manifest, RunFolder


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A run with the latest result of each of its answers, and what people said of them."""

    manifest: Manifest
    results: tuple[Result, ...]
    labels: tuple[Label, ...] = ()


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """The candidate, what it was asked, and what came of it.

    `name` is what tables call it. An error says nothing about a candidate: only `answered` is evidence. `expected` is
    the number of answers that the run was to have. `dropped` is said of a loser that was not asked to the end, and
    `asked_no_more` of it, and of a baseline that had nobody left beside it.
    """

    name: str
    candidate: Candidate
    items: dict[str, Item]
    answered: tuple[Result, ...]
    errors: tuple[Result, ...]
    expected: int
    dropped: Dropped | None = None
    asked_no_more: bool = False

    @property
    def unasked(self) -> int:
        """Answers that were never asked for."""
        return max(0, self.expected - len(self.answered) - len(self.errors))

    @property
    def missing(self) -> int:
        """Those of them that are still to come: the run is not finished."""
        return 0 if self.asked_no_more else self.unasked

    def items_of(self, results: Iterable[Result]) -> list[Item]:
        """The item of each result."""
        return [self.items[result.item] for result in results]


def measured(run: RunFolder) -> Measured:
    """The run with its results, and the labels on its answers: its own, and those in the files that its judges name,
    where these still lie beside the evaluation. Raises `ConfigError` for a damaged file."""
    results = tuple(run.results().values())
    judges = run.manifest.evaluation.judges.values()
    beside = run.path.absolute().parent.parent
    named = dict.fromkeys(beside / one.labels.removeprefix(SCHEME) for one in judges if one.labels)
    files = [path for path in (*named, run.labels_path) if path.exists()]
    said = (label for path in files for label in read_labels(path))
    return Measured(
        manifest=run.manifest, results=results, labels=tuple(last_words(labels_on(results, said)))
    )


def labels_on(results: Iterable[Result], labels: Iterable[Label]) -> Iterator[Label]:
    """Those that are about these very answers. What was said of another answer to the same item is left out; where it
    is not noted what was seen, the label is believed."""
    texts = {(row.item, row.repeat, row.candidate): row.said for row in results}
    for label in labels:
        item, repeat, candidates = label.about
        found = {name: texts.get((item, repeat, name), "") for name in candidates}
        if label.seen is None or label.seen == hash_of_answers(found):
            yield label


def answers_of(run: Measured, candidate: Candidate, name: str | None = None) -> Answers:
    """The candidate's part of a run. Results of items that the run does not know are left out."""
    evaluation = run.manifest.evaluation
    items = {item.id: item for item in evaluation.items}
    rows = [row for row in run.results if row.candidate == candidate.id and row.item in items]
    return Answers(
        name=name or candidate.id,
        candidate=candidate,
        items=items,
        answered=tuple(row for row in rows if row.state != "error"),
        errors=tuple(row for row in rows if row.state == "error"),
        expected=len(items) * evaluation.run.repeats,
        dropped=next((one for one in run.manifest.dropped if one.candidate == candidate.id), None),
        asked_no_more=candidate.id in run.manifest.asked_no_more,
    )
