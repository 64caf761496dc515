"""When a client reads something, by how much of a stream is held: `python -m bench.holds`. Simulated; half a minute.

One model of the lab writes a long answer, once prose and once strict JSON in a code fence, to a gateway with a rule for
each hold. Reported are medians over `--rounds`, in simulated seconds: until the first content, and until the end. Then,
not simulated, the processor time of following JSON in pieces of four characters: the same answer, and texts of 200,000
characters that are made to be slow to follow.
"""

import argparse
import asyncio
import sys
import tempfile
from statistics import median
from time import perf_counter, process_time

import msgspec
import openai

from tiercel.checks.incremental.shape import root_shape
from tiercel.domain.events import TextDelta
from tiercel.domain.json import Json
from tiercel.domain.policy import Hold
from tiercel.engine.following import FollowedJSON
from tiercel.engine.holding import Measured
from tiercel.gateway.app import running
from tiercel.policy import read_policy
from tiercel.testing.lab.server import Lab
from tiercel.testing.rows import ROWS, SCHEMA
from tiercel.testing.tasks import DemoTask

MODEL = "claude-sonnet-4-5"
MODES = {
    "none": 'hold = "none"',
    "first": 'hold = "first"',
    "first, 100 tokens": 'hold = "first"\nhold_tokens = 100',
    "incremental": 'hold = "incremental"',
    "all": 'hold = "all"',
    "auto": 'hold = "auto"',
}
RULE = '[[rules]]\nname = "{name}"\nladder = ["{model}"]\n{hold}\n'
PROSE = DemoTask(
    name="holds-prose",
    kind="long_writing",
    difficulty=0.0,
    prompt="Tell me, at length, how the harbour works.",
    answer="Ships come in with the tide, and the pilots meet them off the bar. " * 35,
)

PIECE_CHARS = 4
SLOW = {
    "spaces": "{" + " " * 200_000,
    "a key": '{"' + "a" * 200_000,
    "a number": "[" + "1" * 200_000,
    "many keys": "{" + ",".join([f'"k{number}":1' for number in range(22_000)]),
    "brackets": "[" * 200_000,
    "mentions": "{x} " * 50_000,
    "fences": "```\n" * 50_000,
    "a blank block": "```\n" + " " * 200_000,
    "line breaks": '["' + "\\n" * 100_000,
    "backslashes": '["' + "\\" * 200_000,
}


def policy_text() -> str:
    """A rule for each hold; all climb to the same model."""
    rules = [
        RULE.format(name=f"hold-{place}", model=MODEL, hold=hold) for place, hold in enumerate(MODES.values())
    ]
    return "\n".join(["version = 1", "[tiers]", *rules, RULE.format(name="rest", model=MODEL, hold="")])


async def timed(client: openai.AsyncOpenAI, task: DemoTask, rule: str) -> tuple[float, float, str]:
    """Seconds to the first content and to the end, and the text."""
    began = perf_counter()
    first = 0.0
    text = ""
    body = {**task.body(f"auto:{rule}"), "stream": True}
    stream = await client.chat.completions.create(**body)
    async for chunk in stream:
        piece = (chunk.choices[0].delta.content or "") if chunk.choices else ""
        if piece and not text:
            first = perf_counter() - began
        text += piece
    return first, perf_counter() - began, text


async def measure(rounds: int, time_scale: float) -> None:
    lab = Lab(time_scale=time_scale, tasks=(PROSE, ROWS), seed=1)
    with tempfile.TemporaryDirectory(prefix="tiercel-holds-") as folder:
        async with lab, running(lab.settings(folder), read_policy(policy_text()), port=0) as gateway:
            client = openai.AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key="any", max_retries=0)
            print(f"{rounds} rounds, a simulated second takes {time_scale:g} s; medians, simulated seconds")
            for task in (PROSE, ROWS):
                print(f"\n{task.name:<20}{'first content':>15}{'end':>8}")
                for place, name in enumerate(MODES):
                    runs = [await timed(client, task, f"hold-{place}") for _ in range(rounds)]
                    first = median([run[0] for run in runs]) / time_scale
                    end = median([run[1] for run in runs]) / time_scale
                    print(f"{name:<20}{first:>15.2f}{end:>8.2f}   begins {runs[0][2][:12]!r}")
            await client.close()


def cost_of_following(text: str, schema: Json) -> float:
    """Seconds of processor time."""
    shape = root_shape(msgspec.json.encode(schema))
    hold = Hold(mode="incremental")
    passage = FollowedJSON(
        shape, lambda: Measured(hold, others_follow=False, clock=perf_counter), check="json_schema"
    )
    pieces = [[TextDelta(text=text[at : at + PIECE_CHARS])] for at in range(0, len(text), PIECE_CHARS)]
    began = process_time()
    for piece in pieces:
        passage.pass_on(piece)
    return process_time() - began


def show_costs() -> None:
    pieces = len(ROWS.answer) / PIECE_CHARS
    each = median([cost_of_following(ROWS.answer, SCHEMA) for _ in range(50)]) / pieces
    print(f"\nfollowing: {each * 1e6:.1f} us for a piece of {PIECE_CHARS} characters, median of 50")
    worst = {name: cost_of_following(text, True) for name, text in SLOW.items()}
    print(", ".join([f"{name} {seconds:.2f} s" for name, seconds in worst.items()]))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--time-scale", type=float, default=0.05)
    args = parser.parse_args()
    asyncio.run(measure(args.rounds, args.time_scale))
    show_costs()
    return 0


if __name__ == "__main__":
    sys.exit(main())
