"""Requests that copies are drawn from, in both databases and in the journal."""

import msgspec

from tests.records.place import Place
from tests.records.samples import FULL, record
from tiercel.records.routed import Routed, each_routed


def test_reads_the_rule_the_ladder_and_the_tokens(place: Place) -> None:
    """What is stored is what the record said; a request that nobody answered has no tokens."""
    bare = msgspec.structs.replace(record("rec_2"), rule="chat", ladder=("fast", "deep"))
    store = place.store()
    store.insert([FULL, bare], "segment", 1)
    store.close()
    routed = each_routed(place.folder, since=0.0, with_usage=True, database_url=place.url)
    found = {one.id: one for one in routed}
    assert found["rec_2"] == Routed(
        "rec_2", bare.started_at, "passed", "chat", "fast", bare.project, bare.key_id, None
    )
    answer = FULL.answer
    usage = found[FULL.id].usage
    assert answer is not None
    assert answer.usage is not None
    assert usage is not None
    assert (usage.input, usage.output) == (answer.usage.input, answer.usage.output)
    without = each_routed(place.folder, since=0.0, database_url=place.url)
    assert {one.id: one for one in without} == {name: one._replace(usage=None) for name, one in found.items()}


def test_only_of_a_rule_and_since(place: Place) -> None:
    """Others are not read."""
    store = place.store()
    entries = [
        msgspec.structs.replace(record(f"rec_{at}", started_at=float(at)), rule="chat" if at % 2 else "code")
        for at in range(10)
    ]
    store.insert(entries, "segment", 1)
    store.close()
    found = each_routed(place.folder, since=5.0, rule="chat", database_url=place.url)
    assert sorted(one.id for one in found) == ["rec_5", "rec_7", "rec_9"]
