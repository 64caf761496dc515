"""What a run would ask of whom, and what that may cost: by what was recorded and cached, else by assumed lengths."""

from collections.abc import Sequence

import msgspec

from tiercel.checks.check import Question
from tiercel.cli.eval.pricing import Price, Pricing
from tiercel.cli.eval.recorded import Recorded
from tiercel.cli.eval.setting import Setting, configuration_of
from tiercel.evals.evaluation import Candidate, Evaluation, Item, JudgeSettings
from tiercel.evals.judging.desk import judge_body
from tiercel.evals.running.answer_cache import AnswerCache, cache_key
from tiercel.evals.running.run import body_of, may_be_cached
from tiercel.evals.scorers.scorer import compares
from tiercel.measure.amounts import count_text

MOST_PRICED = 200
"""So many items are priced one by one; of more, as many that lie evenly among them."""
JUDGED_CHARS = 4_000
"""How long a conversation with its answers is taken to be, as a judge is shown it."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What one target or judge is asked, and what that may cost in nano-dollars: as `expected` and at `most`, `None`
    where that is not known. `each` is what a fresh answer is expected to cost."""

    name: str
    calls: int
    expected: int | None
    most: int | None
    each: int | None = None
    note: str = ""


class Outlay:
    """Of one setting. `cache` is `None` where no answer may come from it."""

    def __init__(self, setting: Setting, recorded: Recorded, cache: AnswerCache | None) -> None:
        self._setting = setting
        self._recorded = recorded
        self._cache = cache
        self._pricing = Pricing(setting.policy, setting.catalog)
        self._configuration = configuration_of(setting)

    def lines(self) -> list[Line]:
        """A line for each target, then one for each judge's model."""
        evaluation = self._setting.evaluation
        found = [self._target(candidate) for candidate in evaluation.candidates]
        for judge in evaluation.judges.values():
            found += self._judge(judge)
        return found

    def _target(self, candidate: Candidate) -> Line:
        evaluation = self._setting.evaluation
        items = spread(evaluation.items, MOST_PRICED)
        prices = [self._price(item, candidate) for item in items]
        repeats = range(1, evaluation.run.repeats + 1)
        fresh = [
            price
            for item, price in zip(items, prices, strict=True)
            for repeat in repeats
            if not self._is_cached(item, candidate, repeat)
        ]
        asked = len(items) * len(repeats)
        answers = len(evaluation.items) * len(repeats)
        calls = round(len(fresh) / asked * answers) if asked else 0
        return Line(
            name=candidate.id,
            calls=calls,
            expected=_total([price.expected for price in fresh], calls),
            most=_total([price.most for price in fresh], calls),
            each=_total([price.expected for price in prices], 1),
            note="; ".join(self._notes(candidate, answers - calls)),
        )

    def _price(self, item: Item, candidate: Candidate) -> Price:
        body = body_of(item, candidate, stream=False)
        assumed = self._pricing.price(
            body, helped=candidate.helped, target=max(item.target, key=len, default="")
        )
        recorded = self._recorded.answer_nano(candidate, item)
        return assumed if recorded is None else Price(expected=recorded, most=assumed.most)

    def _is_cached(self, item: Item, candidate: Candidate, repeat: int) -> bool:
        if self._cache is None or not may_be_cached(item, self._setting.scorers):
            return False
        body = body_of(item, candidate, stream=self._setting.evaluation.run.stream)
        key = cache_key(msgspec.json.encode(body), candidate.id, repeat, self._configuration)
        return self._cache.get(key) is not None

    def _notes(self, candidate: Candidate, cached: int) -> list[str]:
        known = self._recorded.answers(candidate)
        found = [f"as {count_text(known, 'answer')} of earlier runs"] if known else []
        found += [f"{cached:,} more from the cache"] if cached else []
        if candidate.helped and not known:
            found.append("first call only, without retries and escalations")
        return found

    def _judge(self, judge: JudgeSettings) -> list[Line]:
        calls = self._judge_calls(judge)
        if not calls:
            return []
        question = Question(system="", prompt="x" * JUDGED_CHARS, schema={"type": "object"})
        recorded = self._recorded.call_nano(judge)
        found: list[Line] = []
        for model in judge.models:
            price = self._pricing.price(judge_body(model, question), helped=False)
            each = price.expected if recorded is None else recorded
            found.append(
                Line(
                    name=f"judge {judge.name}: {model}",
                    calls=calls,
                    expected=_total([each], calls),
                    most=_total([price.most], calls),
                    note="" if recorded is None else "as in earlier runs",
                )
            )
        return found

    def _judge_calls(self, judge: JudgeSettings) -> int:
        """How many questions are put to each of the judge's models."""
        evaluation: Evaluation = self._setting.evaluation
        calls = 0
        for item in evaluation.items:
            for expectation in item.expectations:
                scorer = self._setting.scorers.get(expectation)
                if scorer is None or not scorer.info.asks or expectation.judge not in (None, judge.name):
                    continue
                judged = len(evaluation.candidates)
                if compares(expectation, scorer.info, evaluation.judges):
                    judged = max(0, judged - 1) * (2 if judge.orders == "both" else 1)
                calls += judged * evaluation.run.repeats
        return calls


def spread(items: Sequence[Item], most: int) -> Sequence[Item]:
    """At most so many of them, evenly from the first to the last."""
    if len(items) <= most:
        return items
    return [items[at * len(items) // most] for at in range(most)]


def _total(prices: Sequence[int | None], times: int) -> int | None:
    """So many times their mean; nothing for nothing, `None` where one is not known."""
    known = [price for price in prices if price is not None]
    if len(known) < len(prices):
        return None
    return round(sum(known) / len(known) * times) if known else 0
