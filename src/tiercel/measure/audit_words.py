"""What an audit's numbers rest on, and what is to be kept in mind, in words for terminals and pages."""

from collections.abc import Iterator, Sequence

from tiercel.measure.amounts import count_text
from tiercel.measure.audit import STALE_AFTER_DAYS, Candidate, RuleUse

BASES = {"price": "its price", "measured": "your traffic"}
FEW = 20
"""Below so many requests a number is marked as resting on few."""


def rule_warnings(rules: Sequence[RuleUse]) -> Iterator[str]:
    """What is wrong with the evidence of these rules."""
    if any(not rule.in_policy for rule in rules):
        yield "*: no rule of this policy: asked for by name, or of an earlier one"
    for rule in rules:
        if rule.stale:
            yield (
                f"WARNING: the evidence of {rule.name!r} is {rule.evidence_days} days old, "
                f"more than {STALE_AFTER_DAYS}: measure again"
            )
        elif rule.evidence_days is not None and rule.evidence_days < 0:
            yield f"WARNING: the evidence of {rule.name!r} is dated in the future: correct its date"
    without = [rule.name for rule in rules if rule.in_policy and rule.evidence is None]
    if without:
        yield f"no evidence: {len(without)} of {count_text(sum(r.in_policy for r in rules), 'rule')}"
        yield 'Next: in policy.toml, evidence = { date = "2026-10-01", source = "..." }'


def numbers_text(candidate: Candidate) -> str:
    """How many requests a comparison rests on: those of now, and where measured those of the candidate."""
    if candidate.basis == "price":
        return str(candidate.n)
    return f"{candidate.n}/{candidate.candidate_n}"


def candidate_notes(shown: Sequence[Candidate], disputed: frozenset[str]) -> Iterator[str]:
    """How these candidates are to be read; `disputed` are the models whose prices are."""
    yield "To evaluate, not to switch: nothing here says that its answers are as good."
    bases = {one.basis for one in shown}
    if "price" in bases:
        yield "its price: for one request, the same tokens; it may use more or fewer"
        sources = dict.fromkeys(f"{one.source} {one.date}".strip() for one in shown if one.source)
        yield f"prices from: {'; '.join(sources) or 'tiercel.toml'}"
    if "measured" in bases:
        yield "your traffic: cost per success, n of each; not the same requests"
    if any(min(one.n, one.candidate_n or one.n) < FEW for one in shown):
        yield f"n below {FEW} is few: such a difference may be chance"
    if any(not one.callable for one in shown):
        yield "*: cannot be called yet, no provider with a key serves it"
    if any(one.candidate in disputed for one in shown):
        yield "!: other prices are published for it too; see `tiercel models NAME`"
