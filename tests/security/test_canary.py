"""Marked secrets wherever one is configured or sent, every fault, the most talkative log: none comes out."""

import asyncio
import base64
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import msgspec

from tests.crash.served import Server, data_folder, served
from tests.gateway.faults.cases import CASES
from tests.gateway.house import everything_in
from tests.gateway.plain_http import call
from tests.gateway.test_telemetry import Collector
from tiercel.testing.fault_kinds import FAULT_KINDS
from tiercel.testing.faults import Fault
from tiercel.testing.scripted import Fails, Raw, Reply, Says, ScriptedProvider

AT_ONCE = 12
PART_CHARS = 8
NAMES = ("provider", "client", "operator", "cookie", "database", "collector", "query")

SETTINGS = """
version = 1
[listener]
port = 0
drain_seconds = 2
keys_env = ["CANARY_CLIENT"]
operator_keys_env = ["CANARY_OPERATOR"]
[storage]
{storage}
[telemetry]
otlp_endpoint = "{collector}"
otlp_headers_env = "CANARY_COLLECTOR"
metrics_seconds = 1
[providers.vllm]
base_url = "{upstream}"
key_env = "CANARY_PROVIDER"
[models.little]
served_by = {{ vllm = "little" }}
"""
POLICY = """
version = 1
[defaults]
gates = ["finished", "json_schema"]
[limits]
deadline_seconds = 2
first_token_seconds = 0.3
idle_seconds = 0.3
retries = 0
[tiers.fast]
members = ["little"]
[[rules]]
name = "any"
ladder = ["fast"]
"""


class Canaries:
    """One secret of each kind, new each time, so that nothing left over is taken for it."""

    def __init__(self) -> None:
        # letters and digits only, so that it means the same in a URL, and random, so that its parts do too
        self.of = {name: f"{secrets.token_hex(8)}{secrets.token_hex(8)}" for name in NAMES}

    @property
    def environment(self) -> list[str]:
        return [
            f"CANARY_PROVIDER=sk-{self.of['provider']}",
            f"CANARY_CLIENT=own-{self.of['client']}",
            f"CANARY_OPERATOR=Zq-{self.of['operator']}",
            f"CANARY_DATABASE=postgresql://tiercel:{self.of['database']}@127.0.0.1:1/tiercel",
            f"CANARY_COLLECTOR=x-collector-key={self.of['collector']}",
        ]

    def found_in(self, text: bytes) -> set[str]:
        """Which of them it has: any eight characters on end, also in base64 and in the encoding of URLs."""
        return {name for name, secret in self.of.items() for form in forms(secret) if form in text}


def forms(secret: str) -> Iterator[bytes]:
    for start in range(len(secret) - PART_CHARS + 1):
        yield secret[start : start + PART_CHARS].encode()
    for shift in range(3):
        encoded = base64.b64encode(b"x" * shift + secret.encode())
        yield encoded[4:24]
    yield quote("".join(f"%{ord(char):02x}" for char in secret[:4]), safe="%").encode()


def replies(key: str) -> Iterator[Reply]:
    """Every fault there is, each quoting the key wherever it says anything."""
    said = f"You sent Authorization: Bearer {key}, that is {key}."
    faults = [case.fault for case in CASES] + [kind.fault for kind in FAULT_KINDS.values()]
    for fault in faults:
        match fault:
            case Raw():
                yield Raw(data=fault.data.replace(b"\r\n\r\n", f"\r\nx-quoted: {key}\r\n\r\n".encode(), 1))
            case Fault() if fault.drip_seconds or fault.endless or fault.before_seconds:
                continue  # only the clock ends these, and they say nothing
            case Fault():
                quoted = msgspec.structs.replace(
                    fault, message=said, headers=fault.headers | {"x-quoted": key}
                )
                yield quoted if isinstance(quoted, Fails) else Says(text="one two", fault=quoted)
    for status in (400, 401, 403, 404, 422, 429, 500, 503):
        yield Fails(status=status, message=said, code="invalid_api_key", type=said)
    yield Raw(data=f"HTTP/1.1 200 {key}\r\nlocation: http://x/{key}\r\n\r\n<html>{key}".encode())
    yield Raw(data=f"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/?key={key}\r\n\r\n".encode())
    yield Raw(data=key.encode())


PATHS: dict[str, bytes] = {
    "/v1/chat/completions": b'{"model":"auto","stream":%b,"messages":[{"role":"user","content":"hi"}]}',
    "/v1/responses": b'{"model":"auto","stream":%b,"input":"hi"}',
    "/v1/messages": b'{"model":"auto","stream":%b,"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}',
}


