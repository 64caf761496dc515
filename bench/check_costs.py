"""What each local check costs: `python -m bench.check_costs`. Median seconds of one answer of about 1,000 characters.

Checks that ask a model or start a sandbox are left out.
"""

import asyncio
import inspect
import json
import math
import statistics
import time

from tiercel.checks.check import Check, Subject
from tiercel.checks.registry import Registry
from tiercel.domain.json import JsonObject
from tiercel.domain.request import Message, ModelRequest, Text, Tool, ToolCall
from tiercel.domain.response import Choice, Finish

RUNS = 300

SENTENCE = (
    "The committee met on Thursday to discuss the budget of 1,250 euros, "
    "and agreed to “wait until the end of the year” before it decides. "
)
PROSE = (SENTENCE * 8)[:1000]
TABLE = "| item | price |\n|---|---|\n" + "| cup | 12 |\n" * 75
CODE = "```python\n" + "total = total + 1\n" * 54 + "```"
ARGUMENTS = {"city": "Paris", "notes": PROSE}
SCHEMA: JsonObject = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "notes": {"type": "string"}},
    "required": ["city"],
}

ANSWERS: dict[str, tuple[str, JsonObject]] = {
    "citation": (PROSE, {}),
    "confidence": (PROSE, {}),
    "contains": (PROSE, {"all": ["budget", "year"]}),
    "finished": (PROSE, {}),
    "json_schema": (json.dumps(ARGUMENTS), {"schema": SCHEMA}),
    "language": (PROSE, {}),
    "length": (PROSE, {}),
    "number": (PROSE + "Answer: 18", {}),
    "python": (CODE, {}),
    "refusal": (PROSE, {}),
    "regex": (PROSE, {"pattern": "end of the month|decides"}),
    "similarity": (PROSE, {}),
    "table": (TABLE, {}),
    "tool_calls": ("", {}),
}


def main() -> None:
    """Print a table."""
    asyncio.run(_measure_all())


async def _measure_all() -> None:
    registry = Registry.load()
    print("| check | median µs | score |\n|---|---|---|")
    for name, (answer, options) in ANSWERS.items():
        check = registry.get(name)
        assert check is not None
        seconds, score = await _measure(check, _subject(answer), options)
        print(f"| `{name}` | {seconds * 1e6:.0f} | {score:.2f} |")
    await registry.aclose()


async def _measure(check: Check, subject: Subject, options: JsonObject) -> tuple[float, float]:
    """The median of `RUNS` runs, and the score."""
    at_once = getattr(check, "measure_now", None)
    taken: list[float] = []
    score = 0.0
    for _ in range(RUNS + 1):  # the first one warms up
        started = time.perf_counter()
        verdict = check.measure(subject, options, None) if at_once is None else at_once(subject, options)
        verdict = await verdict if inspect.isawaitable(verdict) else verdict
        taken.append(time.perf_counter() - started)
        score = verdict.score
    return statistics.median(taken[1:]), score


def _subject(answer: str) -> Subject:
    asked = f"Summarise this in at most 200 words.\n\n{SENTENCE * 8}"
    request = ModelRequest(
        format="openai_chat",
        model="auto",
        messages=(Message(role="user", parts=(Text(text=asked),)),),
        tools=(Tool(name="note", parameters=SCHEMA),),
        annotations={"expected": "18", "reference": PROSE},
    )
    tokens = [{"token": f" word{place}", "logprob": math.log(0.9)} for place in range(250)]
    part = Text(text=answer) if answer else ToolCall(id="c", name="note", arguments=json.dumps(ARGUMENTS))
    choice = Choice(parts=(part,), finish=Finish(reason="stop"), logprobs={"content": tokens})
    return Subject(request=request, choice=choice)


if __name__ == "__main__":
    main()
