"""Where tasks really run, what that rests on, and what could be cheaper: arithmetic on records, prices and rules.

It never says that one model should replace another, only what is worth an evaluation. A cheaper price is compared for
the very tokens that were used, although another model would use more or fewer; and a measurement of another model is
of other requests, often easier ones.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from tiercel.domain.catalog import Catalog, Deployment, Model, Prices
from tiercel.domain.money import divided
from tiercel.domain.policy import Evidence, Rule
from tiercel.domain.record import Feedback, Record
from tiercel.domain.response import Usage
from tiercel.measure.cost import Cost, cost_of
from tiercel.measure.quality import quality_of
from tiercel.measure.rate import Rate
from tiercel.records.sums import sums_of
from tiercel.records.tally import RequestTally, Tallies
from tiercel.records.uses import BORDERS, Uses, names_in

STALE_AFTER_DAYS = 90
"""Evidence older than this is warned about."""
LEAST_SAVING = 0.2
"""How much cheaper something must be, as a share, to be worth an evaluation."""


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """Where a task ran: requests of `task` that `rule` routed and `model` in `tier` answered.

    `model` is `None` where nothing was delivered. `since` and `until` are the first and the last start, Unix seconds.
    """

    task: str
    rule: str
    tier: str | None
    model: str | None
    since: float
    until: float
    requests: int
    success: Rate
    cost: Cost


class RuleUse(msgspec.Struct, frozen=True, kw_only=True):
    """A rule, how much it routed, and what it was decided on. `evidence_days` is the evidence's age.

    `in_policy` is false for what only records name: a rule that was removed, or a tier or model asked for by name.
    """

    name: str
    in_policy: bool
    requests: int
    until: float | None = None
    evidence: Evidence | None = None
    evidence_days: int | None = None

    @property
    def stale(self) -> bool:
        return self.evidence_days is not None and self.evidence_days > STALE_AFTER_DAYS


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A model worth an evaluation for a task. Costs are of one request, in nano-dollars.

    By `price`, both are for the same tokens of the same `n` requests, and `candidate_n` is 0; `source` and `date` are
    the price's. By `measured`, both are costs per successful task, of `n` and `candidate_n` requests.
    """

    task: str
    model: str
    candidate: str
    deployment: str | None
    callable: bool
    basis: Literal["price", "measured"]
    nano: int
    candidate_nano: int
    n: int
    candidate_n: int = 0
    source: str = ""
    date: str = ""

    @property
    def saving(self) -> float:
        """The share that would be saved."""
        return (self.nano - self.candidate_nano) / self.nano

    @property
    def saved_nano(self) -> int:
        """What all `n` requests together would have cost less."""
        return (self.nano - self.candidate_nano) * self.n


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """`records` were looked at, all `simulated` or none; `left_out` simulated ones stood among real ones."""

    records: int
    simulated: bool
    left_out: int
    since: float | None
    until: float | None
    placements: tuple[Placement, ...]
    rules: tuple[RuleUse, ...]
    candidates: tuple[Candidate, ...]


class Answering(NamedTuple):
    """Requests of a task that a model answered."""

    task: str
    model: str


