"""What answers have cost in earlier runs of a suite: the best guess at what they will cost."""

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from tiercel.evals.evaluation import Candidate, Evaluation, Item, JudgeSettings
from tiercel.evals.results import Result
from tiercel.evals.run_folder import RunFolder
from tiercel.evals.scorers.scorer import judge_of


class Recorded:
    """Of these runs, as far as prices were known; only simulated ones tell what simulated models say.

    Raises `ConfigError` for a damaged run.
    """

    def __init__(self, runs: Iterable[RunFolder], *, simulated: bool) -> None:
        self._answers: defaultdict[bytes, defaultdict[bytes, list[int]]] = defaultdict(
            lambda: defaultdict(list)
        )
        self._judges: defaultdict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0])
        for run in runs:
            if run.manifest.simulated == simulated:
                self._read(run)

    def answers(self, candidate: Candidate) -> int:
        """How many answers of this candidate are known."""
        return sum(map(len, self._answers[_who(candidate)].values()))

    def answer_nano(self, candidate: Candidate, item: Item) -> int | None:
        """Nano-dollars that this candidate's answers to this very item cost on average, else to any item; `None` where
        none is known."""
        known = self._answers[_who(candidate)]
        costs = known.get(_what(item)) or [cost for costs in known.values() for cost in costs]
        return sum(costs) // len(costs) if costs else None

    def call_nano(self, judge: JudgeSettings) -> int | None:
        """Nano-dollars that a call of this judge cost on average, of a panel's over all its models."""
        cost, calls = self._judges[judge.models]
        return cost // calls if calls else None

    def _read(self, run: RunFolder) -> None:
        evaluation = run.manifest.evaluation
        candidates = {one.id: _who(one) for one in evaluation.candidates}
        items = {item.id: item for item in evaluation.items}
        for row in run.results().values():
            item = items.get(row.item)
            if item is None or row.candidate not in candidates:
                continue
            was_answered = row.state != "error" or row.kind == "scorer"
            if was_answered and row.cost_nano is not None:
                self._answers[candidates[row.candidate]][_what(item)].append(row.cost_nano)
            self._read_judges(evaluation, item, row)

    def _read_judges(self, evaluation: Evaluation, item: Item, row: Result) -> None:
        for expectation, score in zip(item.expectations, row.scores, strict=False):
            judge = judge_of(expectation, evaluation.judges)
            if judge is not None and score.calls and score.full_cost_nano is not None:
                self._judges[judge.models][0] += score.full_cost_nano
                self._judges[judge.models][1] += score.calls


def _who(candidate: Candidate) -> bytes:
    """Names the candidate by what is asked, whatever it is called."""
    return msgspec.json.encode((candidate.address, candidate.helped, candidate.fields), order="sorted")


def _what(item: Item) -> bytes:
    return msgspec.json.encode(item.body, order="sorted")
