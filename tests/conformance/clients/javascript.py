"""The official JavaScript SDKs, in a process of node that `javascript/client.mjs` runs in."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.conformance.dialogue import Answer, Ask, RefusedError, Results, Said, Turn, User
from tiercel.domain.request import Format

FOLDER = Path(__file__).parent.parent / "javascript"
INSTALL = "npm ci --prefix tests/conformance/javascript"


def installed(package: str) -> str:
    """The version of an installed SDK, empty where there is none."""
    described = FOLDER / "node_modules" / package / "package.json"
    return str(msgspec.json.decode(described.read_bytes())["version"]) if described.exists() else ""


class JavaScript:
    """One process for each client. Skips the test, with the reason, where node or the SDKs are not there."""

    def __init__(self, format: Format, url: str, key: str) -> None:
        node = shutil.which("node")
        if node is None:
            pytest.skip("not run: there is no node on this machine")
        if not (FOLDER / "node_modules").is_dir():
            pytest.skip(f"not run: the JavaScript SDKs are not installed; {INSTALL}")
        self._to = {"format": format, "url": url, "key": key}
        self._process = subprocess.Popen(
            [node, "client.mjs"], cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def ask(self, ask: Ask) -> Answer:
        sent = {
            **msgspec.to_builtins(msgspec.structs.replace(ask, turns=())),
            "turns": list(map(turn, ask.turns)),
        }
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(msgspec.json.encode({**self._to, "ask": sent}) + b"\n")
        stdin.flush()
        said: Any = msgspec.json.decode(stdout.readline())
        if "refused" in said:
            raise RefusedError(said["refused"]["kind"], said["refused"]["message"])
        return msgspec.convert(said["answer"], Answer)

    def close(self) -> None:
        self._process.communicate()


def turn(turn: Turn) -> dict[str, Any]:
    match turn:
        case User():
            return {"user": msgspec.to_builtins(turn)}
        case Said(answer=answer):
            return {"said": answer.native}
        case Results(results=results):
            return {"results": msgspec.to_builtins(results)}