class _Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What a model must take to serve certain requests: all their modalities, their largest size, their regions."""

    modalities: frozenset[str]
    tokens: int
    residencies: frozenset[str]


def audit(
    records: Iterable[Record],
    feedback: Mapping[str, Feedback],
    rules: Sequence[Rule],
    evidence_days: Mapping[str, int],
    catalog: Catalog,
) -> Audit:
    """The audit of these records. `evidence_days` is the age of each rule's evidence, by the rule's name."""
    sums = sums_of(records, feedback, tuple(sorted({*BORDERS, *price_borders(catalog)})))
    return audit_sums(sums.answers, sums.uses, rules, evidence_days, catalog)


def audit_sums(
    answers: Tallies, uses: Uses, rules: Sequence[Rule], evidence_days: Mapping[str, int], catalog: Catalog
) -> Audit:
    """The same from sums, which takes no longer for more records. They are told apart at `price_borders`.

    Simulated records say nothing about models, so they count only where there are no others.
    """
    asked = {cell: tally for cell, tally in answers.items() if tally.counts["requests"]}
    real = {cell: tally for cell, tally in asked.items() if not cell.simulated}
    chosen = real or asked
    simulated = bool(chosen) and not real
    return Audit(
        records=_requests(chosen),
        simulated=simulated,
        left_out=_requests(asked) - _requests(chosen),
        since=_first(chosen.values()),
        until=_last(chosen.values()),
        placements=placements(chosen),
        rules=rule_uses(chosen, rules, evidence_days),
        candidates=candidates(
            chosen, {cell: tally for cell, tally in uses.items() if cell.simulated == simulated}, catalog
        ),
    )


def price_borders(catalog: Catalog) -> frozenset[int]:
    """The numbers of input tokens from which on somebody bills more."""
    served = (*catalog.deployments.values(), *catalog.keyless.values())
    prices = (*(model.prices for model in catalog.models.values()), *(one.billing for one in served))
    return frozenset(border for one in prices for border in _borders(one))


def placements(answers: Tallies) -> tuple[Placement, ...]:
    """Where each task ran, by task, most requests first."""
    groups: defaultdict[tuple[str, str, str, str], RequestTally] = defaultdict(RequestTally)
    for cell, tally in answers.items():
        groups[cell.task, cell.rule, cell.tier, cell.model].merge(tally)
    found = [
        Placement(
            task=task,
            rule=rule,
            tier=tier or None,
            model=model or None,
            since=own.edges["first_at"],
            until=own.edges["last_at"],
            requests=own.counts["requests"],
            success=quality_of(own).success,
            cost=_cost(own),
        )
        for (task, rule, tier, model), own in groups.items()
    ]
    return tuple(
        sorted(found, key=lambda one: (one.task, -one.requests, one.rule, one.model or "", one.tier or ""))
    )


def rule_uses(
    answers: Tallies, rules: Sequence[Rule], evidence_days: Mapping[str, int]
) -> tuple[RuleUse, ...]:
    """Every rule of the policy in its order, then what else the records name."""
    used: defaultdict[str, RequestTally] = defaultdict(RequestTally)
    for cell, tally in answers.items():
        used[cell.rule].merge(tally)
    known = {rule.name: rule for rule in rules}
    return tuple(
        RuleUse(
            name=name,
            in_policy=name in known,
            requests=used[name].counts["requests"],
            until=used[name].edges.get("last_at"),
            evidence=known[name].evidence if name in known else None,
            evidence_days=evidence_days.get(name),
        )
        for name in (*known, *sorted(set(used) - set(known)))
    )


def candidates(answers: Tallies, uses: Uses, catalog: Catalog) -> tuple[Candidate, ...]:
    """What could be cheaper by at least a fifth, for each task and the models that answer it.

    Where most would be saved comes first.
    """
    spent: defaultdict[Answering, RequestTally] = defaultdict(RequestTally)
    for cell, tally in answers.items():
        spent[Answering(cell.task, cell.model)].merge(tally)
    taken: defaultdict[Answering, Uses] = defaultdict(dict)
    for use, took in uses.items():
        taken[Answering(use.task, use.model)][use] = took
    found: list[Candidate] = []
    for now, own in taken.items():
        for other in catalog.models.values():
            if other.name != now.model:
                found += _by_price(now, own, other, catalog)
                found += _by_measurement(now, own, other, spent, catalog)
    worth = [one for one in found if one.nano > 0 and one.saving >= LEAST_SAVING]
    return tuple(sorted(worth, key=lambda one: (-one.saved_nano, one.task, one.model, one.candidate)))


def _by_price(now: Answering, own: Uses, other: Model, catalog: Catalog) -> Iterator[Candidate]:
    """The same tokens at the other model's price, for the requests in which it had not been tried already."""
    fresh = {use: tally for use, tally in own.items() if other.name not in names_in(use.tried)}
    n = sum(tally.counts["priced"] for tally in fresh.values())
    if not n:
        return
    offers = [
        (total, deployment, prices)
        for deployment, prices in _offers(other, catalog, _needs(fresh))
        if (total := _total(prices, fresh)) is not None
    ]
    if offers:
        total, deployment, prices = min(offers, key=lambda offer: offer[0])
        yield Candidate(
            task=now.task,
            model=now.model,
            candidate=other.name,
            deployment=deployment.name if deployment else None,
            callable=deployment is not None and deployment.name in catalog.deployments,
            basis="price",
            nano=divided(sum(tally.counts["priced_nano"] for tally in fresh.values()), n),
            candidate_nano=divided(total, n),
            n=n,
            source=prices.source,
            date=prices.date,
        )


