"""The store of keys: nothing secret on disk, many writers, a reader that sees changes, and plain words for damage."""

import os
import shutil
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from tiercel.domain.errors import ConfigError
from tiercel.domain.keys import UNLIMITED_CLIENT, AccessKey, Budget, Quota
from tiercel.records.key_secrets import KEY, PEPPER_VARIABLE, hash_of, pepper_path
from tiercel.records.key_store import IssuedKey, KeyReader, KeyStore, StoredKeys, has_keys, keys_path

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


def create(folder: Path, key: AccessKey = UNLIMITED_CLIENT) -> IssuedKey:
    with KeyStore.open(folder, make=True) as store:
        return store.create(key)


def stored(folder: Path) -> StoredKeys:
    with KeyStore.open(folder) as store:
        return store.read()


def test_a_key_is_kept_with_all_that_belongs_to_it(tmp_path: Path) -> None:
    issued = create(tmp_path, WANTED)
    kept = stored(tmp_path).keys[issued.key.id].key
    assert kept == issued.key
    assert msgspec.structs.replace(kept, id="", created_at=0.0) == WANTED


def test_a_key_has_256_random_bits_and_names_its_id(tmp_path: Path) -> None:
    first, second = create(tmp_path), create(tmp_path)
    match = KEY.fullmatch(first.text)
    assert match is not None
    assert match[1] == first.key.id
    assert len(match[2]) == 43  # 256 bits, six to a character
    assert match[2] not in second.text


def test_neither_the_key_nor_its_plain_hash_is_on_disk(tmp_path: Path) -> None:
    issued = create(tmp_path)
    secret = issued.text.split("_", 2)[2].encode()
    for path in tmp_path.iterdir():
        assert secret not in path.read_bytes()
    pepper = pepper_path(tmp_path).read_bytes()
    assert stored(tmp_path).keys[issued.key.id].secrets[0].hash == hash_of(pepper, issued.text)


