"""What is measured: Tiercel with routing, checks and journal on, nginx as a plain reverse proxy, and the upstream."""

import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import msgspec

from bench.processes import cpu_seconds, resident_bytes
from bench.rig import BenchError, Rig, free_port, process, seconds_until_ready
from bench.serve import Status
from tiercel.domain.keys import AccessKey, Budget, Quota
from tiercel.policy import shipped_policy_text
from tiercel.records.key_store import KeyStore

TIERS = ("fast", "balanced", "deep")
UPSTREAM_MODEL = "gpt-4o-mini"
UNREACHABLE_MODEL = "unreachable"
"""Served by a provider where nobody listens, so that failures have their part in mixed load."""

NO_KEY = "sk-test"
"""What is sent where no key is asked for: clients always send one."""
PROJECT = "bench"
ABUNDANT = 1_000_000_000
PLENTY = Budget(day_nano=ABUNDANT * 1_000_000_000, month_nano=ABUNDANT * 1_000_000_000)
BENCH_KEY = AccessKey(
    project=PROJECT,
    allowed=TIERS,
    quota=Quota(requests_per_minute=ABUNDANT, tokens_per_minute=ABUNDANT, concurrent=ABUNDANT),
    budget=PLENTY,
)
"""Every limit that there is, so that each is counted and none is ever reached."""

SETTINGS = """\
version = 1

[storage]
folder = "records"
journal_limit_mb = 50_000

[providers.mock]
format = "openai_chat"
base_url = "http://127.0.0.1:{upstream}/v1"
quirks = "vllm"
residency = "local"

[providers.nobody]
format = "openai_chat"
base_url = "http://127.0.0.1:{closed}/v1"

[models.{unreachable}]
served_by = {{ nobody = "none" }}
"""
MODEL = """
[models.bench-{tier}]
window = 128_000
max_output = 16_384
tools = true
structured_output = true
tokens_per_second = 100
served_by = {{ mock = "{name}" }}
prices = {{ input_usd_per_million = 0.15, output_usd_per_million = 0.6 }}
"""


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """Something that answers on a port, `ready_seconds` after its start, to whoever shows `key`."""

    port: int
    pid: int
    ready_seconds: float
    key: str = NO_KEY

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.pid)

    def resident_bytes(self) -> int:
        return resident_bytes(self.pid)


class Control:
    """The gateway's standard input and output: ingest put off and caught up, and what it says of itself."""

    def __init__(self, child: "Popen[str]", log: Path) -> None:
        self._child = child
        self._log = log

    def pause(self) -> Status:
        return self._say("pause")

    def resume(self) -> Status:
        return self._say("resume")

    def status(self) -> Status:
        return self._say("status")

    def hear(self) -> Status:
        """What it says by itself once it has begun. Raises `BenchError` when it has not."""
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise BenchError(f"the gateway ended: {self._log.read_text('utf-8').strip()[-2000:]}")
        return msgspec.json.decode(line, type=Status)

    def caught_up(self) -> Status:
        """Let ingest take in all there is, then put it off again."""
        status = self.resume()
        while status.behind_bytes:
            time.sleep(0.1)
            status = self.status()
        return self.pause()

    def _say(self, command: str) -> Status:
        assert self._child.stdin is not None
        self._child.stdin.write(command + "\n")
        self._child.stdin.flush()
        return self.hear()


def policy_text() -> str:
    """The shipped policy with one local deployment in each tier."""
    text = shipped_policy_text()
    for tier in TIERS:
        text, found = re.subn(
            rf"(?m)^(\[tiers\.{tier}\]\nmembers = )\[.*\]$", rf'\g<1>["bench-{tier}"]', text
        )
        assert found == 1, f"the shipped policy has no tier {tier!r} any more"
    return text


def settings_text(upstream_port: int) -> str:
    """Settings whose models are all served by the mock upstream."""
    text = SETTINGS.format(upstream=upstream_port, closed=free_port(), unreachable=UNREACHABLE_MODEL)
    return text + "".join(MODEL.format(tier=tier, name=UPSTREAM_MODEL) for tier in TIERS)


