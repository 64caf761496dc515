"""Whom a rule has called beside its ladder: who reviews the answer, who may be asked for advice.

What such a model is sent is a transcript, as text. A reviewer needs one answer; an advisor is offered where the answer
is prose or calls of tools, for what a model says before it asks would break JSON.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from tiercel.domain.catalog import Catalog
from tiercel.domain.climb import NO_GATE, Plan
from tiercel.domain.facts import Facts
from tiercel.domain.request import ModelRequest
from tiercel.routing.asides import VERDICT_TOKENS, Asked
from tiercel.routing.choose import Chosen
from tiercel.routing.expand import serving, split_effort

REVIEW = "review"
"""Under this name a reviewer's calls and findings are counted, like a check's."""
REVIEWED_TOKENS = 8_192
"""Room for an improved answer where the client set no limit."""


def applying(chosen: Chosen, facts: Facts) -> Chosen:
    """The ladder that was chosen, without a review or an advisor that does nothing for requests like this one."""
    if chosen.review is None and chosen.advisor is None:
        return chosen
    one = facts.choices == 1
    return replace(
        chosen,
        review=chosen.review if one else None,
        advisor=chosen.advisor if one and not facts.strict_json else None,
    )


def called_by(chosen: Chosen, request: ModelRequest, catalog: Catalog) -> Iterator[Asked]:
    """The second models of a rule."""
    if chosen.review is not None:
        name, effort = split_effort(chosen.review.by)
        yield Asked(
            gate=NO_GATE,
            check=REVIEW,
            role="review",
            name=name,
            effort=effort,
            deployments=serving(name, catalog),
            tokens=VERDICT_TOKENS + (request.max_output_tokens or REVIEWED_TOKENS),
        )
    if chosen.advisor is not None:
        name, effort = split_effort(chosen.advisor.by)
        yield Asked(
            gate=NO_GATE,
            check="",
            role="advisor",
            name=name,
            effort=effort,
            deployments=serving(name, catalog),
            tokens=chosen.advisor.max_tokens,
        )


def with_second_models(plan: Plan, chosen: Chosen) -> Plan:
    """The plan with its rule's review and advisor, where somebody may be called for them. A model that asks for advice
    has no rival beside it."""
    review = None if plan.aside_of("review") is None else chosen.review
    advisor = None if plan.aside_of("advisor") is None else chosen.advisor
    return replace(
        plan,
        review=review,
        advisor=advisor,
        hedges=plan.hedges and advisor is None,
    )
