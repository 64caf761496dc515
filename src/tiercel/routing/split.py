"""Which arm of a rule's split a request is given, and with which probability.

Every arm has a clock for every unit (a session, a user, or one request): an exponential waiting time, made by a keyed
hash of the two, over the arm's share; the clock that rings first wins. So each arm is drawn with exactly its share;
the same unit draws the same arm in every process and after every restart; an arm that a filter takes out leaves its
units to the others by their shares and moves nobody else; and changed shares move no more units than they must.
Source: weighted rendezvous hashing (Thaler and Ravishankar 1998; Schindelhauer and Schomaker 2005).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from math import log

import msgspec
from msgspec.structs import replace

from tiercel.domain.climb import ArmOut, Assignment, Plan, Rung
from tiercel.domain.errors import ProblemError, UnavailableError
from tiercel.domain.policy import Arm, Split
from tiercel.routing.allowed import is_allowed
from tiercel.routing.cost import most_nano

UNIT_BYTES = 8
"""Of a million units two share a digest once in 37 million splits."""

Planned = Callable[[tuple[str, ...]], Plan]
"""The plan of the same request along these entries. Raises `ProblemError` where nobody of them may take it."""


class Draw(msgspec.Struct, frozen=True, kw_only=True):
    """Whom an arm is drawn for, and which rungs cannot be called for them now.

    `request_id` is drawn by where nobody keeps an arm. `project` and `key_id` are those of the caller's key: what
    clients call a session or a user is theirs alone. `allowed` are the names that the key may use, none meaning all;
    `budgeted` whether a call's cost must be bounded for it. `caller` is the deployment in the middle of whose tools the
    request is.
    """

    request_id: str = ""
    project: str = ""
    key_id: str = ""
    user: str | None = None
    allowed: tuple[str, ...] = ()
    budgeted: bool = False
    resting: frozenset[str] = frozenset()
    caller: str | None = None


def with_arm(plan: Plan, draw: Draw, planned: Planned) -> Plan:
    """The plan of a rule with a split, along the arm that is drawn; along the rule's own ladder where every arm is out.

    Inside a tool loop the arm is the one whose model called the tools, where there is one. Raises `ProblemError` where
    nobody is left at all.
    """
    split = plan.split
    assert split is not None, "the plan has no split, or was drawn for already"
    open_arms: list[Arm] = []
    in_loop: list[Arm] = []
    out: list[ArmOut] = []
    for arm in [arm for arm in split.arms if arm.share > 0]:
        rungs, reason = _callable_now(arm, plan, draw, planned)
        if reason is not None:
            out.append(ArmOut(arm=arm.name, reason=reason))
            continue
        open_arms.append(arm)
        if any(rung.deployment.name == draw.caller for rung in rungs):
            in_loop.append(arm)
    ladder = plan.stages[len(split.arms) :]
    unit = unit_of(split, draw, plan.facts.session)
    whole = sum(arm.share for arm in open_arms)
    chosen = None
    if open_arms:
        chosen = first_to_ring(split.name, in_loop or open_arms, unit or draw.request_id)
        ladder = (chosen.use, *ladder[1:])
    given = Assignment(
        split=split.name,
        arm=chosen.name if chosen else None,
        by=split.by,
        chances={arm.name: arm.share / whole for arm in open_arms},
        unit=unit,
        out=tuple(out),
    )
    along = planned(ladder)
    return replace(along, assignment=given, why=f"{along.why}; {in_words(given)}")


def first_to_ring(split: str, arms: Iterable[Arm], unit: str) -> Arm:
    """The arm that this unit draws among these, whose shares are above 0."""
    return min(arms, key=lambda arm: _waits(split, arm.name, unit) / arm.share)


def unit_of(split: Split, draw: Draw, session: str | None) -> str | None:
    """A digest of who keeps an arm of this split; `None` where the request says nothing to tell them by."""
    told: tuple[str, str] | None = None
    if split.by == "session" and session:
        told = ("session", session)
    elif split.by == "user" and (draw.user or draw.key_id):
        told = ("user", draw.user) if draw.user else ("key", draw.key_id)
    return None if told is None else _digest(split.name, (draw.project, draw.key_id, *told)).hex()


def in_words(given: Assignment) -> str:
    """`arm haiku of split try-haiku, 50 % by session; flash out (failed too often a moment ago)`."""
    words = [f"{one.arm} out ({one.reason})" for one in given.out]
    if given.arm is None or given.propensity is None:
        return "; ".join((f"no arm of split {given.split}", *words))
    kept = given.by if given.unit else "request"
    drawn = f"arm {given.arm} of split {given.split}, {100 * given.propensity:.3g} % by {kept}"
    return "; ".join((drawn, *words))


def _callable_now(arm: Arm, plan: Plan, draw: Draw, planned: Planned) -> tuple[Sequence[Rung], str | None]:
    """The arm's rungs that may be called, or why there is none."""
    try:
        own = planned((arm.use,))
    except ProblemError as error:
        return (), _reason(error)
    rungs: Sequence[Rung] = own.rungs
    for keeps, reason in _filters(plan, draw):
        rungs = [rung for rung in rungs if keeps(rung)]
        if not rungs:
            return (), reason
    return rungs, None


def _filters(plan: Plan, draw: Draw) -> Iterator[tuple[Callable[[Rung], bool], str]]:
    """What takes rungs out beside the filters of every plan, and what to say of an arm that loses all by one."""
    if draw.resting:
        yield lambda rung: rung.deployment.name not in draw.resting, "failed too often a moment ago"
    if draw.allowed:
        yield lambda rung: is_allowed(rung, draw.allowed), "this key may not use it"
    if draw.budgeted:
        unbounded = "its cost has no known bound, and this key has a budget"
        yield lambda rung: most_nano(rung, plan.facts) is not None, unbounded


def _reason(error: ProblemError) -> str:
    """Why none of an arm's rungs may take a request, in words that many requests share: records keep them once."""
    if isinstance(error, UnavailableError):
        return "no provider with a key serves it"
    return "too long for it" if error.kind == "context_length" else error.message.partition(": ")[2]


def _waits(split: str, arm: str, unit: str) -> float:
    """When the clock of this arm rings for this unit, were its share 1."""
    number = int.from_bytes(_digest(split, (arm, unit)), "big") >> 12
    # 52 bits and a half: never 0, never 1, and exact in a float
    return -log((number + 0.5) / 2**52)


def _digest(split: str, told: tuple[str, ...]) -> bytes:
    """The keyed hash of these words: of another split it is another one. What it gives stands in records and keeps
    sessions with their arms: it is never changed."""
    text = "".join([f"{len(word)}:{word}" for word in told])
    return blake2b(text.encode("utf-8", "replace"), key=_key(split), digest_size=UNIT_BYTES).digest()


@lru_cache(maxsize=64)
def _key(split: str) -> bytes:
    return blake2b(split.encode(), digest_size=32).digest()
