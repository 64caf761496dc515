"""Whose key it is: known, over, replaced or nobody's; and how soon a change on disk is seen."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records.postgres_server import postgres_server, reason_for_none
from tiercel.domain.errors import CallerError, UnavailableError
from tiercel.domain.keys import UNLIMITED_CLIENT, AccessKey
from tiercel.domain.secret import Secret
from tiercel.gateway.keyring import POLL_SECONDS, Keyring
from tiercel.records.key_sqlite import keys_path
from tiercel.records.key_store import IssuedKey, KeyReader, KeyStore
from tiercel.testing.clock import FrozenClock

PATIENCE_SECONDS = 30.0


def create(folder: Path, key: AccessKey = UNLIMITED_CLIENT) -> IssuedKey:
    with KeyStore.open(folder, make=True) as store:
        return store.create(key)


RINGS: list[Keyring] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Closes what `ring` opened."""
    yield
    while RINGS:
        RINGS.pop().close()


def ring(folder: Path, clock: FrozenClock | None = None) -> Keyring:
    RINGS.append(Keyring(KeyReader(folder), clock or time.time))
    return RINGS[-1]


async def until(happened: Callable[[], bool]) -> None:
    """Looks every few milliseconds: nothing tells when another thread has looked at the disk."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.005)


def key_of(keyring: Keyring, text: str) -> AccessKey | None:
    found = keyring.find(text)
    return None if found is None else found.key


def is_refused(keyring: Keyring, text: str) -> bool:
    try:
        keyring.find(text)
    except CallerError:
        return True
    return False


def test_a_key_finds_what_belongs_to_it(tmp_path: Path) -> None:
    issued = create(tmp_path, AccessKey(project="team", role="viewer"))
    assert key_of(ring(tmp_path), issued.text) == issued.key


def test_whoever_comes_close_is_nobody(tmp_path: Path) -> None:
    issued, other = create(tmp_path), create(tmp_path)
    keyring = ring(tmp_path)
    head, key_id, secret = issued.text.split("_", 2)
    flipped = "A" if secret[0] != "A" else "B"
    for text in (
        f"{head}_{key_id}_{flipped}{secret[1:]}",
        f"{head}_{key_id}_{secret[:-1]}",
        f"{head}_{key_id}_{secret}A",
        f"{head}_{other.key.id}_{secret}",
        f"{head}_0000000000_{secret}",
        issued.text.upper(),
        f"{issued.text}\n",
        "",
    ):
        assert keyring.find(text) is None


@given(text=st.text(max_size=200))
def test_nothing_that_is_sent_as_a_key_breaks_it(text: str) -> None:
    assert ring(Path("no-such-folder")).find(text) is None


def test_without_a_pepper_nobody_has_the_empty_hash(tmp_path: Path) -> None:
    keyring = ring(tmp_path)
    assert not keyring.has_keys
    assert keyring.find("tk_0000000000_" + "A" * 43) is None


@pytest.mark.parametrize(("seconds", "good"), [(0.0, True), (59.0, True), (60.0, False), (61.0, False)])
def test_a_key_ends_at_its_time(tmp_path: Path, seconds: float, good: bool) -> None:
    clock = FrozenClock(time.time())
    issued = create(tmp_path, AccessKey(expires_at=clock() + 60.0))
    keyring = ring(tmp_path, clock)
    clock.advance(seconds)
    if good:
        assert key_of(keyring, issued.text) == issued.key
    else:
        with pytest.raises(CallerError, match="expired"):
            keyring.find(issued.text)


def test_during_a_rotation_both_secrets_open_and_then_one(tmp_path: Path) -> None:
    clock = FrozenClock(time.time())
    old = create(tmp_path)
    with KeyStore.open(tmp_path) as store:
        new = store.rotate(old.key.id, overlap_seconds=60.0)
    keyring = ring(tmp_path, clock)
    assert key_of(keyring, old.text) == key_of(keyring, new.text) == old.key
    clock.advance(61.0)
    assert key_of(keyring, new.text) == old.key
    with pytest.raises(CallerError, match="replaced by a newer one"):
        keyring.find(old.text)


def test_a_revoked_key_is_told_so_and_keeps_the_door_shut(tmp_path: Path) -> None:
    issued = create(tmp_path)
    with KeyStore.open(tmp_path) as store:
        store.revoke(issued.key.id)
    keyring = ring(tmp_path)
    with pytest.raises(CallerError, match="revoked"):
        keyring.find(issued.text)
    assert keyring.has_keys


def test_what_was_found_holds_until_the_key_is_over(tmp_path: Path) -> None:
    clock = FrozenClock(time.time())
    issued = create(tmp_path, AccessKey(expires_at=clock() + 60.0))
    keyring = ring(tmp_path, clock)
    found = keyring.find(issued.text)
    assert found is not None
    clock.advance(59.0)
    assert keyring.holds(found)
    clock.advance(1.0)
    assert not keyring.holds(found)


def test_what_was_found_with_a_replaced_secret_holds_as_long_as_that(tmp_path: Path) -> None:
    clock = FrozenClock(time.time())
    old = create(tmp_path, AccessKey(expires_at=clock() + 3_600.0))
    with KeyStore.open(tmp_path) as store:
        new = store.rotate(old.key.id, overlap_seconds=60.0)
    keyring = ring(tmp_path, clock)
    replaced, current = keyring.find(old.text), keyring.find(new.text)
    assert replaced is not None
    assert current is not None
    clock.advance(61.0)
    assert not keyring.holds(replaced)
    assert keyring.holds(current)


def test_what_was_found_holds_until_any_key_changes(tmp_path: Path) -> None:
    issued = create(tmp_path)
    keyring = ring(tmp_path)
    found = keyring.find(issued.text)
    assert found is not None
    keyring.look()
    assert keyring.holds(found)
    with KeyStore.open(tmp_path) as store:
        store.revoke(issued.key.id)
    keyring.look()
    assert not keyring.holds(found)


async def test_a_revocation_is_seen_within_a_second(tmp_path: Path) -> None:
    """Two looks at the store fit into it; a busy machine gets longer."""
    assert 2 * POLL_SECONDS < 1.0
    issued = create(tmp_path)
    keyring = Keyring.open(tmp_path)
    try:
        assert key_of(keyring, issued.text) == issued.key
        with KeyStore.open(tmp_path) as store:
            store.revoke(issued.key.id)
        await until(lambda: is_refused(keyring, issued.text))
    finally:
        keyring.close()


async def test_a_store_that_cannot_be_read_changes_nobodys_key(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    issued = create(tmp_path)
    keyring = Keyring.open(tmp_path)
    try:
        with caplog.at_level(logging.ERROR):
            keys_path(tmp_path).unlink()
            await until(lambda: bool(caplog.records))
        assert key_of(keyring, issued.text) == issued.key
        assert "changes of keys are not seen" in caplog.text
    finally:
        keyring.close()


AWAY = Secret("postgresql://nobody:secret-word@127.0.0.1:1/none")


def test_without_a_database_that_was_never_seen_nobody_comes_in_with_a_key(tmp_path: Path) -> None:
    """Nobody knows whether there are keys; the door stays shut, and says that this will pass."""
    keyring = Keyring(KeyReader(tmp_path, database_url=AWAY))
    assert keyring.has_keys
    with pytest.raises(UnavailableError, match="does not answer"):
        keyring.find("tk_0000000000_" + "A" * 43)
    keyring.close()


@pytest.mark.skipif(reason_for_none() is not None, reason=str(reason_for_none()))
def test_a_start_without_the_database_knows_the_keys_of_the_last_time(tmp_path: Path) -> None:
    """With the same pepper, and kept as hashes alone."""
    with postgres_server() as server:
        url = server.new_database()
        with KeyStore.open(tmp_path, make=True, database_url=url) as store:
            issued = store.create(AccessKey(project="team"))
        Keyring(KeyReader(tmp_path, database_url=url)).close()
    later = Keyring(KeyReader(tmp_path, database_url=url))
    assert key_of(later, issued.text) == issued.key
    later.close()
    assert issued.text.split("_")[2].encode() not in (tmp_path / "keys.seen").read_bytes()
    (tmp_path / "keys.pepper").write_text("0" * 64)
    with pytest.raises(UnavailableError):
        Keyring(KeyReader(tmp_path, database_url=url)).find(issued.text)


async def test_a_revocation_in_a_shared_database_is_seen_soon(tmp_path: Path) -> None:
    if (reason := reason_for_none()) is not None:
        pytest.skip(reason)
    with postgres_server() as server:
        url = server.new_database()
        with KeyStore.open(tmp_path, make=True, database_url=url) as store:
            issued = store.create(AccessKey())
        keyring = Keyring.open(tmp_path, url)
        try:
            assert key_of(keyring, issued.text) == issued.key
            with KeyStore.open(tmp_path, database_url=url) as store:
                store.revoke(issued.key.id)
            await until(lambda: is_refused(keyring, issued.text))
        finally:
            keyring.close()
