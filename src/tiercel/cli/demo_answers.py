"""The demo over recorded answers: a ladder of the recorded models, gated by the known numbers, against each alone.

The check is an oracle: it sees every wrong answer, which no check of live traffic does. So the ladder's accuracy is the
most that a ladder of these models could reach, and its cost stands on assumed prices.
"""

from collections import Counter
from collections.abc import Callable, Sequence

from tiercel.checks.number import final_number, to_number
from tiercel.cli.demo_client import DemoClient, Reply, in_parallel
from tiercel.domain.catalog import Catalog
from tiercel.domain.json import JsonObject
from tiercel.domain.money import usd_from_nano
from tiercel.domain.record import Record
from tiercel.gateway.app import RunningGateway
from tiercel.testing.lab.recorded import Recorded, usage_of
from tiercel.testing.lab.setup import ASSUMED_USD_PER_MILLION

AT_ONCE = 8

Advance = Callable[[], None]
Answered = tuple[str, Reply, Record | None]


async def send_prompts(
    gateway: RunningGateway, client: DemoClient, recorded: Recorded, prompts: Sequence[str], advance: Advance
) -> list[Answered]:
    """Send these prompts through `auto`; the known answer goes along for the check, and never upstream."""
    found: dict[str, Answered] = {}

    async def send(prompt: str) -> None:
        expected = recorded.expected(prompt)
        body: JsonObject = {"model": "auto", "messages": [{"role": "user", "content": prompt}]}
        if expected is not None:
            body["metadata"] = {"tiercel.expected": expected}
        reply = await client.ask(body, {"x-tiercel-task": "reasoning"})
        record = gateway.recorder.find(reply.record_id) if reply.record_id else None
        found[prompt] = (prompt, reply, record)
        advance()

    await in_parallel(AT_ONCE, send, prompts)
    return [found[prompt] for prompt in prompts]


def surprises(answered: Sequence[Answered]) -> list[str]:
    """What did not go as it should have: every prompt must get an answer and leave a record."""
    return [
        f"{prompt[:40]!r}: status {reply.status}: {reply.problem or 'no record of it was kept'}"
        for prompt, reply, record in answered
        if not reply.answered or record is None
    ]


def result_lines(recorded: Recorded, catalog: Catalog, answered: Sequence[Answered]) -> list[str]:
    """Accuracy and cost of each model alone and of the ladder; the last word of the demo."""
    count = len(answered)
    prompts = [prompt for prompt, _, _ in answered]
    records = [record for _, _, record in answered if record is not None]
    labelled = all(recorded.expected(prompt) is not None for prompt in prompts)
    lines = [f"{'':<24} {'right':>8}   {'of ' + str(count):>8}   {'cost, assumed':>14}"]
    for model in recorded.models:
        right = sum(_is_right(recorded, model, prompt) for prompt in prompts)
        cost = sum(_cost_alone(recorded, catalog, model, prompt) for prompt in prompts)
        lines.append(_row(f"{model} alone", right if labelled else None, count, cost))
    right = sum(_reply_is_right(recorded, prompt, reply) for prompt, reply, _ in answered)
    lines.append(_row("the ladder", right if labelled else None, count, sum(r.cost_nano for r in records)))
    climbs = Counter(sum(a.why == "escalation" for a in record.attempts) for record in records)
    total = sum(number * times for number, times in climbs.items())
    lines += [
        "",
        f"Escalations: {total}, in {len(records) - climbs[0]} of {len(records)} requests.",
        f"Prices are assumed (${', $'.join(ASSUMED_USD_PER_MILLION)} per million tokens, in the ladder's order): "
        "nobody published any. Tokens are estimated where the file does not count them.",
    ]
    if labelled:
        lines.append(
            "The check is an oracle: it knows the right number and sees every mistake. A check of live traffic sees "
            "fewer, so this is the most a ladder of these models could reach."
        )
    return lines


def _row(name: str, right: int | None, count: int, nano: int) -> str:
    share = "unknown" if right is None else f"{right / count:.1%}"
    number = "" if right is None else str(right)
    return f"{name:<24} {share:>8}   {number:>8}   {f'${usd_from_nano(nano):.4f}':>14}"


def _is_right(recorded: Recorded, model: str, prompt: str) -> bool:
    answer = recorded.find(model, prompt)
    if answer is None:
        return False
    return _matches(recorded, prompt, answer.answer) if answer.right is None else answer.right


def _reply_is_right(recorded: Recorded, prompt: str, reply: Reply) -> bool:
    return reply.answered and _matches(recorded, prompt, reply.text)


def _matches(recorded: Recorded, prompt: str, text: str) -> bool:
    expected = recorded.expected(prompt)
    return expected is not None and final_number(text) == to_number(expected)


def _cost_alone(recorded: Recorded, catalog: Catalog, model: str, prompt: str) -> int:
    answer = recorded.find(model, prompt)
    deployment = next(iter(catalog.serving(model)), None)
    if answer is None or deployment is None:
        return 0
    return deployment.billing.cost(usage_of(answer)) or 0
