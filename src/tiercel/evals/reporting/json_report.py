"""The report as JSON: every number with its interval, money in dollars, items by their ids."""

import msgspec

from tiercel.domain.json import Json, JsonObject
from tiercel.domain.money import NANO_PER_USD, usd_text
from tiercel.evals.comparing.assessment import Assessment
from tiercel.evals.comparing.contender import Contender
from tiercel.evals.comparing.differing import Beside
from tiercel.evals.comparing.gate import FailOn, outcome
from tiercel.evals.reporting.words import headline
from tiercel.measure import amounts

VERSION = 1


def as_json(assessment: Assessment, command: str, fail_on: FailOn = "worse") -> str:
    """The whole assessment but the answers, which stand in `results.jsonl`. `outcome` is the gate's word."""
    document = {
        "version": VERSION,
        "kind": assessment.kind,
        "title": assessment.title,
        "simulated": assessment.simulated,
        "outcome": outcome(assessment, fail_on),
        "runs": [_run(assessment, at) for at in range(len(assessment.runs))],
        "analysis": _built(assessment.analysis),
        "baseline": assessment.baseline,
        "warnings": list(assessment.warnings),
        "contenders": [_contender(one, assessment) for one in assessment.contenders],
        "alone": [{"candidate": one.name, "guardrails": _built(one.guardrails)} for one in assessment.alone],
        "models": [in_dollars(_built(model)) for model in assessment.models],
        "repeats": {name: _built(found) for name, found in assessment.repeats.items()},
        "labelled": [_built(found) for found in assessment.labelled],
        "judges": [in_dollars(_built(check)) for check in assessment.judges],
        "command": command,
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def in_dollars(value: Json) -> Json:
    """The same, every `…_nano` as `…_usd`: whole numbers as decimal text, figures in decimal dollars."""
    if isinstance(value, dict):
        figures = {
            key.removesuffix("_nano") + "_usd": _scaled(item)
            for key, item in value.items()
            if key.endswith("_nano") and isinstance(item, dict)
        }
        rest = {
            key: in_dollars(item) if isinstance(item, dict | list | tuple) else item
            for key, item in value.items()
            if not (key.endswith("_nano") and isinstance(item, dict))
        }
        plain: JsonObject = amounts.dollars(rest)
        return plain | figures
    return [in_dollars(item) for item in value] if isinstance(value, list | tuple) else value


def _scaled(figure: JsonObject) -> JsonObject:
    """Twelve digits are more than any price has, and hide what a division of whole numbers leaves."""
    return {
        key: round(item / NANO_PER_USD, 12) if key != "n" and isinstance(item, int | float) else item
        for key, item in figure.items()
    }


def _run(assessment: Assessment, at: int) -> JsonObject:
    run = assessment.runs[at]
    return {
        "id": run.id,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "tiercel": run.tiercel,
        "prices_of": run.prices_of,
        "evaluation_hash": run.evaluation.hash,
        "policy_hash": run.policy_hash,
        "items": len(run.evaluation.items),
        "repeats": run.evaluation.run.repeats,
        "simulated": run.simulated,
    }


def _contender(one: Contender, assessment: Assessment) -> JsonObject:
    said = headline(one, assessment)
    differing = one.differing
    return {
        "candidate": one.name,
        "baseline": one.baseline,
        "verdict": one.verdict,
        "sentence": said.text,
        "why": one.why,
        "pairs": one.pairs,
        "comparison": in_dollars(_built(one.comparison)),
        "unpaired": _built(one.unpaired),
        "dropped": _built(one.dropped),
        "saved_usd": None if one.saved_nano is None else usd_text(one.saved_nano),
        "left_out": _built(one.left_out),
        "only_baseline": _ids(differing.only_baseline),
        "only_candidate": _ids(differing.only_candidate),
        "neither": _ids(differing.neither),
        "both": differing.both,
        "cost_ratio": _built(one.cost_ratio),
        "guardrails": [_built(rail) for rail in one.guardrails],
        "slices": [_built(part) for part in one.slices],
    }


def _ids(group: tuple[Beside, ...]) -> list[str]:
    return [beside.item.id for beside in group]


def _built(value: object) -> Json:
    return msgspec.to_builtins(value)