class Asking:
    """Clients that show their secrets in every way there is, and keep all that they are told."""

    def __init__(self, base_url: str, canaries: Canaries) -> None:
        self.shown: list[bytes] = []
        self._base_url = base_url
        self._of = canaries.of
        self._operator = {"authorization": f"Bearer Zq-{self._of['operator']}"}

    async def ask(self, number: int) -> None:
        """One request, and its record."""
        path, body = list(PATHS.items())[number % len(PATHS)]
        name = ("authorization", "x-api-key", "api-key", "x-goog-api-key")[number % 4]
        headers = {
            name: ("Bearer " if name == "authorization" else "") + f"own-{self._of['client']}",
            "cookie": f"session={self._of['cookie']}",
            "proxy-authorization": f"Basic {self._of['cookie']}",
        }
        stream = b"true" if number % 2 else b"false"
        answer = await call(self._base_url, "POST", f"{path}?key={self._of['query']}", body % stream, headers)
        self.shown += [answer.body, str(answer.headers).encode()]
        await self.look(f"/v1/records/{answer.headers.get('x-tiercel-record', 'none')}")

    async def look(self, path: str) -> None:
        answer = await call(self._base_url, "GET", path, headers=self._operator)
        self.shown += [answer.body, str(answer.headers).encode()]

    async def stumble(self) -> None:
        """Requests that go wrong here, with secrets where none belong."""
        secret = f"own-{self._of['client']}"
        for headers in (
            {"authorization": f"Basic {secret}"},
            {"x-api-key": secret + "x"},
            {"host": secret + "/"},
        ):
            answer = await call(self._base_url, "POST", "/v1/chat/completions", b"{}", headers)
            self.shown += [answer.body, str(answer.headers).encode()]


async def drive(server: Server, provider: ScriptedProvider, canaries: Canaries) -> list[bytes]:
    """Every fault once, a dozen requests side by side; all that clients and operators were shown."""
    asking = Asking(await server.base_url(), canaries)
    number = 0
    while provider.unused:
        await asyncio.gather(*(asking.ask(number + more) for more in range(AT_ONCE)))
        number += AT_ONCE
    await asking.stumble()
    for path in ("/metrics", "/healthz", "/readyz", "/v1/models", "/v1/nothing"):
        await asking.look(path)
    return asking.shown


def command_line(process: int) -> bytes:
    """What everybody on this machine may see of a process; nothing where the system has no such file."""
    path = Path(f"/proc/{process}/cmdline")
    return path.read_bytes() if path.exists() else b""


async def run(folder: Path, canaries: Canaries, storage: str) -> tuple[dict[str, bytes], ScriptedProvider]:
    """All that came out of a server, by where."""
    provider = ScriptedProvider(*replies(f"sk-{canaries.of['provider']}"))
    async with provider, Collector() as collector:
        settings = SETTINGS.format(upstream=provider.base_url, collector=collector.endpoint, storage=storage)
        (folder / "tiercel.toml").write_text(settings)
        (folder / "policy.toml").write_text(POLICY)
        command = ("-m", "tiercel", "serve", "--log-level", "debug")
        async with served(folder, command, prefix=("env", *canaries.environment)) as server:
            shown = await drive(server, provider, canaries)
            shown_by_ps = command_line(server.pid)
        traced = b"".join(seen.body for seen in collector.seen)
    out = {
        "answers": b"\n".join(shown),
        "log": server.said.encode(),
        "files": b"\n".join(everything_in(data_folder(folder))),
        "telemetry": traced,
        "processes": shown_by_ps,
    }
    return out, provider


async def test_no_secret_comes_out_anywhere(tmp_path: Path) -> None:
    canaries = Canaries()
    out, provider = await run(tmp_path, canaries, "")
    assert {place: canaries.found_in(text) for place, text in out.items()} == {place: set() for place in out}
    assert min(len(out["answers"]), len(out["log"]), len(out["files"]), len(out["telemetry"])) > 500
    # a provider gets its own key and nobody else's
    sent = b"\n".join(
        str(seen.headers).encode() + seen.path.encode() + seen.body for seen in provider.requests
    )
    assert canaries.found_in(sent) == {"provider"}


async def test_the_databases_password_comes_out_nowhere_while_it_is_away(tmp_path: Path) -> None:
    canaries = Canaries()
    out, _ = await run(tmp_path, canaries, 'database_url_env = "CANARY_DATABASE"')
    assert {place: canaries.found_in(text) for place, text in out.items()} == {place: set() for place in out}
    assert b"postgres" in out["log"].lower()


def test_the_search_finds_what_it_looks_for() -> None:
    """Otherwise its silence would say nothing."""
    canaries = Canaries()
    secret = canaries.of["provider"]
    for text in (secret, secret[5:13], base64.b64encode(f"Bearer {secret}".encode()).decode()):
        assert canaries.found_in(f"… {text} …".encode()) == {"provider"}


def test_a_program_that_dies_shows_no_secret(tmp_path: Path) -> None:
    """`tiercel` with a configuration that is wrong, and a key in the environment that no header can carry."""
    canaries = Canaries()
    (tmp_path / "tiercel.toml").write_text(
        SETTINGS.format(upstream="http://x", collector="http://x", storage="")
    )
    broken = {"CANARY_PROVIDER": f"{canaries.of['provider']}\n", "CANARY_CLIENT": canaries.of["client"][:9]}
    environment = dict(pair.split("=", 1) for pair in canaries.environment) | broken
    for command in ("serve", "validate", "explain"):
        ran = subprocess.run(
            [sys.executable, "-m", "tiercel", command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert canaries.found_in(ran.stdout + ran.stderr) == set()
