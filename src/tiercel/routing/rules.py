"""Which rule holds: the first whose conditions all do."""

from collections.abc import Iterator, Sequence

from tiercel.domain.facts import Facts
from tiercel.domain.policy import Rule, When


def first_match(rules: Sequence[Rule], facts: Facts) -> Rule | None:
    """The first rule that matches these facts."""
    return next((rule for rule in rules if matches(rule.when, facts)), None)


def matches(when: When, facts: Facts) -> bool:
    """Whether every condition that is given holds."""
    return next(mismatches(when, facts), None) is None


def mismatches(when: When, facts: Facts) -> Iterator[str]:
    """Each condition that does not hold, in words, the cheapest to look at first."""
    yield from _unlike("task", when.task, facts.task)
    yield from _unlike("complexity", when.complexity, facts.complexity)
    yield from _unlike("risk", when.risk, facts.risk)
    yield from _unlike("latency", when.latency, facts.latency)
    yield from _unlike("residency", when.residency, facts.residency or "anywhere")
    if when.modality and not set(when.modality) & set(facts.modalities):
        yield f"modality is {_either(facts.modalities)}, not {_either(when.modality)}"
    if when.strict_json is not None and when.strict_json != facts.strict_json:
        yield "no JSON is demanded" if when.strict_json else "JSON is demanded"
    if when.tools is not None and when.tools != facts.tools:
        yield "there are no tools" if when.tools else "there are tools"
    size = facts.size.tokens
    if when.min_tokens is not None and size < when.min_tokens:
        yield f"about {size:,} tokens are fewer than {when.min_tokens:,}"
    if when.max_tokens is not None and size > when.max_tokens:
        yield f"about {size:,} tokens are more than {when.max_tokens:,}"


def _unlike(fact: str, wanted: tuple[str, ...], found: str) -> Iterator[str]:
    if wanted and found not in wanted:
        yield f"{fact} is {found}, not {_either(wanted)}"


def _either(values: Sequence[str]) -> str:
    return " or ".join(values)
