"""From SQLite into a real PostgreSQL: all of it, once, however often it is begun, and the SQLite as it was."""

import hashlib
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import msgspec
import pytest

from tests.records.place import Place
from tests.records.postgres_server import PASSWORD, PostgresServer
from tests.records.samples import FULL, feedback, record, started
from tests.records.test_pairs import pair
from tiercel.cli.main import main
from tiercel.domain.errors import ConfigError
from tiercel.domain.keys import AccessKey, Budget
from tiercel.domain.record import Block, Content, Record
from tiercel.domain.secret import Secret
from tiercel.gateway.keyring import Keyring
from tiercel.records.copying import AT_ONCE, Copied, copy_records
from tiercel.records.key_secrets import pepper_path
from tiercel.records.key_store import KeyReader, KeyStore, copy_keys
from tiercel.records.lock import FolderLock
from tiercel.records.pairs import each_pair
from tiercel.records.summed import load_tallies

MANY = 2 * AT_ONCE + 700
"""More than two portions."""
FEW = 1_200
SAID = (Block(place="message", key="m1", bytes=5, text='"hi"'), Block(place="answer", key="a1", bytes=5))


def with_a_bit_of_everything(folder: Path, n: int) -> Place:
    place = Place(folder)
    place.folder.mkdir()
    store = place.store()
    whole = msgspec.structs.replace(FULL, key_id="k", project="team")
    store.insert([whole, *(record(f"{i:05d}") for i in range(n))], "a", 1)
    store.insert([feedback("f1", FULL.id), feedback("f2", "00007", comment="good")], "a", 2)
    store.insert([Content(record_id=one, blocks=SAID) for one in (FULL.id, "00001")], "a", 3)
    store.insert([started("left behind")], "a", 4)
    store.insert([pair(FULL.id), pair("00001")], "a", 5)
    store.close()
    return place


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once; every test has a folder of its own that is a copy of it."""
    return with_a_bit_of_everything(tmp_path_factory.mktemp("original") / "data", MANY).folder


@pytest.fixture
def before(tmp_path: Path, original: Path) -> Place:
    """A folder with more than is copied at once."""
    return Place(shutil.copytree(original, tmp_path / "data"))


@pytest.fixture
def few(tmp_path: Path) -> Place:
    """A folder whose records are copied at once, for what does not depend on how many they are."""
    return with_a_bit_of_everything(tmp_path / "data", FEW)


@pytest.fixture
def url(postgres: PostgresServer) -> Secret:
    return postgres.new_database()


def copy(before: Place, url: Secret) -> Copied:
    return copy_records(before.folder, url, lambda done, total: None)


def digest(place: Place) -> str:
    return hashlib.sha256((place.folder / "records.sqlite").read_bytes()).hexdigest()


def without_left(records: tuple[Record, ...]) -> list[Record]:
    return [one for one in records if one.id != "left behind"]


def is_all_there(before: Place, url: Secret) -> bool:
    after = Place(before.folder, url)
    old, new = before.history(), after.history()
    return without_left(new.records) == without_left(old.records) and new.feedback == old.feedback


def test_everything_is_there_afterwards(before: Place, url: Secret) -> None:
    """Records with their attempts, feedback, contents, sums for reports and for budgets; what was under way too."""
    was = digest(before)
    copied = copy(before, url)
    assert copied.is_whole
    assert (copied.here["records"], copied.here["feedback"], copied.here["contents"]) == (MANY + 1, 2, 4)
    assert list(each_pair(before.folder, database_url=url)) == list(each_pair(before.folder))
    assert copied.here["pairs"] == 2
    assert is_all_there(before, url)
    after = Place(before.folder, url)
    assert after.outcomes()["left behind"] == "interrupted"
    for query in (
        "SELECT key, bytes, text FROM blocks ORDER BY key",
        "SELECT owner, day_at, cost_nano FROM spendings ORDER BY owner",
    ):
        assert after.ask(query) == before.ask(query)
    requests = sum(t.counts["requests"] for t in load_tallies(after.folder, database_url=url).values())
    assert requests == MANY + 2
    assert digest(before) == was


def test_copying_again_changes_nothing(before: Place, url: Secret) -> None:
    after = Place(before.folder, url)
    tables = (
        "records",
        "attempts",
        "rollups",
        "check_rollups",
        "spendings",
        "feedback",
        "contents",
        "blocks",
    )
    counts = []
    for _ in range(2):
        assert copy(before, url).is_whole
        counts.append([after.ask(f"SELECT count(*) FROM {table}") for table in tables])
    assert counts[0] == counts[1]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("portions", [1, 2])
def test_a_copy_that_was_ended_by_kill_goes_on(before: Place, url: Secret, portions: int) -> None:
    script = """
    import os, signal, sys
    from pathlib import Path
    from tiercel.domain.secret import Secret
    from tiercel.records.copying import copy_records
    def progress(done, total):
        if done >= int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
    copy_records(Path(sys.argv[1]), Secret(sys.argv[2]), progress)
    """
    command = [
        sys.executable,
        "-c",
        textwrap.dedent(script),
        str(before.folder),
        url.reveal(),
        str(portions * AT_ONCE),
    ]
    assert subprocess.run(command, check=False, capture_output=True).returncode == -9
    assert copy(before, url).is_whole
    assert is_all_there(before, url)


def test_what_other_servers_write_meanwhile_stays(few: Place, url: Secret, tmp_path: Path) -> None:
    other = Place(tmp_path / "other", url)
    other.folder.mkdir()
    store = other.store()
    store.insert([record("00000-elsewhere")], "a", 1)
    assert copy(few, url).is_whole
    store.insert([record("99999-elsewhere")], "a", 2)
    store.close()
    assert {"00000-elsewhere", "99999-elsewhere"} < set(other.stored())


def test_something_missing_is_told(few: Place, url: Secret) -> None:
    copied = copy(few, url)
    here = copied.here | {"attempts": copied.here["attempts"] - 1}
    assert not msgspec.structs.replace(copied, here=here).is_whole
    assert not msgspec.structs.replace(copied, cost_here_nano=copied.cost_here_nano - 1).is_whole


def test_a_folder_whose_server_runs_is_left_alone(few: Place, url: Secret) -> None:
    lock = FolderLock.acquire(few.folder)
    try:
        with pytest.raises(ConfigError, match="another tiercel server"):
            copy(few, url)
    finally:
        lock.release()


def test_an_older_or_newer_source_is_told(few: Place, url: Secret) -> None:
    few.ask("UPDATE alembic_version SET version_num = '0003'")
    with pytest.raises(ConfigError, match="of an older version; start `tiercel serve` on it once"):
        copy(few, url)
    few.ask("UPDATE alembic_version SET version_num = '0099'")
    with pytest.raises(ConfigError, match="made by a newer Tiercel"):
        copy(few, url)


def test_keys_open_the_same_doors_afterwards(tmp_path: Path, url: Secret) -> None:
    with KeyStore.open(tmp_path, make=True) as store:
        issued = store.create(AccessKey(project="team", budget=Budget(day_nano=5)))
        renewed = store.rotate(issued.key.id, overlap_seconds=600.0)
        gone = store.create(AccessKey())
        store.set_project_budget("team", Budget(month_nano=7))
    assert copy_keys(tmp_path, url) == (2, 1)
    with KeyStore.open(tmp_path) as store:
        old = store.read()
        store.revoke(gone.key.id)
    ring = Keyring(KeyReader(tmp_path, database_url=url))
    found = [ring.find(text) for text in (issued.text, renewed.text, gone.text)]
    assert [one and one.key for one in found] == [issued.key, issued.key, gone.key]
    assert ring.project_budget("team") == Budget(month_nano=7)
    with KeyStore.open(tmp_path, database_url=url) as store:
        assert store.read() == old
    # again, after one was revoked at the old place
    copy_keys(tmp_path, url)
    ring.look()
    with pytest.raises(Exception, match="revoked"):
        ring.find(gone.text)
    ring.close()


def test_keys_of_two_peppers_are_not_put_together(tmp_path: Path, url: Secret) -> None:
    for name in ("a", "b"):
        with KeyStore.open(tmp_path / name, make=True) as store:
            store.create(AccessKey())
    copy_keys(tmp_path / "a", url)
    with pytest.raises(ConfigError, match="another pepper"):
        copy_keys(tmp_path / "b", url)


def test_the_command_says_what_is_there(
    few: Place,
    url: Secret,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(few.folder.parent)
    monkeypatch.setenv("RECORDS_URL", url.reveal())
    settings = 'version = 1\n[storage]\nfolder = "data"\ndatabase_url_env = "RECORDS_URL"\n'
    Path("tiercel.toml").write_text(settings, "utf-8")
    with KeyStore.open(few.folder, make=True) as store:
        store.create(AccessKey())
    assert main(["keys", "list"]) == 2
    assert "`tiercel copy --only keys` copies them" in capsys.readouterr().err
    assert main(["copy"]) == 0
    told = capsys.readouterr().out
    assert "1 key and 0 projects with a budget are in PostgreSQL." in told
    assert f"{FEW + 1:,}" in told
    assert told.endswith("All of it is there.\n")
    assert PASSWORD not in told
    assert pepper_path(few.folder).exists()
    assert main(["keys", "list"]) == 0


def test_without_a_postgresql_the_command_says_what_to_name(
    few: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(few.folder.parent)
    Path("tiercel.toml").write_text("version = 1\n", "utf-8")
    assert main(["copy"]) == 2
    assert "database_url_env names no PostgreSQL to copy to" in capsys.readouterr().err
