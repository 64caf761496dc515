"""A real PostgreSQL that a test may stop, freeze and fill up. Made anew in a folder of its own, on loopback."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Literal

import psycopg

from tiercel.domain.secret import Secret

PASSWORD = "canary-password"
START_SECONDS = 30.0


def find_programs() -> Path | None:
    """The folder of `initdb` and `postgres`, where this machine has them."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "postgres").exists()), None)


def reason_for_none() -> str | None:
    """Why no PostgreSQL can be started here."""
    if sys.platform != "linux":
        return "only tried on Linux"
    return None if find_programs() else "this machine has no PostgreSQL (Debian's package `postgresql`)"


class PostgresServer:
    """One cluster. `url` gives a database in it, which is made where it is missing."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._user = "postgres" if os.getuid() == 0 else None  # it refuses to run as root
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        if self._user is not None:
            shutil.chown(folder, self._user)
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        subprocess.run(
            [programs / "initdb", "-D", self._data, "-U", "tiercel", "-A", "scram-sha-256", f"--pwfile={password}",
             "-E", "UTF8", "--locale=C", "--wal-segsize=1", "--no-sync"],
            check=True, capture_output=True, user=self._user, cwd=folder,
        )  # fmt: skip

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def start(self) -> None:
        """Returns when it answers."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self._port,
            "unix_socket_directories": "",
            "fsync": "off",
            "max_wal_size": "16MB",
            "shared_buffers": "16MB",
            "log_min_messages": "log",
        }
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, *(f"--{k}={v}" for k, v in settings.items())],
                stdout=log, stderr=log, user=self._user, cwd=self._folder, start_new_session=True,
            )  # fmt: skip
        self._await()

    def stop(self) -> None:
        """Ends it at once; what was committed stays."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(20)

    def freeze(self) -> None:
        """All its processes stand still; the system goes on taking connections for them."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_all(signal.SIGCONT)

    def limit_files(self, size: int | Literal["unlimited"]) -> None:
        """No file of it may grow beyond."""
        for pid in (
            self._pids()
        ):  # the server first: what it makes later inherits that, and what ends meanwhile is gone
            limit = ["prlimit", f"--pid={pid}", f"--fsize={size}:"]
            subprocess.run(limit, check=False, capture_output=True, user=self._user)

    def url(self, name: str) -> Secret:
        return Secret(f"postgresql://tiercel:{PASSWORD}@127.0.0.1:{self._port}/{name}")

    def new_database(self, like: Secret | None = None) -> Secret:
        """An empty one, or a copy of one that nobody has open."""
        name = f"d{secrets.token_hex(6)}"
        original = "template1" if like is None else like.reveal().rpartition("/")[2]
        self.execute("postgres", f"CREATE DATABASE {name} TEMPLATE {original} STRATEGY file_copy")
        return self.url(name)

    def execute(self, name: str, statement: str) -> None:
        with closing(psycopg.connect(self.url(name).reveal(), autocommit=True)) as connection:
            connection.execute(statement.encode())

    @property
    def log(self) -> str:
        path = self._folder / "log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def _pids(self) -> list[int]:
        """The server and all its children, which are in sessions of their own."""
        assert self._process is not None
        main = self._process.pid
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        return [main, *(int(pid) for pid in children)]

    def _signal_all(self, number: signal.Signals) -> None:
        for pid in self._pids():
            with suppress(ProcessLookupError):  # a worker that has just done its work
                os.kill(pid, number)

    def _await(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(psycopg.OperationalError):
                self.execute("postgres", "SELECT 1")
                return
            time.sleep(0.02)
        raise AssertionError(f"it does not answer:\n{self.log}")


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A server that runs as long as the block."""
    programs = find_programs()
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="tiercel-postgres-"))
    server = PostgresServer(programs, folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
