"""A run as a report shows it: three candidates on four hundred support questions. Every number in it is made up."""

import random

import msgspec

from tests.evals.comparing.runs import STARTED
from tiercel.evals.comparing.answers import Measured
from tiercel.evals.evaluation import (
    Analysis,
    Candidate,
    Evaluation,
    Expectation,
    Guardrail,
    Item,
    RunSettings,
)
from tiercel.evals.results import CallMade, Result, Score
from tiercel.evals.run_folder import Manifest

ITEMS = 400
TASKS = {
    "extraction": (
        'Customer {n} writes: "Order {o} came on {d} May, the lid is cracked." Give order, date and fault as JSON.',
        '{{"order": "{o}", "date": "05-{d:02d}", "fault": "cracked lid"}}',
    ),
    "reasoning": (
        "A subscription costs $ {d} a month, the first {m} months are half price. What do 12 months cost?",
        "{total:g}",
    ),
    "coding": (
        "Write `is_refundable(days: int) -> bool`: refunds are possible for {d} days, the last one included.",
        "def is_refundable(days: int) -> bool:\n    return days <= {d}",
    ),
    "policy": (
        "May customer {n} return a gift card that was bought {d} days ago? Cite the rule.",
        "Yes, by rule 7.{m}.",
    ),
}
SCORERS = {"extraction": "is-json", "reasoning": "numeric", "coding": "code", "policy": "contains"}
SLIPS = {
    "extraction": ('{{"order": {o}, "fault": "cracked lid"}}', "schema: 'date' is missing"),
    "reasoning": ("Twelve months at $ {d} make ${full}.", "{full} is not {total:g}"),
    "coding": (
        "def is_refundable(days: int) -> bool:\n    return days < {d}",
        "assert is_refundable({d}): False",
    ),
    "policy": ("Gift cards are <b>never</b> returned.", "lacks 'rule 7.{m}'"),
}


class Habits(msgspec.Struct, frozen=True, kw_only=True):
    """How a made-up model answers: its share of slips by task, its seconds, its price."""

    slips: dict[str, float]
    seconds: float
    price_nano: int
    retried: float = 0.02


MODELS = {
    "deep": Habits(
        slips={"extraction": 0.03, "reasoning": 0.06, "coding": 0.08, "policy": 0.05},
        seconds=3.1,
        price_nano=11_800_000,
    ),
    "fast": Habits(
        slips={"extraction": 0.03, "reasoning": 0.09, "coding": 0.08, "policy": 0.04},
        seconds=0.8,
        price_nano=1_050_000,
    ),
    "tiny": Habits(
        slips={"extraction": 0.12, "reasoning": 0.41, "coding": 0.33, "policy": 0.14},
        seconds=0.4,
        price_nano=190_000,
        retried=0.09,
    ),
}


def example(slips: float = 1.0, seed: int = 6) -> Measured:
    """The run; `slips` multiplies how often the cheap models err."""
    dice = random.Random(seed)
    items = [_item(at) for at in range(1, ITEMS + 1)]
    results = []
    for item in items:
        hard = dice.random() < 0.5
        for name, habits in MODELS.items():
            rate = 1.9 * habits.slips[_task(item)] * hard * (1.0 if name == "deep" else slips)
            results.append(_result(item, name, habits, dice, is_slip=dice.random() < rate))
    evaluation = Evaluation(
        name="Support answers",
        description="May the fast model take over what the deep one answers today?",
        candidates=tuple(Candidate(id=name, address=f"example/{name}-1") for name in MODELS),
        items=tuple(items),
        baseline="deep",
        analysis=Analysis(
            margin=0.05,
            guardrails=(
                Guardrail(metric="cost_per_success", at_most=0.5, relative=True),
                Guardrail(metric="p95_seconds", at_most=2.0),
                Guardrail(metric="invalid_format", at_most=0.05),
            ),
        ),
        run=RunSettings(seed=seed),
        hash="5b1f77c2",
    )
    manifest = Manifest(
        id="20260921-141320-5b1f77-c2a9",
        evaluation=evaluation,
        started_at=STARTED,
        finished_at=STARTED + 412,
        tiercel="0.1.0",
        prices_of="2026-09-01",
        simulated=True,
    )
    return Measured(manifest=manifest, results=tuple(results))


def _task(item: Item) -> str:
    return str(item.metadata["task"])


def _numbers(at: int) -> dict[str, float]:
    months, price = at % 3 + 2, at % 17 + 8
    total = price * (12 - months / 2)
    return {"n": at, "o": 40_000 + 37 * at, "d": price, "m": months, "total": total, "full": 12 * price}


def _item(at: int) -> Item:
    task = list(TASKS)[at % len(TASKS)]
    question, right = (text.format(**_numbers(at)) for text in TASKS[task])
    return Item(
        id=f"support-{at:03d}",
        body={
            "messages": [
                {"role": "system", "content": "You answer for the shop. Be brief."},
                {"role": "user", "content": question},
            ]
        },
        target=(right,),
        expectations=(Expectation(scorer=SCORERS[task]),),
        metadata={"task": task},
        source="items.jsonl",
        line=at,
    )


def _result(item: Item, name: str, habits: Habits, dice: random.Random, *, is_slip: bool) -> Result:
    task, numbers = _task(item), _numbers(item.line or 0)
    slip, fault = (text.format(**numbers) for text in SLIPS[task])
    is_error = dice.random() < 0.004
    seconds = habits.seconds * dice.lognormvariate(0, 0.4)
    calls = (CallMade(model=name),) * (2 if dice.random() < habits.retried else 1)
    return Result(
        item=item.id,
        candidate=name,
        state="error" if is_error else "failed" if is_slip else "passed",
        kind="timeout" if is_error else "schema" if is_slip and task == "extraction" else "ok",
        output="" if is_error else slip if is_slip else item.target[0],
        score=float(not is_slip),
        scores=(
            Score(
                name=SCORERS[task], value=float(not is_slip), met=not is_slip, reason=fault if is_slip else ""
            ),
        ),
        seconds=seconds,
        ttft_seconds=0.2 * seconds,
        ttfa_seconds=0.3 * seconds,
        output_tokens=round(60 * dice.lognormvariate(0, 0.3)),
        cost_nano=round(habits.price_nano * dice.lognormvariate(0, 0.3)),
        finish="stop" if dice.random() < 0.99 else "length",
        calls=calls,
        simulated=True,
        model_returned=f"{name}-1-2026-08-01",
    )