@contextmanager
def own_folder(rig: Rig, upstream_port: int) -> Iterator[Path]:
    """A folder with both files, and room for records, that is gone afterwards."""
    with tempfile.TemporaryDirectory(dir=rig.folder) as name:
        folder = Path(name)
        (folder / "tiercel.toml").write_text(settings_text(upstream_port), "utf-8")
        (folder / "policy.toml").write_text(policy_text(), "utf-8")
        yield folder


def issue_key(folder: Path) -> str:
    """A key with every limit, of a project with a budget, for the gateway that has this folder."""
    with KeyStore.open(folder / "records", make=True) as store:
        store.set_project_budget(PROJECT, PLENTY)
        return store.create(BENCH_KEY).text


@contextmanager
def mock_upstream(rig: Rig) -> Iterator[Serving]:
    """The upstream of everything, on the load's core."""
    port = free_port()
    since = time.perf_counter()
    with process([str(rig.mock), "--port", str(port)], rig.load_core, folder=rig.folder) as child:
        yield Serving(port=port, pid=child.pid, ready_seconds=seconds_until_ready(child, port, since))


@contextmanager
def nginx(rig: Rig, upstream_port: int) -> Iterator[Serving]:
    """nginx as a plain reverse proxy with kept-alive connections."""
    assert rig.nginx is not None
    port, unused = free_port(), free_port()
    text = rig.nginx_conf
    for written, actual in (
        ("9001", upstream_port),
        ("9002", upstream_port),
        ("8010", port),
        ("8011", unused),
    ):
        text = text.replace(f"127.0.0.1:{written}", f"127.0.0.1:{actual}")
    with tempfile.TemporaryDirectory(dir=rig.folder) as folder:
        configuration = Path(folder) / "nginx_proxy.conf"
        configuration.write_text(text, "utf-8")
        command = [rig.nginx, "-p", folder, "-c", str(configuration), "-e", str(Path(folder) / "errors")]
        since = time.perf_counter()
        with process(command, rig.server_core, folder=rig.folder) as child:
            yield Serving(port=port, pid=child.pid, ready_seconds=seconds_until_ready(child, port, since))


@contextmanager
def served(rig: Rig, upstream_port: int, *, keyed: bool = False) -> Iterator[Serving]:
    """`tiercel serve` itself, ingest and all; `keyed` with a key and all its limits."""
    port = free_port()
    with own_folder(rig, upstream_port) as folder:
        key = issue_key(folder) if keyed else NO_KEY
        command = [sys.executable, "-m", "tiercel", "serve", "--log-level", "warning", "--port", str(port)]
        since = time.perf_counter()
        with process(command, rig.server_core, folder=folder, log=folder / "log") as child:
            ready_seconds = seconds_until_ready(child, port, since)
            yield Serving(port=port, pid=child.pid, ready_seconds=ready_seconds, key=key)


@contextmanager
def gateway(
    rig: Rig, upstream_port: int, *, defer_ingest: bool, keyed: bool = False
) -> Iterator[tuple[Serving, Control]]:
    """The same gateway, started so that ingest can be put off."""
    port = free_port()
    with own_folder(rig, upstream_port) as folder:
        key = issue_key(folder) if keyed else NO_KEY
        log = folder / "log"
        command = [sys.executable, "-m", "bench.serve", "--port", str(port)]
        command += ["--config", "tiercel.toml", "--policy", "policy.toml"]
        command += ["--defer-ingest"] if defer_ingest else []
        since = time.perf_counter()
        with process(command, rig.server_core, folder=folder, log=log, controlled=True) as child:
            control = Control(child, log)
            control.hear()
            ready_seconds = seconds_until_ready(child, port, since)
            yield Serving(port=port, pid=child.pid, ready_seconds=ready_seconds, key=key), control
