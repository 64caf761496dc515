"""Numbers and verdicts in words: the sentence that a report opens with, and what stands beside it."""

from collections.abc import Callable

import msgspec

from tiercel.domain.money import NANO_PER_USD
from tiercel.evals.comparing.assessment import HEAD, Assessment
from tiercel.evals.comparing.contender import Contender
from tiercel.evals.comparing.figure import Figure
from tiercel.evals.comparing.guardrails import Guarded
from tiercel.evals.comparing.labelled import Labelled
from tiercel.evals.comparing.signals import Signals
from tiercel.evals.evaluation import GUARDRAILS
from tiercel.evals.statistics.interval import percent as exact_percent
from tiercel.evals.statistics.interval import points
from tiercel.measure import amounts

Form = Callable[[float], str]
_NAMES = {
    "p50_seconds": "median latency",
    "p95_seconds": "p95 latency",
    "p95_ttfa_seconds": "p95 first answer",
    "failure_rate": "answers that did not pass",
    "invalid_format": "answers of a wrong form",
    "non_stop_rate": "answers that were cut",
}
"""What sentences call a guardrail whose key does not read."""


class Headline(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be known of a candidate first: `lead` is the verdict, `basis` what it rests on, `more` sentences on
    what would decide, cost, speed, guardrails and where the two differ."""

    lead: str
    basis: str
    more: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join((f"{self.lead} ({self.basis}).", *self.more))


def headline(contender: Contender, assessment: Assessment) -> Headline:
    """The opening sentences on one candidate."""
    models = {model.name: model for model in assessment.models}
    candidate, baseline = models[contender.name], models[contender.baseline]
    lead, basis = _verdict(contender)
    sentences = (
        _outlook(contender),
        _dropped(contender),
        _cost(contender, candidate, baseline),
        _speed(candidate, baseline),
        *(guardrail(rail) for rail in contender.guardrails if rail.state != "met"),
        _met(contender.guardrails),
        _differing(contender, assessment),
    )
    return Headline(lead=lead, basis=basis, more=tuple(sentence for sentence in sentences if sentence))


def bounds_kept(name: str, rails: tuple[Guarded, ...]) -> str:
    """What became of the bounds of a candidate that is compared with nobody, in sentences."""
    told = (*(guardrail(rail) for rail in rails if rail.state != "met"), _met(rails))
    return " ".join((f"{name}:", *(sentence for sentence in told if sentence)))


def people(found: Labelled) -> str:
    """What people's labels make of a candidate's verdicts."""
    what = "right" if found.what == "passed" else "preferred to the baseline's answer"
    agreement = found.agreement
    agree = f"Verdicts and people agree on {value_text(agreement, share)} ({detail_text(agreement, share)})."
    if found.estimate is None:
        return f"{found.name}, {what} as people see it: not to be told yet: {found.why}. {agree}"
    return f"{found.name}, {what} as people see it: {found.estimate.words} {agree}"


def guardrail(rail: Guarded) -> str:
    """A bound, what was measured, and what that means."""
    figure = _guarded(rail, rail.figure.value) if rail.figure.value is not None else "was not measured"
    reason = f" ({_between(rail)})" if rail.figure.low is not None or rail.figure.high is not None else ""
    why = f": {rail.figure.why}" if rail.figure.value is None else ""
    state = {"met": "kept", "broken": "broken", "cannot tell": "not to be told"}[rail.state]
    return f"Guardrail {state}: {metric_name(rail)} {figure}{reason}{why}, bound {bound(rail)}."


def bound(rail: Guarded) -> str:
    """`at most 1.2 times the baseline's`."""
    return f"at most {_guarded(rail, rail.guardrail.at_most)}" + (
        " the baseline's" if rail.guardrail.relative else ""
    )


def metric_name(rail: Guarded) -> str:
    """`p95 latency`."""
    return _NAMES.get(rail.guardrail.metric, rail.guardrail.metric.replace("_", " "))


def meaning_of(rail: Guarded) -> str:
    """What the bounded number is."""
    return GUARDRAILS[rail.guardrail.metric]


def form_of(rail: Guarded) -> Form:
    """How a guardrail's numbers are written."""
    return lambda value: _guarded(rail, value)


def _guarded(rail: Guarded, value: float) -> str:
    if rail.guardrail.relative:
        return f"{value:.3g} times"
    if rail.guardrail.metric == "cost_per_success":
        return money(value * NANO_PER_USD)
    return amounts.duration(value) if rail.guardrail.metric.endswith("_seconds") else share(value)


def _between(rail: Guarded) -> str:
    low, high = ("?" if end is None else _guarded(rail, end) for end in (rail.figure.low, rail.figure.high))
    return f"interval {low} to {high}, n = {rail.figure.n:,}"


def share(value: float) -> str:
    """A share with one digit, whole where it is."""
    return exact_percent(value).replace(".0 %", " %")


def money(nano: float) -> str:
    return amounts.money(round(nano))


def change(ratio: float) -> str:
    """`0.09` is `-91 %`; near nothing with a digit more."""
    return f"{100 * (ratio - 1):+.1f} %" if ratio < 0.05 else f"{100 * (ratio - 1):+.0f} %"


def number(value: float) -> str:
    return f"{value:,.0f}"


def value_text(figure: Figure, form: Form) -> str:
    """The value alone, or a dash."""
    return amounts.UNKNOWN if figure.value is None else form(figure.value)


def detail_text(figure: Figure, form: Form) -> str:
    """What the value rests on: `74 % to 87 %, n = 160`; or why there is none."""
    if figure.value is None:
        return figure.why
    parts = []
    if figure.low is not None or figure.high is not None:
        low = "below what was seen" if figure.low is None else form(figure.low)
        high = "above what was seen" if figure.high is None else form(figure.high)
        parts.append(f"{low} to {high}")
    parts.append(f"n = {figure.n:,}")
    return ", ".join(parts) + (f"; {figure.why}" if figure.why else "")


def group_titles(contender: Contender, assessment: Assessment) -> tuple[str, str, str]:
    """What the items are called that only the baseline, only the candidate, and neither got right."""
    name, baseline = contender.name, contender.baseline
    if assessment.kind == "change":
        name = name.removesuffix(f" ({HEAD})")
        return f"Newly failing, {name}", f"Newly passing, {name}", f"Failing in both, {name}"
    return (
        f"Only {baseline} is right, not {name}",
        f"Only {name} is right, not {baseline}",
        f"Neither {baseline} nor {name} is right",
    )


def left_out(contender: Contender) -> tuple[str, ...]:
    """What makes no pair, in words, with the first ids."""
    out = contender.left_out
    groups = (
        (out.baseline_failed, f"only errors from {contender.baseline}"),
        (out.candidate_failed, f"only errors from {contender.name}"),
        (out.only_in_baseline, f"not asked of {contender.name}"),
        (out.only_in_candidate, f"not asked of {contender.baseline}"),
    )
    said = [f"{amounts.count_text(len(ids), 'item')} {what}: {some(ids)}" for ids, what in groups if ids]
    if out.odd_repeats:
        said.append(f"{amounts.count_text(out.odd_repeats, 'repeat')} without a counterpart")
    return tuple(said)


def some(ids: tuple[str, ...], most: int = 10) -> str:
    """The first ids, and how many more there are."""
    more = f" and {len(ids) - most:,} more" if len(ids) > most else ""
    return ", ".join(ids[:most]) + more


def _verdict(contender: Contender) -> tuple[str, str]:
    name, baseline = contender.name, contender.baseline
    cannot = f"Cannot tell whether {name} is worse than {baseline}"
    found, dropped = contender.comparison, contender.dropped
    if dropped is not None:
        return dropped.claim, dropped.basis
    if found is None:
        return cannot, contender.why
    return (cannot if found.verdict == "cannot tell" else found.claim(name, baseline)), found.basis


def _outlook(contender: Contender) -> str:
    said = contender.comparison.outlook if contender.comparison else ""
    return f"{said[:1].upper()}{said[1:]}." if said else ""


def _dropped(contender: Contender) -> str:
    if contender.dropped is None:
        return ""
    after = contender.dropped.after
    saved = "" if contender.saved_nano is None else f", which saved about {money(contender.saved_nano)}"
    return f"{after[:1].upper()}{after[1:]}{saved}: its figures end there."


def _cost(contender: Contender, candidate: Signals, baseline: Signals) -> str:
    after, before = candidate.cost_per_success_nano, baseline.cost_per_success_nano
    if after.value is None or before.value is None:
        why = after.why if after.value is None else before.why
        return f"Cost per success is not known: {why}."
    said = f"Cost per success {money(after.value)} against {money(before.value)}"
    ratio = contender.cost_ratio
    if ratio.value is None:
        return f"{said}."
    if ratio.low is None or ratio.high is None:
        return f"{said} ({change(ratio.value)})."
    return f"{said} ({change(ratio.value)}, interval {change(ratio.low)} to {change(ratio.high)})."


def _speed(candidate: Signals, baseline: Signals) -> str:
    kinds = (
        ("p95 first answer", candidate.ttfa_seconds.p95, baseline.ttfa_seconds.p95),
        ("p95 latency", candidate.seconds.p95, baseline.seconds.p95),
        ("Median latency", candidate.seconds.p50, baseline.seconds.p50),
    )
    for what, after, before in kinds:
        if after.value is not None and before.value is not None:
            return f"{what} {amounts.duration(after.value)} against {amounts.duration(before.value)}."
    return ""


def _met(rails: tuple[Guarded, ...]) -> str:
    met = sum(rail.state == "met" for rail in rails)
    total = len(rails)
    return f"{met} of {total} guardrails kept." if met else ""


def _differing(contender: Contender, assessment: Assessment) -> str:
    lost, won = len(contender.differing.only_baseline), len(contender.differing.only_candidate)
    if assessment.kind == "change":
        return f"{lost:,} newly failing, {won:,} newly passing."
    return (
        f"{amounts.count_text(lost, 'prompt')} where only {contender.baseline} is right, "
        f"{won:,} where only {contender.name} is."
    )


def p_text(p_value: float) -> str:
    """`p = 0.003`; smaller ones than anybody needs to know are said to be."""
    return "p < 0.0001" if p_value < 0.0001 else f"p = {p_value:.2g}"


def difference(figure: Figure) -> str:
    """A difference in points, for tables."""
    return amounts.UNKNOWN if figure.value is None else points(figure.value)
