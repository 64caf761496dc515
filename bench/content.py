"""What keeping content costs a request, by its size and the way it is kept: `python bench/content.py`.

A conversation of twenty messages of prose, with an address, a key and a telephone number here and there, and an answer
of 1 kB. Measured is what the request's path does: making the blocks of one request, in processor time, the median of
`--rounds` after one that does not count. Writing them to the journal and the database is not in it.
"""

import argparse
import random
import sys
import time
from statistics import median

from tiercel.domain.request import Message, ModelRequest, Role, Text
from tiercel.domain.response import Choice, ModelResponse
from tiercel.domain.settings import ContentKept
from tiercel.records.content import SECRET_BYTES, ContentMaker

KEPT: tuple[ContentKept, ...] = ("hashes", "redacted", "full")
SIZES = (1_000, 10_000, 100_000, 1_000_000)
MESSAGES = 20
FOUND = ("write to jane.doe@example.org", "the key is sk-abcdefghijklmnop1234567890", "call +44 20 7946 0958")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=51)
    args = parser.parse_args()
    print(f"{'characters':>12}" + "".join(f"{kept:>12}" for kept in KEPT) + "   microseconds a request")
    for size in SIZES:
        request = conversation(size)
        print(
            f"{size:>12,}" + "".join(f"{microseconds(kept, request, args.rounds):>12,.0f}" for kept in KEPT)
        )
    return 0


def microseconds(kept: ContentKept, request: ModelRequest, rounds: int) -> float:
    maker = ContentMaker(kept, b"s" * SECRET_BYTES)
    answer = ModelResponse(choices=(Choice(parts=(Text(text=prose(1_000, 1)),)),))
    taken = []
    for _ in range(rounds + 1):
        began = time.process_time_ns()
        maker.content("rec_1", request, answer)
        taken.append((time.process_time_ns() - began) / 1_000)
    return median(taken[1:])


def conversation(size: int) -> ModelRequest:
    """So many characters in all, the roles in turn."""
    roles: tuple[Role, ...] = ("user", "assistant")
    messages = (
        Message(role=roles[i % 2], parts=(Text(text=prose(size // MESSAGES, i)),)) for i in range(MESSAGES)
    )
    return ModelRequest(format="openai_chat", model="auto", messages=tuple(messages))


def prose(size: int, seed: int) -> str:
    """Words of two to nine letters, and in every two hundredth place something that redaction finds."""
    chance = random.Random(seed)
    words: list[str] = []
    length = 0
    while length < size:
        found = chance.randrange(200) == 0
        word = (
            chance.choice(FOUND) if found else "".join(chance.choices("etaoinshrdlu", k=chance.randint(2, 9)))
        )
        words.append(word)
        length += len(word) + 1
    return " ".join(words)[:size]


if __name__ == "__main__":
    sys.exit(main())
