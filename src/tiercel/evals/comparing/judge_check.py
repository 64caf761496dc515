"""How far a judge may be trusted on these answers: its verdicts against people's labels, and against itself."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from tiercel.domain.errors import ConfigError
from tiercel.evals.comparing.answers import Answers, Measured, answers_of
from tiercel.evals.comparing.figure import Figure, clusters_of, share
from tiercel.evals.comparing.labelled import Labelled, Side, labelled_estimate, said_of, side, win
from tiercel.evals.evaluation import Item, JudgeSettings
from tiercel.evals.judging import pairwise, rubric
from tiercel.evals.labels import About, Label
from tiercel.evals.results import Result, Score
from tiercel.evals.scorers.scorer import judge_of
from tiercel.evals.statistics.agreement import Agreement, cohen_kappa, krippendorff_alpha
from tiercel.evals.statistics.bootstrap import bootstrap_interval
from tiercel.evals.statistics.paired import paired_difference

SCORERS = (rubric.NAME, pairwise.NAME)


class JudgeCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A judge beside people.

    "passed": it said of each answer whether it is right; "preferred": which of two is the better one. `by` names models
    and versions of the prompt. `verdicts` were valid, `invalid` were none, most often for the reason `why_invalid`;
    `cost_nano` is what all of them took, but for `unpriced_calls`, whose price is unknown. `labels` is the number of
    answers or pairs that have both.

    `sensitivity` is the share of what people call right (of what they prefer the candidate in) that the judge does,
    too; `specificity` that of what they call wrong (prefer the other in). `flips` is how often a judge's verdict turned
    over with the order, of those asked in both. `length` is how much more the judge favours longer answers than people
    do, in shares. `corrected` has each candidate's rate as people would see it.
    """

    judge: str
    what: Side
    by: tuple[str, ...]
    verdicts: int
    invalid: int
    why_invalid: str
    cost_nano: int
    calls: int
    unpriced_calls: int
    labels: int
    agreement: Figure
    kappa: Figure
    sensitivity: Figure
    specificity: Figure
    flips: Figure
    length: Figure
    corrected: tuple[Labelled, ...]


class PeopleCheck(msgspec.Struct, frozen=True, kw_only=True):
    """People beside each other: `alpha` over all that several labelled, `kappas` of each two who met on something."""

    labellers: dict[str, int]
    alpha: Figure
    kappas: dict[tuple[str, str], Figure]


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a judge said of one answer, by itself or beside the baseline's."""

    row: Result
    in_pairs: bool
    scores: tuple[Score, ...]

    @property
    def verdict(self) -> float | None:
        """Of several questions about one answer the least favourable; `None` where one is open."""
        if any(score.unmeasured is not None for score in self.scores):
            return None
        return min(score.value for score in self.scores)


