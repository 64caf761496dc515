"""What a request of an evaluation may cost: as expected, its answer's length being assumed, and at most."""

import msgspec

from tiercel.domain.catalog import Catalog
from tiercel.domain.climb import Rung
from tiercel.domain.errors import ProblemError
from tiercel.domain.facts import Facts, Task
from tiercel.domain.json import JsonObject
from tiercel.domain.policy import Policy
from tiercel.domain.request import Hints, ModelRequest
from tiercel.domain.response import Usage
from tiercel.domain.tokens import estimate_tokens
from tiercel.policy.builtin import built_in_prices
from tiercel.routing.cost import EXPECTED_VISIBLE, expected_rate, most_nano
from tiercel.routing.facts import read_facts
from tiercel.routing.plan import make_plan
from tiercel.wire.registry import CODECS

WORDY = 4
"""An answer is taken to be so many times as long as the right one at most: models say more than they are asked."""
LEAST_TOKENS = 50
THOUGHT_ABOUT: frozenset[Task] = frozenset(("reasoning", "coding"))
"""Kinds of task whose answers are thought about at length, however short the right one is."""
THOUGHT_FULLY = EXPECTED_VISIBLE["unknown"]
"""The length in tokens of an answer for which as much is thought as is assumed for the effort; for less, less."""


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """Nano-dollars for one answer: as `expected`, and at `most`, if it gets as long as it may; `None` where that is not
    known."""

    expected: int | None = None
    most: int | None = None


class Pricing:
    """Of one configuration. What a policy's help costs on top, retries and escalations, is not in what is expected."""

    def __init__(self, policy: Policy, catalog: Catalog) -> None:
        self._policy = policy
        self._catalog = catalog

    def nano(self, body: JsonObject, helped: bool) -> int | None:
        """Nano-dollars that one answer by the first that would be asked is expected to cost; `None` where its price is
        unknown, or nobody can be asked."""
        found = self._first(body)
        if found is None:
            return None
        rung, request, facts = found
        return expected_rate(rung.deployment, rung.effort, request, facts).nano(facts.size.tokens)

    def price(self, body: JsonObject, *, helped: bool, target: str = "") -> Price:
        """What one answer by the first that would be asked may cost. Of a short right answer a short one is expected.
        Nothing bounds what a policy's help may cost."""
        found = self._first(body)
        if found is None:
            return Price()
        rung, request, facts = found
        rate = expected_rate(rung.deployment, rung.effort, request, facts)
        output = min(_shortened(rate.output, request, facts, target), rung.max_output_tokens or rate.output)
        usage = Usage(uncached=facts.size.tokens, visible=output, source="estimated")
        return Price(
            expected=rate.prices.cost(usage),
            most=None if helped else most_nano(rung, facts),
        )

    def _first(self, body: JsonObject) -> tuple[Rung, ModelRequest, Facts] | None:
        """Who would be asked first, and what; `None` where nobody can be."""
        try:
            request = CODECS["openai_chat"].decode_request(msgspec.json.encode(body))
            facts = read_facts(request, Hints(), residency_default=self._policy.residency_default)
            plan = make_plan(request, facts, self._policy, self._catalog)
        except ProblemError:
            return None
        return (plan.rungs[0], request, facts) if plan.rungs else None


def prices_of() -> str:
    """The date of the price table that comes with Tiercel; prices of one's own configuration go before it."""
    return built_in_prices().date


def _shortened(output: int, request: ModelRequest, facts: Facts, target: str) -> int:
    """The tokens that are assumed for this kind of task, hidden ones too, as far as the right answer calls for them: of
    a short one little is said, and little thought unless it is a riddle."""
    if not target or facts.task in THOUGHT_ABOUT:
        return output
    usual = EXPECTED_VISIBLE[facts.task]
    usual = min(usual, request.max_output_tokens or usual)
    visible = min(usual, max(LEAST_TOKENS, WORDY * estimate_tokens(target)))
    hidden = output - usual * facts.choices
    return visible * facts.choices + hidden * min(visible, THOUGHT_FULLY) // THOUGHT_FULLY
