"""How much of its wording does the answer share with a reference, or with the text it was given?

Wording, not meaning: a good answer in other words scores low, and a denial of the reference high.
"""

import asyncio
from typing import Literal

import msgspec

from tiercel.checks.check import Ask, CheckInfo, Subject, option_problems, read_options
from tiercel.checks.comparing.words import f1, precision, recall, rouge_l, words_of
from tiercel.domain.climb import Verdict
from tiercel.domain.errors import CheckError
from tiercel.domain.json import JsonObject
from tiercel.domain.request import ModelRequest

NAME = "similarity"
OURS = "tiercel."
LONG_CHARS = 20_000

Measure = Literal["f1", "rouge_l", "recall", "precision"]
MEASURES = {"f1": f1, "rouge_l": rouge_l, "recall": recall, "precision": precision}


class SimilarityOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the answer is compared with, and how. `metadata_key` is where a request carries its reference."""

    to: Literal["reference", "request"] = "reference"
    measure: Measure = "f1"
    metadata_key: str = "tiercel.reference"


class Similarity:
    """The overlap of words, from 0 (none shared) to 1."""

    info = CheckInfo(
        name=NAME,
        summary="the answer shares its words with a reference, or with what the user wrote",
        options={
            "to": "reference (default), which the request's metadata holds, or request: the user's last message",
            "measure": "f1 (default), rouge_l: in the same order, recall: how much of the other's words it has, "
            "precision: how many of its own words the other has",
            "metadata_key": "entry of the request's metadata with the reference (default tiercel.reference)",
        },
    )

    def problems(self, options: JsonObject) -> list[str]:
        return option_problems(SimilarityOptions, options)

    async def measure(self, subject: Subject, options: JsonObject, ask: Ask | None) -> Verdict:
        wanted = read_options(SimilarityOptions, options)
        if silent := subject.nothing_to_read:
            return Verdict(check=NAME, score=1.0, reason=silent)
        other, text = other_text(subject.request, wanted), subject.choice.text
        if len(other) + len(text) > LONG_CHARS:  # others' turn meanwhile
            return await asyncio.to_thread(overlap, other, text, wanted)
        return overlap(other, text, wanted)


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
