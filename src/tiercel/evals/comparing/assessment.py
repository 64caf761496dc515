"""Everything that a report tells, put together: of one run, or of one run held against an earlier one."""

from typing import Literal

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.evals.comparing.answers import Answers, Measured, answers_of
from tiercel.evals.comparing.contender import Contender, contenders
from tiercel.evals.comparing.guardrails import Guarded, guarded_alone
from tiercel.evals.comparing.judge_check import JudgeCheck, check_judges
from tiercel.evals.comparing.labelled import Labelled, labelled
from tiercel.evals.comparing.pairs import Pairing, pair_up
from tiercel.evals.comparing.signals import Signals, signals_of
from tiercel.evals.comparing.slices import at_path
from tiercel.evals.evaluation import Analysis, Candidate, Guardrail, Item
from tiercel.evals.run_folder import Manifest
from tiercel.evals.statistics.repeats import Repeats, split_variance

BASE, HEAD = "base", "head"


class Alone(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate that is compared with nobody, and what became of the bounds that it has to keep."""

    name: str
    guardrails: tuple[Guarded, ...]


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """What is known after a run ("run"), or of a later run against an earlier one ("change").

    `runs` are the manifests, the base first. `answers` are what it was made from, of two runs the head's only. `models`
    has a row for each candidate, `contenders` one for each that was held against the baseline, `alone` one for each
    where nobody was, `repeats` what re-asking showed, by name, `labelled` what people's labels make of the verdicts,
    and `judges` how far each judge agrees with people and with itself; of two runs the head's. `warnings` say what a
    reader must know before believing any of it.
    """

    kind: Literal["run", "change"]
    runs: tuple[Manifest, ...]
    analysis: Analysis
    baseline: str | None
    answers: tuple[Answers, ...]
    models: tuple[Signals, ...]
    contenders: tuple[Contender, ...]
    alone: tuple[Alone, ...] = ()
    repeats: dict[str, Repeats]
    labelled: tuple[Labelled, ...]
    warnings: tuple[str, ...]
    judges: tuple[JudgeCheck, ...] = ()

    @property
    def title(self) -> str:
        return self.runs[-1].evaluation.name

    @property
    def bounded(self) -> dict[str, tuple[Guarded, ...]]:
        """What became of the bounds of each candidate that has any."""
        held = [(one.name, one.guardrails) for one in self.contenders]
        return {
            name: rails for name, rails in (*held, *((o.name, o.guardrails) for o in self.alone)) if rails
        }

    @property
    def simulated(self) -> bool:
        return any(run.simulated for run in self.runs)


def assess_run(run: Measured, analysis: Analysis | None = None) -> Assessment:
    """Each candidate of a run against its baseline; with no baseline, each for itself."""
    evaluation = run.manifest.evaluation
    analysis = analysis or evaluation.analysis
    sides = [answers_of(run, candidate) for candidate in evaluation.candidates]
    baseline = next((side for side in sides if side.name == evaluation.baseline), None)
    pairings = [pair_up(baseline, side) for side in sides if baseline and side is not baseline]
    return Assessment(
        kind="run",
        runs=(run.manifest,),
        analysis=analysis,
        baseline=baseline.name if baseline else None,
        answers=tuple(sides),
        models=tuple(signals_of(side, 1 - analysis.alpha) for side in sides),
        contenders=contenders(pairings, analysis, evaluation.run.seed),
        alone=() if pairings else tuple(_alone(side, analysis) for side in sides),
        repeats=_repeats(sides),
        labelled=tuple(
            found
            for side in sides
            for found in labelled(side, evaluation.baseline, run.labels, 1 - analysis.alpha)
        ),
        warnings=tuple(_unfinished([run], sides)),
        judges=check_judges(run, 1 - analysis.alpha),
    )


def assess_change(
    base: Measured,
    head: Measured,
    analysis: Analysis | None = None,
    guardrails: tuple[Guardrail, ...] | None = None,
) -> Assessment:
    """Each candidate of a later run against itself in an earlier one, item by item.

    What is decided is what the *base* was to decide: a change cannot widen its own margin. Of its guardrails those hold
    that are absolute, and for candidates only, as within a run: multiples of the baseline's mean another model there.
    `guardrails` in their place bound each candidate by its former self. Two runs of one candidate each are compared
    whatever these are called. Raises `ConfigError` where the runs have no candidate in common.
    """
    analysis = analysis or base.manifest.evaluation.analysis
    unbound = head.manifest.evaluation.baseline if guardrails is None else None
    if guardrails is None:
        guardrails = tuple(rail for rail in analysis.guardrails if not rail.relative)
    analysis = msgspec.structs.replace(analysis, guardrails=guardrails)
    pairings = []
    for before, after in _in_common(base.manifest, head.manifest):
        labels = (
            (before.id, after.id)
            if before.id != after.id
            else (f"{before.id} ({BASE})", f"{after.id} ({HEAD})")
        )
        pairings.append(pair_up(answers_of(base, before, labels[0]), answers_of(head, after, labels[1])))
    sides = [side for pairing in pairings for side in (pairing.baseline, pairing.candidate)]
    return Assessment(
        kind="change",
        runs=(base.manifest, head.manifest),
        analysis=analysis,
        baseline=sides[0].name if len(pairings) == 1 else None,
        answers=tuple(pairing.candidate for pairing in pairings),
        models=tuple(signals_of(side, 1 - analysis.alpha) for side in sides),
        contenders=tuple(
            msgspec.structs.replace(one, guardrails=()) if pairing.candidate.candidate.id == unbound else one
            for one, pairing in zip(
                contenders(pairings, analysis, base.manifest.evaluation.run.seed), pairings, strict=True
            )
        ),
        repeats=_repeats(sides),
        labelled=tuple(
            found
            for pairing in pairings
            for run, side in ((base, pairing.baseline), (head, pairing.candidate))
            for found in labelled(side, run.manifest.evaluation.baseline, run.labels, 1 - analysis.alpha)
        ),
        warnings=(
            *_unfinished([base, head], sides),
            *_changed(base.manifest, head.manifest),
            *(words for pairing in pairings for words in _other_versions(pairing)),
        ),
        judges=check_judges(head, 1 - analysis.alpha),
    )


def regrouped(run: Measured, path: str) -> Measured:
    """The same run with its items clustered by what their metadata hold under a dotted path.

    Raises `ConfigError` where no item has it.
    """
    replace = msgspec.structs.replace
    evaluation = run.manifest.evaluation
    found = [at_path(item, path) for item in evaluation.items]
    if all(label is None for label in found):
        raise ConfigError(f"run {run.manifest.id}: no item has {path!r} in its metadata to cluster by")
    items = tuple(
        replace(item, cluster=None if label is None else msgspec.json.encode(label).decode())
        for item, label in zip(evaluation.items, found, strict=True)
    )
    return replace(run, manifest=replace(run.manifest, evaluation=replace(evaluation, items=items)))


def _alone(side: Answers, analysis: Analysis) -> Alone:
    rails = (
        guarded_alone(rail, side, 1 - analysis.alpha) for rail in analysis.guardrails if not rail.relative
    )
    return Alone(name=side.name, guardrails=tuple(rails))


def _in_common(base: Manifest, head: Manifest) -> list[tuple[Candidate, Candidate]]:
    before, after = base.evaluation.candidates, head.evaluation.candidates
    later = {candidate.id: candidate for candidate in after}
    common = [(candidate, later[candidate.id]) for candidate in before if candidate.id in later]
    if not common and len(before) == len(after) == 1:
        return [(before[0], after[0])]
    if not common:
        names = [", ".join(candidate.id for candidate in side) for side in (before, after)]
        raise ConfigError(
            f"runs {base.id} and {head.id} have no candidate in common: {names[0]}; and {names[1]}. Give both the same "
            "id in eval.yaml, or make runs of one candidate each"
        )
    return common


def _repeats(sides: list[Answers]) -> dict[str, Repeats]:
    """The split of the variance of whether an answer passed, of each that was asked more than once."""
    found: dict[str, Repeats] = {}
    for side in sides:
        scores: dict[str, list[float]] = {}
        for row in side.answered:
            scores.setdefault(row.item, []).append(float(row.state == "passed"))
        if 1 < len(scores) < len(side.answered):
            found[side.name] = split_variance(scores)
    return found


def _unfinished(runs: list[Measured], sides: list[Answers]) -> list[str]:
    warnings = []
    if any(run.manifest.simulated for run in runs):
        warnings.append("Simulated: no real model answered, so no number here says anything of any model.")
    missing = [f"{side.name} {side.missing:,} of {side.expected:,}" for side in sides if side.missing]
    if missing:
        warnings.append(f"Not finished: answers are missing of {', '.join(missing)}.")
    for side in sides:
        if side.dropped is not None:
            warnings.append(f"{side.name} was {side.dropped.after}: its figures end there.")
        elif side.asked_no_more and side.unasked:
            warnings.append(f"{side.name} was asked no more once nobody was left to compare with it.")
    errors = [f"{side.name} {len(side.errors):,} of {side.expected:,}" for side in sides if side.errors]
    if errors:
        warnings.append(f"Errors, which say nothing about a model and are left out: {', '.join(errors)}.")
    return warnings


def _changed(base: Manifest, head: Manifest) -> list[str]:
    """What makes two runs answer two questions."""
    warnings = []
    if base.evaluation.analysis != head.evaluation.analysis:
        warnings.append("The runs were to decide unlike questions; what counts here is the base's.")
    before = {item.id: item for item in base.evaluation.items}
    same = [(before[item.id], item) for item in head.evaluation.items if item.id in before]
    asked = sum(one.body != other.body for one, other in same)
    if asked:
        warnings.append(f"{asked:,} of {len(same):,} items are asked in other words in the two runs.")
    measured = sum(_measures(one) != _measures(other) for one, other in same)
    if measured:
        warnings.append(
            f"{measured:,} of {len(same):,} items are measured otherwise in the two runs: a difference there may come "
            "from the expectations alone."
        )
    return warnings


def _other_versions(pairing: Pairing) -> list[str]:
    """Whether the provider says that another version answered than before."""
    before, after = (
        {row.model_returned for row in side.answered if row.model_returned}
        for side in (pairing.baseline, pairing.candidate)
    )
    is_same_model = pairing.baseline.candidate.address == pairing.candidate.candidate.address
    if not is_same_model or not before or not after or before == after:
        return []
    return [
        f"{pairing.candidate.name} was answered by {', '.join(sorted(after))}; before by {', '.join(sorted(before))}."
    ]


def _measures(item: Item) -> tuple[object, ...]:
    """What an answer to the item must be, wherever that stands in a file."""
    replace = msgspec.structs.replace
    return (item.target, item.choices, *(replace(one, line=None) for one in item.expectations))
