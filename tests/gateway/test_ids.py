"""Record ids sort by time, never repeat, and say nothing else."""

import time

from tiercel.gateway.ids import ALPHABET, new_record_id


def test_ids_are_26_characters_of_one_alphabet_and_never_repeat() -> None:
    ids = [new_record_id() for _ in range(10_000)]
    assert len(set(ids)) == 10_000
    assert {len(made) for made in ids} == {26}
    assert set("".join(ids)) <= set(ALPHABET)


def test_later_ids_sort_after_earlier_ones() -> None:
    first = new_record_id()
    time.sleep(0.002)
    assert first < new_record_id()
