"""The audit, looked up record by record: what the one from sums must come to."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

import msgspec

from tiercel.domain.catalog import Catalog, Deployment, Model, Prices
from tiercel.domain.record import AttemptRecord, Feedback, Record
from tiercel.measure.audit import LEAST_SAVING, Audit, Candidate, Placement, RuleUse
from tiercel.measure.cost import Cost, cost
from tiercel.measure.quality import is_success
from tiercel.measure.rate import Rate, rate


class _Answered(NamedTuple):
    """A record and the attempt whose answer was delivered."""

    record: Record
    answer: AttemptRecord


class _Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What a model must take to serve certain requests: all their modalities, their largest size, their regions."""

    modalities: frozenset[str]
    tokens: int
    residencies: frozenset[str]


def audit_records(records: Sequence[Record], feedback: Mapping[str, Feedback], catalog: Catalog) -> Audit:
    """The audit of these records, of rules that no policy has."""
    real = [record for record in records if not record.simulated]
    chosen = real or records
    starts = [record.started_at for record in chosen]
    names = sorted({record.rule for record in chosen})
    return Audit(
        records=len(chosen),
        simulated=bool(chosen) and not real,
        left_out=len(records) - len(chosen),
        since=min(starts, default=None),
        until=max(starts, default=None),
        placements=placements(chosen, feedback),
        rules=tuple(
            RuleUse(
                name=name,
                in_policy=False,
                requests=sum(record.rule == name for record in chosen),
                until=max(record.started_at for record in chosen if record.rule == name),
            )
            for name in names
        ),
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
    return tuple(
        sorted(found, key=lambda one: (one.task, -one.requests, one.rule, one.model or "", one.tier or ""))
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
            nano=round(Fraction(now, len(priced))),
            candidate_nano=round(Fraction(total, len(priced))),
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
