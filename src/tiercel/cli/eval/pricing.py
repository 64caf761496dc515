"""What a request of an evaluation is expected to cost: its input as it is counted beforehand, its answer as assumed."""

import msgspec

from tiercel.domain.catalog import Catalog
from tiercel.domain.errors import ProblemError
from tiercel.domain.json import JsonObject
from tiercel.domain.policy import Policy
from tiercel.domain.request import Hints
from tiercel.policy.builtin import built_in_prices
from tiercel.routing.cost import expected_rate
from tiercel.routing.facts import read_facts
from tiercel.routing.plan import make_plan
from tiercel.wire.registry import CODECS


class Pricing:
    """Of one configuration. What a policy's help costs on top, retries and escalations, is not in it."""

    def __init__(self, policy: Policy, catalog: Catalog) -> None:
        self._policy = policy
        self._catalog = catalog

    def nano(self, body: JsonObject, helped: bool) -> int | None:
        """Nano-dollars for one answer by the first that would be asked; `None` where its price is unknown, or nobody
        can be asked."""
        try:
            request = CODECS["openai_chat"].decode_request(msgspec.json.encode(body))
            facts = read_facts(request, Hints(), residency_default=self._policy.residency_default)
            plan = make_plan(request, facts, self._policy, self._catalog)
        except ProblemError:
            return None
        if not plan.rungs:
            return None
        rung = plan.rungs[0]
        return expected_rate(rung.deployment, rung.effort, request, facts).nano(facts.size.tokens)


def prices_of() -> str:
    """The date of the price table that comes with Tiercel; prices of one's own configuration go before it."""
    return built_in_prices().date
