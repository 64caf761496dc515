"""How sure was the model? Read from the probabilities of its tokens, or from a number that it was asked to state.

Confidence is not truth: a model can be sure and wrong, and stated confidence is mostly high. Measure it on your own
traffic before a gate depends on it.
"""

import math
import re
from typing import Literal

import msgspec

from tiercel.checks.check import Ask, CheckInfo, Subject, option_problems, read_options
from tiercel.domain.climb import Verdict
from tiercel.domain.errors import CheckError
from tiercel.domain.json import Json, JsonObject

NAME = "confidence"

MAX_TOKENS = 100_000
TAIL_CHARS = 20_000
STATED = re.compile(
    r"(?<![-\d.])(?P<number>\d{1,3}(?:[.,]\d{1,6})?|[.,]\d{1,6})\s*(?:(?P<percent>%|percent\b|prozent\b)"
    r"|(?:/|out of|von|sur)\s*"
    r"(?P<most>\d{1,3})\b)?",
    re.IGNORECASE,
)


class ConfidenceOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where confidence is read. Of the tokens' probabilities the one at `quantile` counts; `label` is the word before
    the number that the model states."""

    source: Literal["logprobs", "stated"] = "logprobs"
    quantile: float = 0.1
    label: str = "confidence"


class Confidence:
    """A low quantile of the probabilities of the answer's tokens, or the stated number; both from 0 to 1."""

    info = CheckInfo(
        name=NAME,
        summary="the model was sure, by the probabilities of its tokens or by its own word",
        options={
            "source": "logprobs (default), or stated: a number that the model was asked to give",
            "quantile": "which of the tokens' probabilities counts, from the lowest (default 0.1)",
            "label": 'the word before a stated number (default "confidence")',
        },
    )

    def problems(self, options: JsonObject) -> list[str]:
        found = option_problems(ConfidenceOptions, options)
        if found:
            return found
        wanted = read_options(ConfidenceOptions, options)
        if not 0 <= wanted.quantile <= 1:
            found.append(f"quantile is {wanted.quantile:g}: give 0 to 1")
        if not wanted.label.strip():
            found.append("label is empty: give the word that stands before the number")
        return found

    def reads_logprobs(self, options: JsonObject) -> bool:
        """Whether models must be asked for the probabilities of their tokens."""
        return read_options(ConfidenceOptions, options).source == "logprobs"

    async def measure(self, subject: Subject, options: JsonObject, ask: Ask | None) -> Verdict:
        wanted = read_options(ConfidenceOptions, options)
        if silent := subject.nothing_to_read:
            return Verdict(check=NAME, score=1.0, reason=silent)
        if wanted.source == "stated":
            said = stated(subject.choice.text, wanted.label)
            if said is None:
                raise CheckError("no stated confidence")
            return Verdict(check=NAME, score=said, reason=f"stated {said:.2f}")
        found = content_logprobs(subject.choice.logprobs)
        if not found:
            raise CheckError("no logprobs")
        score = math.exp(lower_quantile(found, wanted.quantile))
        reason = f"probability {score:.2f} at quantile {wanted.quantile:g} of {len(found)} tokens"
        return Verdict(check=NAME, score=score, reason=reason)


def content_logprobs(logprobs: Json) -> list[float]:
    """The log probabilities of the tokens that hold a letter or a digit: the others are sure in almost any answer."""
    listed = logprobs.get("content") if isinstance(logprobs, dict) else None
    found: list[float] = []
    for item in listed[:MAX_TOKENS] if isinstance(listed, list) else ():
        token, value = (item.get("token"), item.get("logprob")) if isinstance(item, dict) else (None, None)
        if not isinstance(token, str) or isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if any(map(str.isalnum, token)) and not math.isnan(value):
            found.append(min(0.0, float(value)))
    return found


def lower_quantile(values: list[float], share: float) -> float:
    """The value that at most this share of all lies below: one of them, never in between."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def stated(text: str, label: str) -> float | None:
    """The last number after the label as a share: `0.85`, `85 %`, `85` and `8/10` are the same up to rounding."""
    tail = text[-TAIL_CHARS:]
    place = tail.lower().rfind(label.strip().lower())
    found = STATED.search(tail, place + len(label), place + len(label) + 60) if place >= 0 else None
    if found is None:
        return None
    number = float(found["number"].replace(",", "."))
    most = float(found["most"] or (100 if found["percent"] or number > 1 else 1))
    return number / most if most > 0 and 0 <= number <= most else None
