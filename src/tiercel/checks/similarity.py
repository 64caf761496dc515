"""How near is the answer to a reference, or to the text it was given? By the words they share, or by what they mean.

Words are not meaning: a good answer in other words scores low, and a denial of the reference high. An embedding model
knows other words for the same, and sees a denial hardly better.
"""

import asyncio
from typing import Literal

import msgspec

from tiercel.checks.check import (
    COUNTED_SECONDS,
    Ask,
    CheckInfo,
    Needs,
    Subject,
    option_problems,
    read_options,
)
from tiercel.checks.comparing.meaning import cosine, cut_words
from tiercel.checks.comparing.words import f1, precision, recall, rouge_l, words_of
from tiercel.domain.climb import Verdict
from tiercel.domain.errors import CheckError
from tiercel.domain.json import JsonObject
from tiercel.domain.request import ModelRequest

NAME = "similarity"
OURS = "tiercel."
LONG_CHARS = 20_000

Measure = Literal["f1", "rouge_l", "recall", "precision", "meaning"]
MEASURES = {"f1": f1, "rouge_l": rouge_l, "recall": recall, "precision": precision}


class SimilarityOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the answer is compared with, and how. `metadata_key` is where a request carries its reference."""

    to: Literal["reference", "request"] = "reference"
    measure: Measure = "f1"
    metadata_key: str = "tiercel.reference"


class Similarity:
    """The overlap of words, or the likeness of meaning, from 0 (none shared) to 1."""

    info = CheckInfo(
        name=NAME,
        summary="the answer shares its words, or its meaning, with a reference or with what the user wrote",
        options={
            "to": "reference (default), which the request's metadata holds, or request: the user's last message",
            "measure": "f1 (default), rouge_l: in the same order, recall: how much of the other's words it has, "
            "precision: how many of its own words the other has, meaning: as the gate's `embed` sees it",
            "metadata_key": "entry of the request's metadata with the reference (default tiercel.reference)",
        },
    )

    def problems(self, options: JsonObject) -> list[str]:
        return option_problems(SimilarityOptions, options)

    def needs(self, options: JsonObject) -> Needs:
        """A model that embeds, where meaning is compared."""
        if read_options(SimilarityOptions, options).measure == "meaning":
            return Needs(embeds="must", seconds=COUNTED_SECONDS)
        return Needs()

    async def measure(self, subject: Subject, options: JsonObject, ask: Ask | None) -> Verdict:
        wanted = read_options(SimilarityOptions, options)
        if silent := subject.nothing_to_read:
            return Verdict(check=NAME, score=1.0, reason=silent)
        other, text = other_text(subject.request, wanted), subject.choice.text
        if wanted.measure == "meaning":
            return await nearness(other, text, wanted, ask)
        if len(other) + len(text) > LONG_CHARS:  # others' turn meanwhile
            return await asyncio.to_thread(overlap, other, text, wanted)
        return overlap(other, text, wanted)


async def nearness(other: str, text: str, wanted: SimilarityOptions, ask: Ask | None) -> Verdict:
    """The verdict on what an answer means. Raises `CheckError` where it cannot be compared with anything."""
    if ask is None:
        raise CheckError("there is nobody here who embeds texts")
    if not other.strip():
        raise CheckError(f"the {wanted.to} is empty: there is nothing to compare with")
    if not text.strip():
        return Verdict(check=NAME, score=0.0, reason="the answer has no text")
    embedded = await ask.embed((text, other))
    score = max(0.0, cosine(*embedded.vectors))
    reason = f"meaning {score:.2f} to the {wanted.to}, by {embedded.by.name}{cut_words(embedded.cut)}"
    return Verdict(check=NAME, score=score, reason=reason)


def overlap(other: str, text: str, wanted: SimilarityOptions) -> Verdict:
    """The verdict on an answer's text. Raises `CheckError` where there is nothing to compare it with."""
    words = words_of(other)
    if not words:
        raise CheckError(f"the {wanted.to} has no words to compare with")
    score = MEASURES[wanted.measure](words, words_of(text))
    return Verdict(check=NAME, score=score, reason=f"{wanted.measure} {score:.2f} to the {wanted.to}")


def other_text(request: ModelRequest, wanted: SimilarityOptions) -> str:
    """What the answer is compared with. Raises `CheckError` where the request carries no reference."""
    if wanted.to == "request":
        return next((message.text for message in reversed(request.messages) if message.role == "user"), "")
    key = wanted.metadata_key
    kept = request.annotations.get(key.removeprefix(OURS)) if key.startswith(OURS) else None
    reference = kept if kept is not None else request.metadata.get(key)
    if reference is None:
        raise CheckError(f"the request's metadata has no {key!r}: there is nothing to compare with")
    return reference
