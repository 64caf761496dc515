"""Does the answer decline in its text, where no field of the format says so?

Read from wording, in the languages of `declining.py`. It sees that a model declined, and never whether it should have.
"""

import re
from typing import Literal

from tiercel.checks.check import Ask, CheckInfo, Subject
from tiercel.checks.declining import APOLOGY, APOLOGY_ONLY, DECLINES, HINT, LETTER
from tiercel.domain.climb import Verdict
from tiercel.domain.json import JsonObject

NAME = "refusal"

HEAD_CHARS = 4_000
TAIL_CHARS = 1_000
"""A refusal stands at an answer's beginning, a partial one there or at the end."""

MAX_REST_CHARS = 330
"""How much an answer that opens by declining may say besides: reasons and offers. More is an answer in part."""

MAX_BEFORE_CHARS = 40
SENTENCE_CHARS = 500
CODE = re.compile(r"^[ \t]*(```|~~~).*?(?:^[ \t]*\1|\Z)|`[^`\n]+`", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(
    r"“[^“”\n]{1,500}”|\"[^\"\n]{1,500}\"|»[^»«\n]{1,500}«|«[^»«\n]{1,500}»|„[^„“”\n]{1,500}[“”]|「[^「」\n]{1,500}」"
)
OUTER = "\"'“”„«»*_ \t\r\n"
SENTENCE_END = re.compile(r"(?<=[.!?:])[*_]*\s+|(?<=[。！？])|\n+")
MARKS = re.compile(r"^[\s>#*_•-]+")

Answering = Literal["answered", "partial", "refused"]


class RefusalCheck:
    """0 for an answer that declines or only apologises, 0.5 for one that declines a part, 1 for any other."""

    info = CheckInfo(name=NAME, summary="the answer does not decline, wholly (0) or in part (0.5)")

    def problems(self, options: JsonObject) -> list[str]:
        return []

    async def measure(self, subject: Subject, options: JsonObject, ask: Ask | None) -> Verdict:
        return self.measure_now(subject, options)

    def suspects(self, text: str) -> bool:
        """Whether an answer that begins so seems to decline."""
        return answering(text)[0] == "refused"

    def measure_now(self, subject: Subject, options: JsonObject) -> Verdict:
        choice = subject.choice
        if choice.refusal or choice.finish.reason == "content_filter":
            return Verdict(check=NAME, score=0.0, reason="refused, and said so apart from the text")
        if choice.tool_calls:
            return Verdict(check=NAME, score=1.0, reason="tool calls")
        kind, reason = answering(choice.text)
        score = {"answered": 1.0, "partial": 0.5, "refused": 0.0}[kind]
        return Verdict(check=NAME, score=score, reason=reason)


def answering(text: str) -> tuple[Answering, str]:
    """Whether a text answers, declines a part or declines, and the reason in words."""
    said = _own_words(text)
    if LETTER.match(said):
        return "answered", "a letter"
    sentences = [MARKS.sub("", sentence[:SENTENCE_CHARS]).strip() for sentence in SENTENCE_END.split(said)]
    sentences = [sentence for sentence in sentences if sentence]
    declining = [
        place
        for place, sentence in enumerate(sentences)
        if HINT.search(sentence) and DECLINES.search(sentence)
    ]
    if not declining:
        if sentences and len(sentences) <= 2 and all(map(APOLOGY_ONLY.fullmatch, sentences)):
            return "refused", "only an apology"
        return "answered", "nothing declined"
    before = [sentence for sentence in sentences[: declining[0]] if not APOLOGY.match(sentence)]
    rest = [sentence for place, sentence in enumerate(sentences) if place not in declining]
    if sum(map(len, before)) > MAX_BEFORE_CHARS:
        return "partial", "declined in part, after an answer"
    if sum(map(len, rest)) > MAX_REST_CHARS:
        return "partial", "declined at first, then an answer"
    return "refused", "declined"


def _own_words(text: str) -> str:
    """The text without code and quotations: what others say in it is not what the model says."""
    text = text.strip()
    if len(text) > HEAD_CHARS + TAIL_CHARS:
        text = f"{text[:HEAD_CHARS]}\n{text[-TAIL_CHARS:]}"
    text = CODE.sub(" ", text).replace("’", "'")
    unquoted = QUOTED.sub(" … ", text).strip(" …\r\n\t")
    return unquoted or text.strip(OUTER)
