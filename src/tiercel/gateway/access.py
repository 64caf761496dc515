"""What keys allow, together: who they are, how often they may ask, and what a request of theirs may still spend."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from tiercel.domain.climb import Plan, Rung
from tiercel.domain.errors import ConfigError, UnavailableError
from tiercel.domain.facts import Facts
from tiercel.domain.keys import AccessKey
from tiercel.domain.settings import Storage
from tiercel.gateway.budgets import Allowance, Budgets, room_in
from tiercel.gateway.keyring import Keyring
from tiercel.gateway.quotas import Quotas
from tiercel.gateway.slices import LEASE_SECONDS, Slices
from tiercel.records.instance import instance_of
from tiercel.records.spending import read_spent
from tiercel.routing.allowed import bounded, without_dear_review
from tiercel.routing.cost import EXPECTED_VISIBLE, most_nano

log = logging.getLogger(__name__)

RESTORE_SECONDS = 5.0
"""How long to wait before the database is asked again what was spent."""
UNCOUNTED = UnavailableError(
    "storage_unavailable",
    "this key has a budget, and what was spent of it cannot be read from the database at the moment",
    retry_after_seconds=RESTORE_SECONDS,
)


class Access:
    """The keys, and what each of them does at the moment."""

    def __init__(
        self, keyring: Keyring, quotas: Quotas, budgets: Budgets, slices: Slices | None = None
    ) -> None:
        self.keyring = keyring
        self.quotas = quotas
        self.budgets = budgets
        self._slices = slices
        self._restoring: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, keyring: Keyring, storage: Storage, clock: Callable[[], float]) -> "Access":
        """The keys, with what they have spent so far. `clock` is monotonic seconds.

        A PostgreSQL that is away keeps only keys with a budget waiting. Raises `ConfigError` for a store that is
        damaged.
        """
        slices = _open_slices(storage)
        budgets = Budgets(keyring.project_budget, shared=slices is not None)
        access = cls(keyring, Quotas(clock), budgets, slices)
        if slices is not None:
            slices.start()
        if not keyring.has_keys:
            return access
        try:
            budgets.restore(read_spent(Path(storage.folder), budgets.span(), storage.database_url))
        except ConfigError as error:
            if storage.database_url is None:
                raise
            log.error("keys with a budget wait until the database is back: %s", error)
            budgets.complete = storage.when_budgets_unknown == "serve"
            again = _restore_when_possible(budgets, storage)
            access._restoring = asyncio.get_running_loop().create_task(again, name="spent so far")
        return access

    async def close(self) -> None:
        """Stop looking after keys."""
        if self._restoring is not None:
            self._restoring.cancel()
            await asyncio.wait((self._restoring,))
        if self._slices is not None:
            await self._slices.close()
        await asyncio.to_thread(self.keyring.close)

    async def grant(
        self, key: AccessKey, plan: Plan, most: Callable[[Rung, Facts], int | None] = most_nano
    ) -> tuple[Plan, Allowance | None]:
        """What this key lets a request with this plan use, and what of the plan a budget can bound; no allowance for
        those who come without a key of the store.

        `most` is what one call of a rung costs at most, where that is not what generating does. Raises `CallerError`
        over a limit, `UnavailableError` while it is not known what was spent.
        """
        if not key.id:
            return plan, None
        allowance = self.budgets.allowance(key)
        if allowance.bounds:
            if not self.budgets.complete:
                raise UNCOUNTED
            plan, costs = bounded(plan, most)
            climbed = costs[: len(plan.rungs)]
            if self._slices is not None:  # those who are asked beside the ladder are asked at the same time
                asides = costs[len(plan.rungs) :]
                await self._slices.make_room(allowance.bounds, max(climbed) + sum(asides))
            least, room = min(climbed), room_in(allowance.bounds)
            if least > room:
                is_away = self._slices is not None and self._slices.is_away
                raise UNCOUNTED if is_away else self.budgets.refusal(allowance, least)
            if plan.asides:
                plan, costs = without_dear_review(plan, costs, room)
            allowance.most = costs
        if key.quota.tokens_per_minute is not None:
            allowance.tokens = self.quotas.count_tokens(key, _expected_tokens(plan))
        return plan, allowance


def _open_slices(storage: Storage) -> Slices | None:
    """Where a database may be shared, the budgets in it are."""
    if storage.database_url is None:
        return None
    from tiercel.records.slices import SliceStore

    store = SliceStore(storage.database_url, instance_of(Path(storage.folder)), lease_seconds=LEASE_SECONDS)
    return Slices(store, when_away=storage.when_budgets_unknown)


async def _restore_when_possible(budgets: Budgets, storage: Storage) -> None:
    """Ask again, until the database answers, what was spent."""
    while True:
        await asyncio.sleep(RESTORE_SECONDS)
        span = budgets.span()
        try:
            spent = await asyncio.to_thread(read_spent, Path(storage.folder), span, storage.database_url)
        except ConfigError as error:
            log.warning("what keys with a budget have spent is not known: %s", error)
        else:
            budgets.restore(spent)
            log.warning("what keys have spent is known: those with a budget are served")
            return


def _expected_tokens(plan: Plan) -> int:
    facts = plan.facts
    cap = plan.first.max_output_tokens
    answer = EXPECTED_VISIBLE[facts.task]
    return facts.size.tokens + facts.choices * (answer if cap is None else min(cap, answer))
