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
from tiercel.domain.policy import Evidence, Rule
from tiercel.domain.record import AttemptRecord, Feedback, Record
from tiercel.measure.cost import Cost, cost
from tiercel.measure.quality import is_success
from tiercel.measure.rate import Rate, rate

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


class _Answered(NamedTuple):
    """A record and the attempt whose answer was delivered."""

    record: Record
    answer: AttemptRecord


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
    """The audit of these records. `evidence_days` is the age of each rule's evidence, by the rule's name.

    Simulated records say nothing about models, so they count only where there are no others.
    """
    every = list(records)
    real = [record for record in every if not record.simulated]
    chosen = real or every
    starts = [record.started_at for record in chosen]
    return Audit(
        records=len(chosen),
        simulated=bool(chosen) and not real,
        left_out=len(every) - len(chosen),
        since=min(starts, default=None),
        until=max(starts, default=None),
        placements=placements(chosen, feedback),
        rules=rule_uses(chosen, rules, evidence_days),
        candidates=candidates(chosen, feedback, catalog),
    )


def placements(records: Iterable[Record], feedback: Mapping[str, Feedback]) -> tuple[Placement, ...]:
    """Where each task ran, by task, most requests first."""
    groups: defaultdict[tuple[str, str, str | None, str | None], list[Record]] = defaultdict(list)
    for record in records:
        answer = record.answer
        where = (answer.tier, answer.model) if answer is not None else (None, None)
        groups[record.task, record.rule, *where].append(record)
    found = [
        Placement(
            task=task,
            rule=rule,
            tier=tier,
            model=model,
            since=min(record.started_at for record in own),
            until=max(record.started_at for record in own),
            requests=len(own),
            success=_success(own, feedback),
            cost=_cost(own, feedback),
        )
        for (task, rule, tier, model), own in groups.items()
    ]
    return tuple(sorted(found, key=lambda one: (one.task, -one.requests, one.rule, one.model or "")))


def rule_uses(
    records: Iterable[Record], rules: Sequence[Rule], evidence_days: Mapping[str, int]
) -> tuple[RuleUse, ...]:
    """Every rule of the policy in its order, then what else the records name."""
    starts: defaultdict[str, list[float]] = defaultdict(list)
    for record in records:
        starts[record.rule].append(record.started_at)
    known = {rule.name: rule for rule in rules}
    return tuple(
        RuleUse(
            name=name,
            in_policy=name in known,
            requests=len(starts[name]),
            until=max(starts[name], default=None),
            evidence=known[name].evidence if name in known else None,
            evidence_days=evidence_days.get(name),
        )
        for name in (*known, *sorted(set(starts) - set(known)))
    )


def candidates(
    records: Iterable[Record], feedback: Mapping[str, Feedback], catalog: Catalog
) -> tuple[Candidate, ...]:
    """What could be cheaper by at least a fifth, for each task and the models that answer it.

    Where most would be saved comes first.
    """
    by_task: defaultdict[str, defaultdict[str, list[_Answered]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        if record.answer is not None:
            by_task[record.task][record.answer.model].append(_Answered(record, record.answer))
    found: list[Candidate] = []
    for task, by_model in by_task.items():
        per_success = {
            model: _cost([one.record for one in own], feedback).per_success_nano
            for model, own in by_model.items()
        }
        for model, own in by_model.items():
            for other in catalog.models.values():
                if other.name == model:
                    continue
                found += _by_price(task, own, other, catalog)
                now, then = per_success[model], per_success.get(other.name)
                if now is not None and then is not None:
                    found += _by_measurement(task, own, by_model[other.name], (now, then), catalog)
    worth = [one for one in found if one.nano > 0 and one.saving >= LEAST_SAVING]
    return tuple(sorted(worth, key=lambda one: (-one.saved_nano, one.task, one.model, one.candidate)))


def _by_price(task: str, own: Sequence[_Answered], other: Model, catalog: Catalog) -> Iterator[Candidate]:
    """The same tokens at the other model's price, for the requests in which it had not been tried already."""
    fresh = [one for one in own if all(attempt.model != other.name for attempt in one.record.attempts)]
    priced = [
        one.answer for one in fresh if one.answer.usage is not None and one.answer.cost_nano is not None
    ]
    if not priced:
        return
    now = sum(answer.cost_nano or 0 for answer in priced)
    offers = [
        (total, deployment, prices)
        for deployment, prices in _offers(other, catalog, _needs(fresh))
        if (total := _total(prices, priced)) is not None
    ]
    if offers:
        total, deployment, prices = min(offers, key=lambda offer: offer[0])
        yield Candidate(
            task=task,
            model=own[0].answer.model,
            candidate=other.name,
            deployment=deployment.name if deployment else None,
            callable=deployment is not None and deployment.name in catalog.deployments,
            basis="price",
            nano=round(now / len(priced)),
            candidate_nano=round(total / len(priced)),
            n=len(priced),
            source=prices.source,
            date=prices.date,
        )


def _by_measurement(
    task: str, own: Sequence[_Answered], theirs: Sequence[_Answered], nano: tuple[int, int], catalog: Catalog
) -> Iterator[Candidate]:
    """What a successful task cost where it was answered by one model and by the other: `nano`, in that order."""
    model, other = own[0].answer.model, theirs[0].answer.model
    deployment = next(
        (d for d, _ in _offers(catalog.models[other], catalog, _needs(own)) if d is not None), None
    )
    if deployment is not None:
        yield Candidate(
            task=task,
            model=model,
            candidate=other,
            deployment=deployment.name,
            callable=deployment.name in catalog.deployments,
            basis="measured",
            nano=nano[0],
            candidate_nano=nano[1],
            n=len(own),
            candidate_n=len(theirs),
        )


def _needs(answered: Sequence[_Answered]) -> _Needs:
    used = [one.answer.usage for one in answered if one.answer.usage is not None]
    return _Needs(
        modalities=frozenset(modality for one in answered for modality in one.record.modalities),
        tokens=max((usage.input + usage.output for usage in used), default=0),
        residencies=frozenset(one.record.residency for one in answered if one.record.residency is not None),
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


def _total(prices: Prices, answers: Sequence[AttemptRecord]) -> int | None:
    """What these answers' tokens would cost; `None` where a price is unknown."""
    costs = [prices.cost(answer.usage) for answer in answers if answer.usage is not None]
    return None if any(one is None for one in costs) else sum(one or 0 for one in costs)


def _success(records: Sequence[Record], feedback: Mapping[str, Feedback]) -> Rate:
    return rate(sum(is_success(record, feedback) for record in records), len(records))


def _cost(records: Sequence[Record], feedback: Mapping[str, Feedback]) -> Cost:
    return cost(records, _success(records, feedback).count)