class _Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict beside what people said of the same; 1 for right, or for the candidate."""

    item: Item
    verdict: float
    said: float
    longer: float | None
    """Of a pair: whether the candidate's answer is the longer one, `None` where both are as long. Of a single answer:
    whether it is longer than half of those labelled."""


def check_judge(run: Measured, name: str, confidence: float = 0.95) -> JudgeCheck:
    """What is known of one of the run's judges. One that looked at single answers and at pairs is measured on the
    pairs. Raises `ConfigError` for a judge that the run does not have, or that was asked nothing."""
    evaluation = run.manifest.evaluation
    judge = evaluation.judges.get(name)
    if judge is None:
        known = f"there are {', '.join(evaluation.judges)}" if evaluation.judges else "it has none"
        raise ConfigError(f"run {run.manifest.id}: no judge {name!r}; {known}")
    asked = _asked(run, judge)
    if not asked:
        raise ConfigError(
            f"run {run.manifest.id}: judge {name!r} was asked nothing: name it in an assert of the type `llm-rubric` "
            "or `pairwise`, and run again; answers are taken from the cache"
        )
    what: Side = "preferred" if any(one.in_pairs for one in asked) else "passed"
    asked = [one for one in asked if one.in_pairs == (what == "preferred")]
    baseline = evaluation.baseline if what == "preferred" else None
    seen: list[_Seen] = []
    corrected: list[Labelled] = []
    for candidate in evaluation.candidates:
        answers = answers_of(run, candidate)
        said = said_of(answers, run.labels, baseline)
        verdicts = {
            (one.row.item, one.row.repeat): one.verdict
            for one in asked
            if one.row.candidate == candidate.id and one.verdict is not None
        }
        rate = labelled_estimate(answers, what, said, verdicts, confidence)
        if rate is not None:
            corrected.append(rate)
        seen += _beside(run, answers, said, verdicts, baseline)
    return _measured(
        judge,
        what,
        [score for one in asked for score in one.scores],
        seen,
        confidence=confidence,
        seed=evaluation.run.seed,
        corrected=tuple(corrected),
    )


def _measured(
    judge: JudgeSettings,
    what: Side,
    scores: Sequence[Score],
    seen: Sequence[_Seen],
    *,
    corrected: tuple[Labelled, ...],
    seed: int,
    confidence: float,
) -> JudgeCheck:
    valid = [score for score in scores if score.unmeasured is None]
    invalid = Counter(score.unmeasured for score in scores if score.unmeasured is not None)
    return JudgeCheck(
        judge=judge.name,
        what=what,
        by=tuple(sorted({score.by for score in valid if score.by})),
        verdicts=len(valid),
        invalid=invalid.total(),
        why_invalid=invalid.most_common(1)[0][0] if invalid else "",
        cost_nano=sum(score.cost_nano for score in scores),
        calls=sum(score.calls for score in scores),
        unpriced_calls=sum(score.unpriced_calls for score in scores),
        labels=len(seen),
        agreement=_share([side(one.verdict) == side(one.said) for one in seen], seen, confidence),
        kappa=_kappa(seen, seed, confidence),
        sensitivity=_given(seen, 1, confidence),
        specificity=_given(seen, -1, confidence),
        flips=_flips(valid, what, confidence),
        length=_length(seen, what, seed, confidence),
        corrected=corrected,
    )


def check_judges(run: Measured, confidence: float = 0.95) -> tuple[JudgeCheck, ...]:
    """Each of the run's judges that was asked anything."""
    judges = run.manifest.evaluation.judges
    return tuple(check_judge(run, name, confidence) for name, judge in judges.items() if _asked(run, judge))


def check_people(run: Measured, confidence: float = 0.95) -> PeopleCheck:
    """How far the labellers agree with each other, on answers and pairs alike."""
    known = {item.id for item in run.manifest.evaluation.items}
    said: dict[About, dict[str, float]] = defaultdict(dict)
    for label in run.labels:
        if label.item in known:
            said[label.about][label.labeller] = _word(label)
    labellers = Counter(who for words in said.values() for who in words)
    seed = run.manifest.evaluation.run.seed
    things = list(said)
    items = [about[0] for about in things]
    alpha = krippendorff_alpha(
        [[side(word) for word in said[about].values()] for about in things],
        seed=seed,
        clusters=items,
        confidence=confidence,
    )
    names = sorted(labellers)
    kappas: dict[tuple[str, str], Figure] = {}
    for at, one in enumerate(names):
        for other in names[at + 1 :]:
            both = [about for about in things if one in said[about] and other in said[about]]
            if both:
                found = cohen_kappa(
                    [side(said[about][one]) for about in both],
                    [side(said[about][other]) for about in both],
                    seed=seed,
                    clusters=[about[0] for about in both],
                    confidence=confidence,
                )
                kappas[one, other] = _figure(found)
    return PeopleCheck(labellers=dict(labellers), alpha=_figure(alpha), kappas=kappas)


def _asked(run: Measured, judge: JudgeSettings) -> list[_Asked]:
    """All that this judge was asked. Of the baseline beside itself nobody was."""
    evaluation = run.manifest.evaluation
    items = {item.id: item for item in evaluation.items}
    found: list[_Asked] = []
    for row in run.results:
        item = items.get(row.item)
        if item is None or len(item.expectations) != len(row.scores):
            continue  # never measured
        own = [
            (judge.mode == "pairwise" or expectation.scorer == pairwise.NAME, score)
            for expectation, score in zip(item.expectations, row.scores, strict=True)
            if expectation.scorer in SCORERS and judge_of(expectation, evaluation.judges) == judge
        ]
        for in_pairs in (False, True):
            scores = tuple(score for pair, score in own if pair == in_pairs)
            if scores and not (in_pairs and row.candidate == evaluation.baseline):
                found.append(_Asked(row=row, in_pairs=in_pairs, scores=scores))
    return found


