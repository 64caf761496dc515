"""Does the time that a wrong key takes tell how wrong it is? `python -m bench.key_timing`, about a minute and a half.

After dudect (Reparaz, Balasch, Verbauwhede 2017): two classes of keys in random order, the slowest measurements left
out at several cut-offs, and Welch's t, which is above 4.5 where the classes differ. Where things lie in memory makes
a nanosecond of difference one way or the other in each process, and millions of measurements find that too. So the
whole is done in many processes, and what counts is whether their differences lean one way.

No difference found means that one larger than the margin shown would have been. The last question has a comparison
that leaks on purpose: if that is not found, the machine is too noisy for the others to mean anything.
"""

import argparse
import gc
import math
import random
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from tiercel.domain.keys import AccessKey
from tiercel.gateway.keyring import Keyring
from tiercel.records.key_secrets import new_key_id, new_key_text
from tiercel.records.key_store import KeyReader, KeyStore

THRESHOLD = 4.5
"""The usual one: at 1 in 100,000 by chance, also when the largest of several t is taken."""
CUT_OFFS = (1.0, 0.99, 0.95, 0.9, 0.75, 0.5)
"""The share of both classes' measurements that is kept, the quickest."""
USUAL = 0.5
BATCH = 2_000
KEYS = 100
TWO_SIDED = 1.96
NEARNESS = "a stored key but for its last characters, or another under the same id"
KNOWN_ID = "an id that is in the store, or one that is not (ids are no secret)"
CONTROL = "control: the first question, with a comparison that stops early"
TITLES = (NEARNESS, KNOWN_ID, CONTROL)
CHANGED_CHARS = 2

MakeText = Callable[[], str]
Find = Callable[[str], object]


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """Two classes of nanoseconds: the largest t of all cut-offs, and how far the means of the quickest differ."""

    t: float
    difference: float
    n: int


class Leaning(msgspec.Struct, frozen=True, kw_only=True):
    """The differences that several processes found, in nanoseconds: their mean, its standard error, and t of both."""

    t: float
    difference: float
    standard_error: float
    processes: int
    calls: int

    @property
    def differ(self) -> bool:
        return abs(self.t) > THRESHOLD


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Does `find` take as long for the one as for the other? `classes` begins both anew, for each batch."""

    classes: Callable[[], tuple[MakeText, MakeText]]
    find: Find


def welch(one: Sequence[int], other: Sequence[int]) -> float:
    """Welch's t of two samples of at least two each; 0 where neither varies and both are the same."""
    error = math.sqrt(statistics.variance(one) / len(one) + statistics.variance(other) / len(other))
    return _in_errors(statistics.fmean(one) - statistics.fmean(other), error)


def compare(one: Sequence[int], other: Sequence[int]) -> Compared:
    """Two classes of at least a dozen measurements each. One limit holds for both, so that cropping makes no
    difference."""
    pooled = sorted((*one, *other))
    kept = {share: (_quickest(one, pooled, share), _quickest(other, pooled, share)) for share in CUT_OFFS}
    usual = [statistics.fmean(values) for values in kept[USUAL]]
    return Compared(
        t=max((welch(*pair) for pair in kept.values() if min(map(len, pair)) > 1), key=abs),
        difference=usual[0] - usual[1],
        n=len(pooled),
    )


def _quickest(values: Sequence[int], pooled: Sequence[int], share: float) -> list[int]:
    limit = pooled[math.ceil(share * len(pooled)) - 1]
    return [value for value in values if value <= limit]


def lean(found: Sequence[Compared]) -> Leaning:
    """Student's t of the differences of at least two processes."""
    differences = [compared.difference for compared in found]
    mean = statistics.fmean(differences)
    error = statistics.stdev(differences) / math.sqrt(len(differences))
    return Leaning(
        t=_in_errors(mean, error),
        difference=mean,
        standard_error=error,
        processes=len(found),
        calls=sum(compared.n for compared in found),
    )


def _in_errors(difference: float, error: float) -> float:
    if error == 0:
        return 0.0 if difference == 0 else math.copysign(math.inf, difference)
    return difference / error


