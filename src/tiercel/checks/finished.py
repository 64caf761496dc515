"""Did the answer come to its end? The one check that needs no more than the finish."""

import json

from tiercel.checks.check import Ask, CheckInfo, Subject
from tiercel.domain.climb import Verdict
from tiercel.domain.json import JsonObject
from tiercel.domain.response import Choice

NAME = "finished"
AGAIN = "Your answer was cut off. Answer again, completely and more briefly."


class Finished:
    """1 for an answer that ended by itself or at the client's own cap, 0 for one that was cut or broke off.

    A refusal is an end. Whether the answer is any good is not asked here.
    """

    info = CheckInfo(name=NAME, needs_whole=False, summary="the answer came to its end and was not cut off")

    def problems(self, options: JsonObject) -> list[str]:
        return []

    async def measure(self, subject: Subject, options: JsonObject, ask: Ask | None) -> Verdict:
        return self.measure_now(subject, options)

    def measure_now(self, subject: Subject, options: JsonObject) -> Verdict:
        choice = subject.choice
        finish = choice.finish.reason
        if finish == "content_filter" or choice.refusal:
            return Verdict(check=NAME, score=1.0, reason="refused")
        if finish in ("stop", "tool_calls"):
            return Verdict(check=NAME, score=1.0, reason=finish)
        why_not = _why_cut(choice)
        if why_not is None and subject.cut_by_client:
            return Verdict(check=NAME, score=1.0, reason="ended at the client's own cap")
        return Verdict(check=NAME, score=0.0, reason=why_not or "cut off at a length limit", message=AGAIN)


def _why_cut(choice: Choice) -> str | None:
    """Why an answer that did not end by itself is none, whoever set its limit."""
    if choice.finish.reason != "length":
        return f"ended with {choice.finish.reason}"
    cut_calls = [
        call for call in choice.tool_calls if call.kind == "function" and not _is_json(call.arguments)
    ]
    return "cut within a tool call" if cut_calls else None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
