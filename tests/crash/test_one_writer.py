"""SQLite before 3.51.3 can damage a database that two connections write or checkpoint at once. Here only the holder of
the folder's lock opens it for writing, with one connection; whoever reads opens it read-only."""

import ast
import asyncio
import os
from functools import cache
from pathlib import Path

import pytest

import tiercel
from tests.crash.served import SOON_SECONDS, WAIT_SECONDS, ask, configure, served, start
from tests.gateway.plain_http import call
from tiercel.testing.scripted import Says, ScriptedProvider

SOURCE = Path(tiercel.__file__).parent
WATCHED = str(Path(__file__).with_name("watched.py"))
READ_ONLY = "?mode=ro"

needs_locks = pytest.mark.skipif(os.name == "nt", reason="Windows has other locks")


@cache
def names_used() -> dict[str, set[str]]:
    """What each module of Tiercel names, apart from importing it."""
    return {
        path.relative_to(SOURCE).as_posix(): {
            named_by(node) for node in ast.walk(ast.parse(path.read_bytes()))
        }
        for path in SOURCE.rglob("*.py")
    }


def named_by(node: ast.AST) -> str:
    """The name that this node uses; what the module `ast` calls so is another thing."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id="ast")):
            return ""
        case ast.Attribute(attr=name):
            return name
        case _:
            return ""


@pytest.mark.parametrize(
    ("name", "users"),
    [
        (
            "sqlite3",
            {
                "evals/running/answer_cache.py",  # its own file, in a run's folder that one process has
                "records/database.py",
                "records/engines.py",
                "records/key_sqlite.py",
                "records/recorder.py",
                "records/shadow_store.py",
                "records/spending.py",
            },
        ),
        ("connect_to_write", {"records/engines.py"}),
        ("to_write", {"records/store.py", "records/key_postgres.py", "records/shadow_store.py"}),
        (
            "Store",
            {"records/forgetting.py", "records/ingest.py", "records/copying.py"},
        ),  # the last into PostgreSQL
        ("Ingestor", {"records/forgetting.py", "records/recorder.py"}),
        ("create_engine", {"records/engines.py"}),
    ],
)
def test_few_know_how_to_open_the_database(name: str, users: set[str]) -> None:
    """A new user of any of these has to show that it keeps the promise of this file."""
    assert {module for module, names in names_used().items() if name in names} == users


def opened(folder: Path, pid: int) -> list[str]:
    """What this process locked and opened, in its order."""
    path = folder / "opened"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.partition(" ")[2] for line in lines if line.partition(" ")[0] == str(pid)]


def writing(lines: list[str]) -> list[str]:
    """Databases that were opened so that they could be written."""
    return [line for line in lines if line != "lock" and READ_ONLY not in line]


async def writes(folder: Path, pid: int) -> None:
    """Return once this process has opened a database for writing."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            if writing(opened(folder, pid)):
                return
            await asyncio.sleep(SOON_SECONDS)


async def run(folder: Path, *arguments: str) -> tuple[int, list[str]]:
    """The exit code of a command, and what it locked and opened."""
    server = await start(folder, (WATCHED, *arguments))
    code = await asyncio.wait_for(server.process.wait(), WAIT_SECONDS)
    return code, opened(folder, server.pid)


@needs_locks
async def test_only_the_holder_of_the_lock_writes_the_database(tmp_path: Path) -> None:
    """As the interpreter reports: the server locks, then opens it once; a second server and readers cannot write."""
    async with ScriptedProvider() as provider:
        provider.default = Says(text="ok")
        configure(tmp_path, provider.base_url, storage="segment_mb = 0.0001")
        async with served(tmp_path, (WATCHED, "serve")) as server:
            url = await server.base_url()
            await server.says(r"SQLite 3\.\d+\.\d+, written by this process alone")
            assert await ask(url) == 200
            assert (await call(url, "GET", "/v1/records/nobody")).status == 404
            await writes(tmp_path, server.pid)
            others = {name: await run(tmp_path, name) for name in ("serve", "report", "models", "audit")}
            assert await ask(url) == 200
        by_server = opened(tmp_path, server.pid)
    assert (by_server[0], by_server.count("lock"), len(writing(by_server))) == ("lock", 1, 1)
    assert {name: code for name, (code, _) in others.items()} == {
        "serve": 2,
        "report": 0,
        "models": 0,
        "audit": 0,
    }
    assert {name: writing(lines) for name, (_, lines) in others.items()} == {name: [] for name in others}
    assert {name for name, (_, lines) in others.items() if "lock" in lines} == {"serve"}
    assert {name for name, (_, lines) in others.items() if lines} == set(others)
