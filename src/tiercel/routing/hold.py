"""How much of a stream waits, for requests that are alike, and the same in words."""

from tiercel.domain.facts import Facts
from tiercel.domain.policy import Gate, Hold


def applied_hold(hold: Hold, gates: tuple[Gate, ...], facts: Facts) -> Hold:
    """The hold as it is for requests like this one: JSON is followed as it comes where one answer must be JSON."""
    follows = facts.choices == 1 and any(gate.reads_json and gate.at_least > 0 for gate in gates)
    return hold if follows or hold.mode != "incremental" else Hold()


def hold_words(hold: Hold) -> str:
    """What of a stream waits, whatever the gates; nothing where they decide."""
    words = {
        "auto": "",
        "none": "not held",
        "first": f"held for about {hold.tokens} tokens",
        "incremental": f"JSON goes out as far as it fits its schema, once about {hold.tokens} tokens of it do",
        "all": "held until the whole answer passed its gates",
    }[hold.mode]
    if hold.least_tokens_per_second is None:
        return words
    return f"{words}; below {hold.least_tokens_per_second:g} tokens a second the next model is asked"
