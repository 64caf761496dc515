"""What keys allow, together: who they are, how often they may ask, and what a request of theirs may still spend."""

from collections.abc import Callable

from tiercel.domain.climb import Plan, Rung
from tiercel.domain.keys import AccessKey
from tiercel.domain.record import AttemptRecord
from tiercel.gateway.budgets import Allowance, Budgets
from tiercel.gateway.keyring import Keyring
from tiercel.gateway.quotas import Quotas, TokenCount
from tiercel.routing.allowed import bounded
from tiercel.routing.cost import EXPECTED_VISIBLE, most_nano


class Grant:
    """What one request of a key may use. The climb asks before each call; `close` it when the climb is over."""

    __slots__ = ("_allowance", "_tokens", "_used", "bounded")

    def __init__(self, allowance: Allowance, tokens: TokenCount | None) -> None:
        self._allowance = allowance
        self._tokens = tokens
        self._used = 0
        self.bounded = allowance.bounded
        """Whether its money is limited."""

    def covers(self, nano: int) -> bool:
        """Whether a call that costs this at most may be made now."""
        return self._allowance.covers(nano)

    def reserve(self, call: int, nano: int) -> None:
        """Set this aside for the call of this number."""
        self._allowance.reserve(call, nano)

    def settle(self, record: AttemptRecord) -> None:
        """A call has ended: count what it cost and used, and free what was set aside for it."""
        self._allowance.settle(record.number, record.cost_nano or 0)
        if record.usage is not None:
            self._used += record.usage.input + record.usage.output

    def close(self) -> None:
        """Free what is still set aside."""
        self._allowance.close()
        if self._tokens is not None:
            self._tokens.settle(self._used)


class Access:
    """The keys, and what each of them does at the moment."""

    def __init__(self, keyring: Keyring, quotas: Quotas, budgets: Budgets) -> None:
        self.keyring = keyring
        self.quotas = quotas
        self.budgets = budgets

    def grant(
        self, key: AccessKey, plan: Plan, most: Callable[[Rung], int | None] | None = None
    ) -> tuple[Plan, Grant | None]:
        """What this key lets a request with this plan use, and what of the plan a budget can bound; no grant for those
        who come without a key of the store.

        `most` is what one call of a rung costs at most, where that is not what generating does. Raises `CallerError`
        over a limit.
        """
        if not key.id:
            return plan, None
        allowance = self.budgets.allowance(key)
        if allowance.bounded:
            most = most or (lambda rung: most_nano(rung, plan.facts))
            plan = bounded(plan, most)
            least = min(nano for rung in plan.rungs if (nano := most(rung)) is not None)
            if not allowance.covers(least):
                raise self.budgets.refusal(allowance, least)
        tokens = self.quotas.count_tokens(key, _expected_tokens(plan))
        return plan, Grant(allowance, tokens)


def _expected_tokens(plan: Plan) -> int:
    facts = plan.facts
    cap = plan.rungs[0].max_output_tokens
    answer = EXPECTED_VISIBLE[facts.task]
    return facts.size.tokens + facts.choices * (answer if cap is None else min(cap, answer))
