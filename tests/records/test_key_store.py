"""The store of keys, in both databases: nothing secret in it, many writers, a reader that sees changes, and plain words
for damage."""

import os
import shutil
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from pathlib import Path

import msgspec
import pytest

from tests.records.older import back_to
from tests.records.place import Place
from tests.records.postgres_server import PASSWORD, PostgresServer
from tiercel.domain.errors import ConfigError
from tiercel.domain.keys import UNLIMITED_CLIENT, AccessKey, Budget, Quota
from tiercel.records.key_secrets import KEY, PEPPER_VARIABLE, hash_of, pepper_path
from tiercel.records.key_sqlite import keys_path
from tiercel.records.key_store import IssuedKey, KeyReader, KeyStore, StoredKeys, has_keys

WANTED = AccessKey(
    role="viewer",
    project="team",
    label="nightly job",
    expires_at=2_000_000_000.0,
    allowed=("fast", "gpt-x"),
    task="coding",
    risk="high",
    quota=Quota(requests_per_minute=60, tokens_per_minute=10_000, concurrent=4),
    budget=Budget(day_nano=5_000_000_000, month_nano=100_000_000_000),
)


def opened(place: Place) -> AbstractContextManager[KeyStore]:
    return KeyStore.open(place.folder, database_url=place.url)


def create(place: Place, key: AccessKey = UNLIMITED_CLIENT) -> IssuedKey:
    with KeyStore.open(place.folder, make=True, database_url=place.url) as store:
        return store.create(key)


def stored(place: Place) -> StoredKeys:
    with opened(place) as store:
        return store.read()


def test_a_key_is_kept_with_all_that_belongs_to_it(place: Place) -> None:
    issued = create(place, WANTED)
    kept = stored(place).keys[issued.key.id].key
    assert kept == issued.key
    assert msgspec.structs.replace(kept, id="", created_at=0.0) == WANTED


def test_a_key_has_256_random_bits_and_names_its_id(place: Place) -> None:
    first, second = create(place), create(place)
    match = KEY.fullmatch(first.text)
    assert match is not None
    assert match[1] == first.key.id
    assert len(match[2]) == 43  # 256 bits, six to a character
    assert match[2] not in second.text


def test_neither_the_key_nor_its_plain_hash_is_on_disk(place: Place) -> None:
    issued = create(place)
    secret = issued.text.split("_", 2)[2].encode()
    for path in place.folder.iterdir():
        assert secret not in path.read_bytes()
    pepper = pepper_path(place.folder).read_bytes()
    assert stored(place).keys[issued.key.id].secrets[0].hash == hash_of(pepper, issued.text)