def _by_measurement(
    now: Answering, own: Uses, other: Model, spent: Mapping[Answering, RequestTally], catalog: Catalog
) -> Iterator[Candidate]:
    """What a successful task cost where it was answered by one model and by the other."""
    ours, theirs = spent[now], spent.get(Answering(now.task, other.name), RequestTally())
    nano, other_nano = _cost(ours).per_success_nano, _cost(theirs).per_success_nano
    if nano is None or other_nano is None:
        return
    deployment = next((d for d, _ in _offers(other, catalog, _needs(own)) if d is not None), None)
    if deployment is not None:
        yield Candidate(
            task=now.task,
            model=now.model,
            candidate=other.name,
            deployment=deployment.name,
            callable=deployment.name in catalog.deployments,
            basis="measured",
            nano=nano,
            candidate_nano=other_nano,
            n=ours.counts["requests"],
            candidate_n=theirs.counts["requests"],
        )


def _needs(uses: Uses) -> _Needs:
    return _Needs(
        modalities=frozenset(modality for use in uses for modality in names_in(use.modalities)),
        tokens=max((int(tally.edges.get("largest_tokens", 0)) for tally in uses.values()), default=0),
        residencies=frozenset(use.residency for use in uses if use.residency),
    )


def _offers(model: Model, catalog: Catalog, needs: _Needs) -> Iterator[tuple[Deployment | None, Prices]]:
    """Where the model could serve these requests, those that can be called first, each with its prices.

    A model that no provider of the file serves has its published price and no deployment.
    """
    capabilities = model.capabilities
    if not needs.modalities <= set(capabilities.modalities):
        return
    if capabilities.window is not None and needs.tokens > capabilities.window:
        return
    served = [
        deployment
        for deployment in (*catalog.deployments.values(), *catalog.keyless.values())
        if deployment.model.name == model.name
    ]
    for deployment in served:
        if needs.residencies <= set(deployment.regions):
            yield deployment, deployment.billing
    if not served and not needs.residencies:
        yield None, model.prices


def _total(prices: Prices, uses: Uses) -> int | None:
    """What these answers' tokens would cost; `None` where a price is unknown. All of an entry lies on the same side of
    `long_from`, so its tokens may be billed together."""
    total = 0
    for use, tally in uses.items():
        counts = tally.counts
        if counts["priced"]:
            of_size = _prices_above(prices, use.above_tokens)
            cost = of_size.cost(
                Usage(
                    uncached=counts["priced_uncached"],
                    cached=counts["priced_cached"],
                    written=counts["priced_written"],
                    visible=counts["priced_output"],
                )
            )
            if cost is None:
                return None
            total += cost
    return total


def _prices_above(prices: Prices, tokens: int) -> Prices:
    """The prices of a call with more input tokens than this border."""
    while prices.long is not None and prices.long_from is not None and tokens >= prices.long_from:
        prices = prices.long
    return msgspec.structs.replace(prices, long=None, long_from=None)


def _borders(prices: Prices) -> Iterator[int]:
    if prices.long is not None and prices.long_from is not None:
        yield prices.long_from
        yield from _borders(prices.long)


def _cost(tally: RequestTally) -> Cost:
    counts = tally.counts
    return cost_of(counts["cost_nano"], counts["unpriced"], quality_of(tally).success.count)


def _requests(answers: Tallies) -> int:
    return sum(tally.counts["requests"] for tally in answers.values())


def _first(tallies: Iterable[RequestTally]) -> float | None:
    return min((tally.edges["first_at"] for tally in tallies), default=None)


def _last(tallies: Iterable[RequestTally]) -> float | None:
    return max((tally.edges["last_at"] for tally in tallies), default=None)
