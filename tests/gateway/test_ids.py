"""Record ids sort by time, never repeat, and say nothing else."""

import os
import subprocess
import sys
import time
from collections import Counter

import pytest

from tiercel.gateway.ids import ALPHABET, DRAWN_AT_ONCE, new_record_id

TIME_CHARS = 10


def test_ids_are_26_characters_of_one_alphabet_and_never_repeat() -> None:
    ids = [new_record_id() for _ in range(10_000)]
    assert len(set(ids)) == 10_000
    assert {len(made) for made in ids} == {26}
    assert set("".join(ids)) <= set(ALPHABET)


def test_later_ids_sort_after_earlier_ones() -> None:
    first = new_record_id()
    time.sleep(0.002)
    assert first < new_record_id()


def test_an_id_tells_the_millisecond() -> None:
    before = int(time.time() * 1000)
    made = new_record_id()
    milliseconds = 0
    for letter in made[:TIME_CHARS]:
        milliseconds = milliseconds * len(ALPHABET) + ALPHABET.index(letter)
    assert before <= milliseconds <= int(time.time() * 1000)


def test_every_random_letter_comes_as_often() -> None:
    letters = Counter("".join(new_record_id()[TIME_CHARS:] for _ in range(20_000)))
    assert set(letters) == set(ALPHABET)
    assert max(letters.values()) < 1.1 * min(letters.values())  # 10,000 each, with a deviation of 100


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_process_that_forks_shares_no_random_letters() -> None:
    program = (
        "import os; from tiercel.gateway.ids import new_record_id; new_record_id(); os.fork();"
        f" os.write(1, ''.join(new_record_id() + ' ' for _ in range({DRAWN_AT_ONCE})).encode())"
    )
    run = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
    endings = [made[TIME_CHARS:] for made in run.stdout.decode().split()]
    assert len(set(endings)) == len(endings) == 2 * DRAWN_AT_ONCE