def test_its_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    create(Place(tmp_path))
    for path in (keys_path(tmp_path), pepper_path(tmp_path)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_keys_made_at_the_same_moment_are_all_kept(place: Place) -> None:
    with ThreadPoolExecutor(8) as pool:
        issued = list(pool.map(lambda number: create(place, AccessKey(label=str(number))), range(24)))
    kept = stored(place)
    assert {one.key.id for one in issued} == set(kept.keys)
    # one pepper for all, whoever was first
    pepper = pepper_path(place.folder).read_bytes()
    assert all(kept.keys[one.key.id].secrets[0].hash == hash_of(pepper, one.text) for one in issued)


def test_a_rotation_keeps_the_id_and_ends_the_old_secret(place: Place) -> None:
    old = create(place, WANTED)
    with opened(place) as store:
        new = store.rotate(old.key.id, overlap_seconds=3_600.0)
    first, second = stored(place).keys[old.key.id].secrets
    assert new.key == old.key
    assert new.text != old.text
    assert first.expires_at is not None
    assert second.expires_at is None


def test_a_rotation_without_overlap_leaves_one_secret(place: Place) -> None:
    old = create(place)
    with opened(place) as store:
        store.rotate(old.key.id, overlap_seconds=0.0)
    assert len(stored(place).keys[old.key.id].secrets) == 1


def test_a_later_rotation_never_lengthens_an_old_secrets_life(place: Place) -> None:
    issued = create(place)
    with opened(place) as store:
        store.rotate(issued.key.id, overlap_seconds=60.0)
        store.rotate(issued.key.id, overlap_seconds=1_000_000.0)
    oldest, middle, newest = stored(place).keys[issued.key.id].secrets
    assert oldest.expires_at is not None
    assert middle.expires_at is not None
    assert oldest.expires_at < middle.expires_at
    assert newest.expires_at is None


def test_a_revoked_key_stays_revoked_and_is_not_rotated(place: Place) -> None:
    issued = create(place)
    with opened(place) as store:
        revoked_at = store.revoke(issued.key.id).revoked_at
        assert store.revoke(issued.key.id).revoked_at == revoked_at
        with pytest.raises(ConfigError, match="create a new key"):
            store.rotate(issued.key.id, overlap_seconds=60.0)


@pytest.mark.parametrize("key_id", ["", "nobody", "'; DROP TABLE keys; --", "%", "\x00", "tk_" + "x" * 5000])
def test_an_unknown_id_changes_nothing(place: Place, key_id: str) -> None:
    create(place)
    before = stored(place)
    with opened(place) as store:
        with pytest.raises(ConfigError, match="no key of this id"):
            store.revoke(key_id)
    assert stored(place) == before


def test_a_reader_sees_each_change_once(place: Place) -> None:
    reader = KeyReader(place.folder, database_url=place.url)
    assert reader.poll() is None
    issued = create(place)
    first = reader.poll()
    assert first is not None
    assert set(first.keys) == {issued.key.id}
    assert reader.poll() is None
    with opened(place) as store:
        store.set_project_budget("team", Budget(day_nano=1))
    second = reader.poll()
    assert second is not None
    assert second.projects == {"team": Budget(day_nano=1)}
    reader.close()


def test_a_reader_sees_a_store_that_was_put_in_the_others_place(tmp_path: Path) -> None:
    create(Place(tmp_path))
    reader = KeyReader(tmp_path)
    reader.poll()
    copy = tmp_path / "copy"
    shutil.copy(keys_path(tmp_path), copy)
    os.replace(copy, keys_path(tmp_path))
    assert reader.poll() is not None
    reader.close()


def test_a_store_that_vanishes_is_told_and_not_taken_for_none(tmp_path: Path) -> None:
    create(Place(tmp_path))
    reader = KeyReader(tmp_path)
    reader.poll()
    keys_path(tmp_path).unlink()
    with pytest.raises(ConfigError, match="gone"):
        reader.poll()
    reader.close()


def test_without_its_pepper_the_store_says_what_is_missing(tmp_path: Path) -> None:
    create(Place(tmp_path))
    pepper_path(tmp_path).unlink()
    with pytest.raises(ConfigError, match=r"keys\.pepper.*is gone; restore it"):
        has_keys(tmp_path)
    with pytest.raises(ConfigError, match="is gone"):
        create(Place(tmp_path))


def test_another_pepper_is_noticed(place: Place) -> None:
    create(place)
    pepper_path(place.folder).write_bytes(b"0" * 64)
    with pytest.raises(ConfigError, match="another pepper"):
        has_keys(place.folder, database_url=place.url)


def test_the_pepper_may_come_from_the_environment(place: Place) -> None:
    environ = {PEPPER_VARIABLE: "e" * 64}
    with KeyStore.open(place.folder, environ, make=True, database_url=place.url) as store:
        issued = store.create(AccessKey())
        assert store.read().keys[issued.key.id].secrets[0].hash == hash_of(b"e" * 64, issued.text)
    assert not pepper_path(place.folder).exists()
    with pytest.raises(ConfigError, match="fewer than 32"):
        has_keys(place.folder, database_url=place.url, environ={PEPPER_VARIABLE: "short"})


def test_a_newer_schema_is_left_alone(tmp_path: Path) -> None:
    create(Place(tmp_path))
    with closing(sqlite3.connect(keys_path(tmp_path))) as connection, connection:
        connection.execute("UPDATE meta SET value = 99 WHERE name = 'schema_version'")
    with pytest.raises(ConfigError, match="newer Tiercel"):
        has_keys(tmp_path)


def test_garbage_in_its_place_is_told_plainly(tmp_path: Path) -> None:
    create(Place(tmp_path))
    keys_path(tmp_path).write_bytes(b"garbage" * 1_000)
    with pytest.raises(ConfigError, match="not a database"):
        has_keys(tmp_path)


def test_folders_that_share_a_database_share_its_keys(postgres: PostgresServer, tmp_path: Path) -> None:
    """With the same pepper; a key of one is one of the other, also its end."""
    url = postgres.new_database()
    here, there = Place(tmp_path / "here", url), Place(tmp_path / "there", url)
    issued = create(here)
    there.folder.mkdir()
    shutil.copy(pepper_path(here.folder), pepper_path(there.folder))
    with opened(there) as store:
        store.revoke(issued.key.id)
    assert stored(here).keys[issued.key.id].key.revoked_at is not None


@pytest.mark.parametrize("make", [False, True])
def test_a_folder_without_the_shared_pepper_is_told_how_to_get_it(
    postgres: PostgresServer, tmp_path: Path, make: bool
) -> None:
    """And makes none of its own, with which nobody's key would fit."""
    url = postgres.new_database()
    create(Place(tmp_path / "here", url))
    with pytest.raises(ConfigError, match=f"copy keys.pepper .*, or set {PEPPER_VARIABLE}"):
        with KeyStore.open(tmp_path / "there", make=make, database_url=url):
            pass
    assert not pepper_path(tmp_path / "there").exists()


def test_keys_of_before_postgresql_are_not_left_behind(postgres: PostgresServer, tmp_path: Path) -> None:
    """A gateway that found none there would be open."""
    create(Place(tmp_path))
    after = Place(tmp_path, postgres.new_database())
    for attempt in (lambda: has_keys(tmp_path, database_url=after.url), lambda: create(after)):
        with pytest.raises(ConfigError, match=r"has 1 keys, and the PostgreSQL .* has none; `tiercel copy"):
            attempt()


def test_a_database_of_a_newer_tiercel_is_left_alone(place: Place) -> None:
    if place.url is None:
        pytest.skip("SQLite's has a number of its own")
    create(place)
    place.ask("UPDATE alembic_version SET version_num = '0099'")
    with pytest.raises(ConfigError, match="made by a newer Tiercel"):
        has_keys(place.folder, database_url=place.url)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("DROP TABLE key_state", "does not exist; restore the database from a backup"),
        ("DELETE FROM alembic_version", "a change of its schema was cut off"),
        ("DELETE FROM key_state", "there are no keys yet"),
        ("UPDATE keys SET body = '{}garbage'", "malformed"),
    ],
)
def test_a_damaged_database_is_told_plainly(place: Place, change: str, words: str) -> None:
    if place.url is None:
        pytest.skip("what happens to SQLite's file has tests of its own")
    create(place)
    place.ask(change)
    with pytest.raises(ConfigError, match=words) as caught, opened(place) as store:
        store.read()
    assert PASSWORD not in str(caught.value)


def test_keys_that_vanish_from_the_database_are_told_and_not_taken_for_none(place: Place) -> None:
    if place.url is None:
        pytest.skip("what happens to SQLite's file has tests of its own")
    create(place)
    reader = KeyReader(place.folder, database_url=place.url)
    reader.poll()
    place.ask("DELETE FROM key_state")
    with pytest.raises(ConfigError, match="its keys are gone"):
        reader.poll()
    reader.close()


def test_an_older_databases_gets_its_tables_of_keys(place: Place) -> None:
    if place.url is None:
        pytest.skip("SQLite's are in a file of their own")
    place.store().close()
    back_to(place, "0004")
    assert not has_keys(place.folder, database_url=place.url)
    issued = create(place)
    assert set(stored(place).keys) == {issued.key.id}