def test_its_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    create(tmp_path)
    for path in (keys_path(tmp_path), pepper_path(tmp_path)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_keys_made_at_the_same_moment_are_all_kept(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        issued = list(pool.map(lambda number: create(tmp_path, AccessKey(label=str(number))), range(24)))
    kept = stored(tmp_path)
    assert {one.key.id for one in issued} == set(kept.keys)
    # one pepper for all, whoever was first
    pepper = pepper_path(tmp_path).read_bytes()
    assert all(kept.keys[one.key.id].secrets[0].hash == hash_of(pepper, one.text) for one in issued)


def test_a_rotation_keeps_the_id_and_ends_the_old_secret(tmp_path: Path) -> None:
    old = create(tmp_path, WANTED)
    with KeyStore.open(tmp_path) as store:
        new = store.rotate(old.key.id, overlap_seconds=3_600.0)
    first, second = stored(tmp_path).keys[old.key.id].secrets
    assert new.key == old.key
    assert new.text != old.text
    assert first.expires_at is not None
    assert second.expires_at is None


def test_a_rotation_without_overlap_leaves_one_secret(tmp_path: Path) -> None:
    old = create(tmp_path)
    with KeyStore.open(tmp_path) as store:
        store.rotate(old.key.id, overlap_seconds=0.0)
    assert len(stored(tmp_path).keys[old.key.id].secrets) == 1


def test_a_later_rotation_never_lengthens_an_old_secrets_life(tmp_path: Path) -> None:
    issued = create(tmp_path)
    with KeyStore.open(tmp_path) as store:
        store.rotate(issued.key.id, overlap_seconds=60.0)
        store.rotate(issued.key.id, overlap_seconds=1_000_000.0)
    oldest, middle, newest = stored(tmp_path).keys[issued.key.id].secrets
    assert oldest.expires_at is not None
    assert middle.expires_at is not None
    assert oldest.expires_at < middle.expires_at
    assert newest.expires_at is None


def test_a_revoked_key_stays_revoked_and_is_not_rotated(tmp_path: Path) -> None:
    issued = create(tmp_path)
    with KeyStore.open(tmp_path) as store:
        revoked_at = store.revoke(issued.key.id).revoked_at
        assert store.revoke(issued.key.id).revoked_at == revoked_at
        with pytest.raises(ConfigError, match="create a new key"):
            store.rotate(issued.key.id, overlap_seconds=60.0)


@pytest.mark.parametrize("key_id", ["", "nobody", "'; DROP TABLE keys; --", "%", "\x00", "tk_" + "x" * 5000])
def test_an_unknown_id_changes_nothing(tmp_path: Path, key_id: str) -> None:
    create(tmp_path)
    before = stored(tmp_path)
    with KeyStore.open(tmp_path) as store:
        with pytest.raises(ConfigError, match="no key of this id"):
            store.revoke(key_id)
    assert stored(tmp_path) == before


def test_a_reader_sees_each_change_once(tmp_path: Path) -> None:
    reader = KeyReader(tmp_path)
    assert reader.poll() is None
    issued = create(tmp_path)
    first = reader.poll()
    assert first is not None
    assert set(first.keys) == {issued.key.id}
    assert reader.poll() is None
    with KeyStore.open(tmp_path) as store:
        store.set_project_budget("team", Budget(day_nano=1))
    second = reader.poll()
    assert second is not None
    assert second.projects == {"team": Budget(day_nano=1)}
    reader.close()


def test_a_reader_sees_a_store_that_was_put_in_the_others_place(tmp_path: Path) -> None:
    create(tmp_path)
    reader = KeyReader(tmp_path)
    reader.poll()
    copy = tmp_path / "copy"
    shutil.copy(keys_path(tmp_path), copy)
    os.replace(copy, keys_path(tmp_path))
    assert reader.poll() is not None
    reader.close()


def test_a_store_that_vanishes_is_told_and_not_taken_for_none(tmp_path: Path) -> None:
    create(tmp_path)
    reader = KeyReader(tmp_path)
    reader.poll()
    keys_path(tmp_path).unlink()
    with pytest.raises(ConfigError, match="gone"):
        reader.poll()
    reader.close()


def test_without_its_pepper_the_store_says_what_is_missing(tmp_path: Path) -> None:
    create(tmp_path)
    pepper_path(tmp_path).unlink()
    with pytest.raises(ConfigError, match=r"keys\.pepper.*is gone; restore it"):
        has_keys(tmp_path)
    with pytest.raises(ConfigError, match="is gone"):
        create(tmp_path)


def test_another_pepper_is_noticed(tmp_path: Path) -> None:
    create(tmp_path)
    pepper_path(tmp_path).write_bytes(b"0" * 64)
    with pytest.raises(ConfigError, match="another pepper"):
        has_keys(tmp_path)


def test_the_pepper_may_come_from_the_environment(tmp_path: Path) -> None:
    environ = {PEPPER_VARIABLE: "e" * 64}
    with KeyStore.open(tmp_path, environ, make=True) as store:
        issued = store.create(AccessKey())
        assert store.read().keys[issued.key.id].secrets[0].hash == hash_of(b"e" * 64, issued.text)
    assert not pepper_path(tmp_path).exists()
    with pytest.raises(ConfigError, match="fewer than 32"):
        has_keys(tmp_path, {PEPPER_VARIABLE: "short"})


def test_a_newer_schema_is_left_alone(tmp_path: Path) -> None:
    create(tmp_path)
    with closing(sqlite3.connect(keys_path(tmp_path))) as connection, connection:
        connection.execute("UPDATE meta SET value = 99 WHERE name = 'schema_version'")
    with pytest.raises(ConfigError, match="newer Tiercel"):
        has_keys(tmp_path)


def test_garbage_in_its_place_is_told_plainly(tmp_path: Path) -> None:
    create(tmp_path)
    keys_path(tmp_path).write_bytes(b"garbage" * 1_000)
    with pytest.raises(ConfigError, match="not a database"):
        has_keys(tmp_path)
