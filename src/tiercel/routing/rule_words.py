"""What a rule says, in words: its conditions, its gates, and the ways in which it uses more than one model."""

from collections.abc import Iterator

from tiercel.domain.money import usd_text
from tiercel.domain.policy import ITSELF, NEVER_STALLED, Gate, Policy, Rule, Stall, When
from tiercel.routing.hold import hold_words

STICKY_WORDS = {
    "cache": "stays with its model where a lost prompt cache would cost more than another model saves",
    "session": "stays with its model as long as the session lasts",
    "stage": "stays with its model, at the highest stage that the session needed",
}


def when_words(when: When) -> Iterator[str]:
    """Each condition; none for a rule that takes everything."""
    for name in ("task", "complexity", "risk", "latency", "modality", "residency"):
        values: tuple[str, ...] = getattr(when, name)
        if values:
            yield f"{name} {' or '.join(values)}"
    if when.strict_json is not None:
        yield "JSON demanded" if when.strict_json else "no JSON demanded"
    if when.tools is not None:
        yield "with tools" if when.tools else "without tools"
    if when.min_tokens is not None:
        yield f"{when.min_tokens:,} tokens or more"
    if when.max_tokens is not None:
        yield f"{when.max_tokens:,} tokens at most"


def gate_words(gate: Gate) -> str:
    """What an answer must reach, who is asked for it, and what follows where it does not."""
    words = [f"{gate.check} at least {gate.at_least:g}"]
    if gate.ask == (ITSELF,):
        words.append("asks the model about its own answer")
    elif gate.ask:
        words.append(f"asks {' and '.join(gate.ask)}")
    if gate.embed is not None:
        words.append(f"has {gate.embed} embed texts")
    if gate.re_ask:
        times = "once" if gate.re_ask == 1 else f"{gate.re_ask} times"
        words.append(f"asks {times} more before going up")
    return ", ".join(words)


def mode_words(rule: Rule, policy: Policy) -> Iterator[tuple[str, str]]:
    """The name of each mode that holds for the rule, its own or the policy's, and what it does."""
    if rule.review is not None:
        rounds = "" if rule.review.rounds == 1 else f", up to {rule.review.rounds} times"
        yield "review", f"{rule.review.by} approves or improves every answer of text{rounds}"
    if rule.advisor is not None:
        uses = rule.advisor.max_uses
        yield "advisor", f"the model that answers may ask {rule.advisor.by}, up to {uses} time(s) a request"
    if rule.split is not None:
        arms = ", ".join(f"{arm.name}: {arm.use} for {100 * arm.share:g} %" for arm in rule.split.arms)
        yield "split", f"{rule.split.name}, by {rule.split.by}: {arms}"
    if rule.shadow is not None:
        tried = f"{' and '.join(rule.shadow.candidates)} on copies of {100 * rule.shadow.share:g} %"
        yield "shadow", f"{tried}, for at most ${usd_text(rule.shadow.day_nano)} a day; never delivered"
    hold = hold_words(rule.hold or policy.hold)
    if hold:
        yield "hold", f"streams: {hold}"
    if policy.hedge if rule.hedge is None else rule.hedge:
        yield "hedge", "a call slower than 95 % of the measured ones gets a second one beside it"
    sticky = STICKY_WORDS.get(rule.sticky or policy.sticky)
    if sticky is not None:
        yield "sticky", sticky
    stall = policy.stall if rule.stall is None else rule.stall
    if stall != NEVER_STALLED:
        yield "stall", f"begins a stage higher after {_stall_words(stall)}"


def _stall_words(stall: Stall) -> str:
    signs = (
        (stall.repeats, "same calls with the same results"),
        (stall.failures, "failed calls of tools in a row"),
        (stall.asked_again, "times the same question"),
    )
    return " or ".join(f"{number} {sign}" for number, sign in signs if number)
