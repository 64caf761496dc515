"""What a wrong answer could do. High only on strong signs: a dose, an emergency, a legal step, what cannot be undone,
money that moves, harm to oneself. Words alone are not enough where people merely talk about such things.
"""

from itertools import chain
from typing import TypeAlias

from tiercel.domain.facts import Risk, Task
from tiercel.routing import vocabulary
from tiercel.routing.phrases import contains
from tiercel.routing.wording import Wording

Judged: TypeAlias = tuple[Risk, str]

PIECES = (*vocabulary.SELF_HARM, *vocabulary.EMERGENCY)
"""Only where a piece that some phrases share stands in a text, they are looked for."""
GRAVE = tuple(
    (reason, tuple(chain.from_iterable(phrases.values())))
    for reason, phrases in (
        ("self-harm", vocabulary.SELF_HARM),
        ("a medical emergency", vocabulary.EMERGENCY),
    )
)
DELICATE = vocabulary.DOSE | vocabulary.LAW | vocabulary.CAREFUL | vocabulary.MEDICINE


def judge_risk(task: Task, wording: Wording, *, tools: bool) -> Judged:
    """Risk and the reason. `tools` is whether the model can act by itself."""
    text = wording.lower
    words = wording.words
    if contains(text, PIECES):
        for reason, phrases in GRAVE:
            if contains(text, phrases):
                return "high", reason
    acts = tools or task in ("coding", "agent_step", "gui", "unknown")
    if acts and words & vocabulary.DESTROY and words & vocabulary.IRREPLACEABLE:
        return "high", "destroys what cannot be brought back"
    if tools and words & vocabulary.MOVE_MONEY and wording.numbers and words & vocabulary.MONEY:
        return "high", "moves money"
    # the words first: most requests have none of them, and words are asked for at once, phrases one by one
    if words.isdisjoint(DELICATE):
        return "low", "no sign of risk"
    if not contains(text, vocabulary.ADVICE):
        if task == "long_writing":  # it is written for people, who may act on it
            return "medium", "a text about what takes care"
        return "low", "no sign of risk"
    if words & vocabulary.DOSE and words & (vocabulary.MEDICINE | vocabulary.INTAKE):
        return "high", "a dose to be taken"
    if words & vocabulary.LAW:
        return "high", "legal advice to act on"
    if words & (vocabulary.CAREFUL | vocabulary.MEDICINE):
        return "medium", "advice where care is due"
    return "low", "no sign of risk"
