"""The baseline's answers, for whoever compares another candidate's with them: there already, or still to come."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from tiercel.domain.request import Text
from tiercel.domain.response import Choice, ModelResponse
from tiercel.evals.evaluation import Item
from tiercel.evals.results import Result
from tiercel.evals.running.schedule import Unit

Awaited = asyncio.Future[ModelResponse | None]


class Baselines:
    """Of one sitting: those of the items of which `compares` says that they need one. `None` is said where there is no
    answer. Of an answer that was given in an earlier sitting there is its text."""

    def __init__(
        self,
        baseline: str | None,
        units: Iterable[Unit],
        known: Mapping[tuple[str, str, int], Result],
        compares: Callable[[Item], bool],
    ) -> None:
        self._baseline = baseline
        self._awaited: dict[tuple[str, int], Awaited] = {}
        loop = asyncio.get_running_loop()
        units = tuple(units)
        coming = {(unit.item.id, unit.repeat) for unit in units if unit.candidate.id == baseline}
        for unit in units:
            place = unit.item.id, unit.repeat
            if unit.candidate.id == baseline or place in self._awaited or not compares(unit.item):
                continue
            awaited = self._awaited[place] = loop.create_future()
            if place not in coming:
                row = known.get((unit.item.id, baseline or "", unit.repeat))
                awaited.set_result(None if row is None else _said(row))

    async def wait_for(self, unit: Unit) -> ModelResponse | None:
        """The baseline's answer to this item, as soon as it is known; `None` at once where nobody compares."""
        awaited = self._awaited.get((unit.item.id, unit.repeat))
        return None if awaited is None else await asyncio.shield(awaited)

    def say(self, unit: Unit, response: ModelResponse | None) -> None:
        """What came of this unit, if it is the baseline's."""
        awaited = self._awaited.get((unit.item.id, unit.repeat))
        if unit.candidate.id == self._baseline and awaited is not None and not awaited.done():
            awaited.set_result(response)

    def no_more(self) -> None:
        """Nobody is asked any more: what has not come will not."""
        for awaited in self._awaited.values():
            if not awaited.done():
                awaited.set_result(None)


def _said(row: Result) -> ModelResponse | None:
    if not row.output:
        return None
    return ModelResponse(choices=(Choice(parts=(Text(text=row.output),)),))
