"""Policy: every ladder drawn, with what it routes and why. The file is shown, never edited here."""

import asyncio
from collections.abc import Mapping

from starlette.responses import Response

from tiercel.gateway.dashboard.drawing import draw
from tiercel.gateway.dashboard.loading import answers_in
from tiercel.gateway.dashboard.period import LENGTHS, range_of
from tiercel.gateway.dashboard.standing import Standing, standings_now
from tiercel.gateway.dashboard.view import PageRoute, Visitor
from tiercel.gateway.runtime import State
from tiercel.measure.rules import traffic_by_rule
from tiercel.routing.rule_words import gate_words


async def show(visitor: Visitor) -> Response:
    """The page. Health is read on the event loop, everything else in a thread."""
    state = visitor.home.runtime.state
    return await asyncio.to_thread(_show, visitor, state, standings_now(state))


def _show(visitor: Visitor, state: State, standings: Mapping[str, Standing]) -> Response:
    policy, catalog = state.policy, state.settings.catalog
    wanted = range_of(visitor.query, default="7d")
    answers = answers_in(visitor, wanted, percentiles=False)
    traffic = traffic_by_rule(answers)
    names = {rule.name for rule in policy.rules}
    return visitor.render(
        "policy.html",
        range=wanted,
        lengths=tuple(LENGTHS),
        policy=policy,
        rules=[draw(rule, policy, catalog, standings, traffic.get(rule.name)) for rule in policy.rules],
        others=[one for name, one in traffic.items() if name not in names],
        requests=sum(one.group.requests for one in traffic.values()),
        simulated=any(cell.simulated and tally.counts["requests"] for cell, tally in answers.items()),
        gates=[gate_words(gate) for gate in policy.gates],
    )


POLICY = PageRoute(path="/policy", show=show, title="Policy")