def _beside(
    run: Measured,
    answers: Answers,
    said: dict[tuple[str, int], float],
    verdicts: dict[tuple[str, int], float],
    baseline: str | None,
) -> list[_Seen]:
    """The verdicts that people's labels stand beside."""
    both = [key for key in said if key in verdicts]
    length = {
        (row.item, row.repeat): len(row.output)
        for row in run.results
        if row.candidate == answers.candidate.id
    }
    other = {(row.item, row.repeat): len(row.output) for row in run.results if row.candidate == baseline}
    middle = float(np.median([length[key] for key in both])) if both else 0.0

    def longer(key: tuple[str, int]) -> float | None:
        than = middle if baseline is None else other.get(key, length[key])
        if baseline is not None and length[key] == than:
            return None
        return float(length[key] > than)

    return [
        _Seen(item=answers.items[key[0]], verdict=verdicts[key], said=said[key], longer=longer(key))
        for key in both
    ]


def _share(hits: Iterable[bool], seen: Sequence[_Seen], confidence: float) -> Figure:
    if not seen:
        return Figure(why="no labels")
    return share([float(hit) for hit in hits], [one.item for one in seen], confidence)


def _given(seen: Sequence[_Seen], wanted: int, confidence: float) -> Figure:
    """Of those of which people said this, the share of which the judge did."""
    such = [one for one in seen if side(one.said) == wanted]
    return _share([side(one.verdict) == wanted for one in such], such, confidence)


def _kappa(seen: Sequence[_Seen], seed: int, confidence: float) -> Figure:
    if not seen:
        return Figure(why="no labels")
    return _figure(
        cohen_kappa(
            [side(one.verdict) for one in seen],
            [side(one.said) for one in seen],
            seed=seed,
            clusters=clusters_of([one.item for one in seen]),
            confidence=confidence,
        )
    )


def _figure(found: Agreement) -> Figure:
    if found.value is None:
        return Figure(n=found.n, why="only one word was said" if found.n else "nothing has two words on it")
    if found.interval is None:
        return Figure(value=found.value, n=found.n, why="too few, or too alike, for an interval")
    return Figure(value=found.value, low=found.interval.low, high=found.interval.high, n=found.n)


def _flips(valid: Sequence[Score], what: Side, confidence: float) -> Figure:
    """Of a panel each model's verdict counts."""
    if what == "passed":
        return Figure(why="one answer at a time has no order")
    flips = sum(score.flips for score in valid)
    asked = sum(score.both_orders for score in valid)
    if not asked and valid:
        return Figure(why="asked in one order only")
    if asked < 2:
        return Figure(why="too few verdicts")
    placed = [Item(id=str(at), body={}) for at in range(asked)]
    return share([float(at < flips) for at in range(asked)], placed, confidence)


def _length(seen: Sequence[_Seen], what: Side, seed: int, confidence: float) -> Figure:
    """Of pairs: how much oftener the judge prefers the longer answer than people do. Of single answers: how much more
    its verdicts lie above people's on the longer half than on the shorter."""
    such = [one for one in seen if one.longer is not None]
    items = [one.item for one in such]
    clusters = clusters_of(items)
    if len({item.cluster or item.id for item in items}) < 2:
        return Figure(n=len(such), why="too few labels on answers of different length")
    if what == "preferred":
        people, judge = (
            [value if one.longer else 1 - value for one, value in zip(such, values, strict=True)]
            for values in ([one.said for one in such], [one.verdict for one in such])
        )
        found = paired_difference(people, judge, clusters=clusters, confidence=confidence)
        return Figure(value=found.value, low=found.interval.low, high=found.interval.high, n=len(such))
    above = np.array([one.verdict - one.said for one in such])
    longer = np.array([one.longer for one in such], dtype=float)
    if not 0 < longer.sum() < len(longer):
        return Figure(n=len(such), why="too few labels on answers of different length")
    columns = [above * longer, longer, above * (1 - longer), 1 - longer]
    value = float(above[longer > 0].mean() - above[longer == 0].mean())
    interval = bootstrap_interval(
        columns,
        lambda over, long, under, short: over / long - under / short,
        seed=seed,
        clusters=clusters,
        confidence=confidence,
    )
    if interval is None:
        return Figure(value=value, n=len(such), why="too few, or too alike, for an interval")
    return Figure(value=value, low=interval.low, high=interval.high, n=len(such))


def _word(label: Label) -> float:
    """As one number whichever of two was shown first: for the first by name of a pair, or for a single answer."""
    return float(label.label) if not isinstance(label.label, str) else win(label, label.about[2][0])