def measure(question: Question, seconds: float) -> tuple[list[int], list[int]]:
    """Nanoseconds of each call for both classes, in random order, texts made anew for each batch."""
    times: tuple[list[int], list[int]] = ([], [])
    find, clock = question.find, time.perf_counter_ns
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        makers = question.classes()
        classes = [random.getrandbits(1) for _ in range(BATCH)]
        texts = [makers[which]() for which in classes]
        for which, text in zip(classes, texts, strict=True):
            began = clock()
            find(text)
            times[which].append(clock() - began)
    return times


def near(text: str) -> MakeText:
    """Makes keys that are this one but for the last characters. Both classes are made like this, so that each text is
    as new, or as familiar to the processor, as the other: only what the store holds makes them different."""
    return lambda: text[:-CHANGED_CHARS] + secrets.token_urlsafe(CHANGED_CHARS)[:CHANGED_CHARS]


def questions(keyring: Keyring, stored: Sequence[str]) -> tuple[Question, ...]:
    """What an attacker would like to know, and the control, in the order of their titles."""

    def near_or_far() -> tuple[MakeText, MakeText]:
        text = random.choice(stored)
        return near(text), near(new_key_text(id_of(text)))

    def known_or_not() -> tuple[MakeText, MakeText]:
        return near(new_key_text(id_of(random.choice(stored)))), near(new_key_text(new_key_id()))

    by_id = {id_of(text): text for text in stored}

    def leaking(text: str) -> None:
        keyring.find(text)
        all(a == b for a, b in zip(text, by_id[id_of(text)], strict=True))

    return (
        Question(
            classes=near_or_far,
            find=keyring.find,
        ),
        Question(
            classes=known_or_not,
            find=keyring.find,
        ),
        Question(
            classes=near_or_far,
            find=leaking,
        ),
    )


def id_of(text: str) -> str:
    return text.split("_", 2)[1]


def measure_here(seconds: float) -> list[Compared]:
    """Every question, in this process, for so long each."""
    with tempfile.TemporaryDirectory() as name:
        with KeyStore.open(Path(name), make=True) as store:
            stored = [store.create(AccessKey()).text for _ in range(KEYS)]
        keyring = Keyring(KeyReader(Path(name)))
        gc.disable()
        found = [compare(*measure(question, seconds)) for question in questions(keyring, stored)]
        keyring.close()
    return found


def measure_in_a_process(seconds: float) -> list[Compared]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "bench.key_timing", "--here", "--seconds", str(seconds)]
    done = subprocess.run(command, capture_output=True, check=True)
    return msgspec.json.decode(done.stdout, type=list[Compared])


def told(title: str, leaning: Leaning, found: Sequence[Compared]) -> str:
    """What came out, for people."""
    margin = TWO_SIDED * leaning.standard_error
    verdict = "they differ" if leaning.differ else "no difference found"
    alone = statistics.median(abs(compared.t) for compared in found)
    return (
        f"{title}\n    {verdict}: {leaning.difference:+.2f} ± {margin:.2f} ns, t = {leaning.t:+.1f}"
        f" over {leaning.processes} processes, {leaning.calls:,} calls; |t| in one process {alone:.1f} (median)"
    )


def main() -> int:
    """0 where the control was found and nothing else was, 1 where keys differ, 2 where the control was not found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="a question and process (default: 1)")
    parser.add_argument("--processes", type=int, default=20, help="at least two (default: 20)")
    parser.add_argument("--here", action="store_true", help="one process, this one, and its figures as JSON")
    args = parser.parse_args()
    if args.here:
        print(msgspec.json.encode(measure_here(args.seconds)).decode())
        return 0
    runs = [measure_in_a_process(args.seconds) for _ in range(args.processes)]
    by_title = dict(zip(TITLES, zip(*runs, strict=True), strict=True))
    leanings = {title: lean(found) for title, found in by_title.items()}
    for title, leaning in leanings.items():
        print(told(title, leaning, by_title[title]))
    if not leanings[CONTROL].differ:
        print(
            "The control was not found: this machine is too noisy, and the rest says nothing.",
            file=sys.stderr,
        )
        return 2
    return int(leanings[NEARNESS].differ)


if __name__ == "__main__":
    sys.exit(main())
