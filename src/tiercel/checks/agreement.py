"""Do other models, asked the same, say the same? The plan asks them; this only compares what came back, free texts by
what they mean where the gate names who embeds them.

Agreement is evidence and no proof: models that learnt from the same texts are wrong in the same way. The answer's score
is the share of the opinions that agree with it. Where more than half of all agree on another answer, that one is
elected.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec

from tiercel.checks.check import (
    COUNTED_SECONDS,
    Ask,
    CheckInfo,
    Needs,
    Opinion,
    Subject,
    option_problems,
    read_options,
)
from tiercel.checks.comparing.compare import SAME_TEXT, Tally, kind_of, tally
from tiercel.checks.comparing.final import plain
from tiercel.checks.comparing.likeness import KINDS, MAX_CHARS, Kind
from tiercel.checks.comparing.meaning import Meaning, cut_words
from tiercel.checks.comparing.reading import silence
from tiercel.domain.climb import Verdict
from tiercel.domain.errors import CheckError
from tiercel.domain.json import JsonObject
from tiercel.domain.response import Choice

NAME = "agreement"
LONG_CHARS = 20_000
"""Answers that have more together are compared in a thread: others' turn meanwhile."""

SAME_MEANING = 0.9
"""From which cosine of their embeddings two free texts say the same."""

T = TypeVar("T")


class AgreementOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How answers are compared (`kind`, else by what was asked for); from which overlap free texts are the same, or
    from which likeness of meaning where they are embedded; whether an outvoted answer gives way, and how many opinions
    there must be."""

    kind: Kind | None = None
    same_text: float = SAME_TEXT
    same_meaning: float = SAME_MEANING
    elect: bool = True
    least: int = 1


class Agreement:
    """The share of the opinions that agree with the answer, 0 to 1."""

    info = CheckInfo(
        name=NAME,
        summary="other models, asked the same beside it, give the same answer",
        options={
            "kind": f"how answers are compared: {', '.join(KINDS)} (default: by what was asked for)",
            "same_text": "from which share of common words free texts are the same (default 0.8)",
            "same_meaning": "from which cosine of their vectors free texts are the same, where the gate's `embed` has "
            f"them embedded (default {SAME_MEANING:g})",
            "elect": "whether an answer that the majority is against gives way to theirs (default true)",
            "least": "how many opinions there must be to compare with (default 1)",
        },
        asks="opinions",
        embeds="may",
        seconds=COUNTED_SECONDS,
    )

    def problems(self, options: JsonObject) -> list[str]:
        found = option_problems(AgreementOptions, options)
        if found:
            return found
        wanted = read_options(AgreementOptions, options)
        for name, share in (("same_text", wanted.same_text), ("same_meaning", wanted.same_meaning)):
            if not 0 < share <= 1:
                found.append(f"{name} is {share:g}: give more than 0, at most 1")
        if wanted.least < 1:
            found.append(f"least is {wanted.least}: give 1 or more")
        return found

    def needs(self, options: JsonObject) -> Needs:
        info, wanted = self.info, read_options(AgreementOptions, options)
        return Needs(asks=info.asks, opinions=wanted.least, embeds=info.embeds, seconds=info.seconds)

    async def measure(self, subject: Subject, options: JsonObject, ask: Ask | None) -> Verdict:
        wanted = read_options(AgreementOptions, options)
        present = [opinion for opinion in subject.opinions if opinion.choice is not None]
        if len(present) < wanted.least:
            raise CheckError(f"{len(present)} opinion(s) to compare with{_absences(subject.opinions)}")
        own = subject.choice if subject.has_voice else Choice()
        choices = [own, *(opinion.choice for opinion in present if opinion.choice is not None)]
        chars = sum(len(choice.text) for choice in choices)
        kind, meaning, how = wanted.kind, None, ""
        if ask is not None:
            kind = kind or await _aside(chars, partial(kind_of, subject.request, choices))
            if kind == "text":
                meaning, how = await _meaning(ask, choices, wanted.same_meaning)
        counting = partial(
            tally, subject.request, choices, kind=kind, same_text=wanted.same_text, meaning=meaning
        )
        result = await _aside(chars, counting)
        group = next((group for group in result.groups if 0 in group), (0,))
        elected = _elected(result, present) if wanted.elect else None
        with_it = len(group) - 1
        return Verdict(
            check=NAME,
            score=with_it / len(present),
            reason=_reason(result, with_it, present, elected) + how + _absences(subject.opinions),
            elects=None if elected is None else elected.attempt,
        )


async def _aside(chars: int, work: Callable[[], T]) -> T:
    """What `work` gives, which reads so many characters."""
    return await asyncio.to_thread(work) if chars > LONG_CHARS else work()


async def _meaning(ask: Ask, choices: list[Choice], same: float) -> tuple[Meaning | None, str]:
    """Where the texts stand, and what the reason says of it; nothing where they need no model to be compared.

    Raises `CheckError` where they could not be embedded.
    """
    texts = {
        place: choice.text
        for place, choice in enumerate(choices)
        if not silence(choice) and choice.text.strip() and len(choice.text) <= MAX_CHARS
    }
    if len(set(map(plain, texts.values()))) < 2:
        return None, ""
    embedded = await ask.embed(tuple(texts.values()))
    vectors = dict(zip(texts, embedded.vectors, strict=True))
    return Meaning(vectors=vectors, same=same), f"; by meaning ({embedded.by.name}){cut_words(embedded.cut)}"


def _elected(result: Tally, present: list[Opinion]) -> Opinion | None:
    """The first of those who agree against the answer and are more than half of all."""
    if result.outcome != "majority" or 0 in result.leaders:
        return None
    return present[result.leaders[0] - 1]


def _reason(result: Tally, with_it: int, present: list[Opinion], elected: Opinion | None) -> str:
    words = f"{with_it} of {len(present)} agree (compared as {result.kind.replace('_', ' ')})"
    if elected is not None:
        return f"{words}; the others agree with one another"
    return words


def _absences(opinions: tuple[Opinion, ...]) -> str:
    absent = [f"{opinion.by.name} {opinion.absent}" for opinion in opinions if opinion.choice is None]
    return f"; without {', '.join(absent)}" if absent else ""
