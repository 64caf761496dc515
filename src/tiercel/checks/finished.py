"""Did the answer come to its end? The one check that needs no more than the finish."""

import json

from tiercel.checks.check import Ask, CheckInfo, Subject
from tiercel.domain.climb import Verdict
from tiercel.domain.json import JsonObject
from tiercel.domain.response import Choice

NAME = "finished"


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
        score, reason = judge(subject.choice, cut_by_client=subject.cut_by_client)
        message = None
        if score == 0:
            message = "Your answer was cut off. Answer again, completely and more briefly."
        return Verdict(check=NAME, score=score, reason=reason, message=message)


def judge(choice: Choice, *, cut_by_client: bool) -> tuple[float, str]:
    """Score and reason for the way this choice ended."""
    finish = choice.finish.reason
    if finish == "content_filter" or choice.refusal:
        return 1.0, "refused"
    if finish in ("stop", "tool_calls"):
        return 1.0, finish
    if finish != "length":
        return 0.0, f"ended with {finish}"
    if any(call.kind == "function" and not _is_json(call.arguments) for call in choice.tool_calls):
        return 0.0, "cut within a tool call"
    if cut_by_client:
        return 1.0, "ended at the client's own cap"
    return 0.0, "cut off at a length limit"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
