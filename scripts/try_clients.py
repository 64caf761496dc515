"""Runs other people's clients against the lab: `make clients`, or `python scripts/try_clients.py NAME ...`.

Each client is installed by its ordinary package manager into a folder that is thrown away. Then the examples of its
page in `docs/clients/` are run as they stand there, with an empty home, an environment of their own, and the address of
a gateway that calls nobody but simulated models. The dated result goes into `docs/clients/index.md`.
"""

import argparse
import asyncio
import datetime
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tiercel.gateway.app import running
from tiercel.testing.lab.server import Lab

PAGES = Path(__file__).resolve().parent.parent / "docs" / "clients"
DOCUMENTED = "http://127.0.0.1:4100"
"""The address in the pages; the running gateway's takes its place."""
INSTALL_SECONDS = 600.0
RUN_SECONDS = 120.0
SHOWN_CHARS = 3_000

EXAMPLE = re.compile(
    r"^<!-- expect: (?P<expect>.+?) -->\n```(?P<language>sh|python)\n(?P<text>.*?)^```$", re.M | re.S
)
RESULTS = re.compile(r"(?<=<!-- results -->\n).*?(?=<!-- end -->)", re.S)
ROW = re.compile(r"^\| \[.+?\]\((?P<page>[\w-]+)\.md\) \|.*$", re.M)


class Client(NamedTuple):
    """A client by the name of its page: the registry it comes from, and its packages, the first giving the version."""

    page: str
    title: str
    registry: str
    packages: tuple[str, ...]


CLIENTS = (
    Client("aider", "Aider", "pypi", ("aider-chat",)),
    Client("claude-code", "Claude Code", "npm", ("@anthropic-ai/claude-code",)),
    Client("codex", "Codex", "npm", ("@openai/codex",)),
    Client("continue", "Continue", "npm", ("@continuedev/cli",)),
    Client("gemini-cli", "gemini-cli", "npm", ("@google/gemini-cli",)),
    Client("langchain", "LangChain", "pypi", ("langchain-openai", "langchain-anthropic")),
    Client("llm", "llm", "pypi", ("llm",)),
    Client("openai-agents", "OpenAI Agents", "pypi", ("openai-agents",)),
)


class Example(NamedTuple):
    """One block of a page that can be run, and what it must say, as a regular expression."""

    expect: str
    language: str
    text: str


class Result(NamedTuple):
    """What became of one client."""

    version: str
    verdict: str


class Ran(NamedTuple):
    """What a program left behind; `code` is `None` where its time ran out."""

    code: int | None
    said: str


class UntestedError(Exception):
    """The client could not be had or started here: no word about it, good or bad."""


def examples_of(page: str) -> list[Example]:
    """The examples of a client's page, in its order."""
    text = (PAGES / f"{page}.md").read_text("utf-8")
    return [Example(**found.groupdict()) for found in EXAMPLE.finditer(text)]


async def run(command: list[str], folder: Path, environment: dict[str, str], seconds: float) -> Ran:
    """Run a program without input for at most so long; whatever it started ends with it."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(seconds):
            said, _ = await process.communicate()
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        return Ran(None, f"no end after {seconds:.0f} s")
    return Ran(process.returncode, said.decode("utf-8", "replace"))


async def install(client: Client, folder: Path) -> tuple[str, Path]:
    """The version, and the folder of its programs. Raises `UntestedError`."""
    environment = dict(os.environ)  # package managers are configured there
    if client.registry == "npm":
        if shutil.which("npm") is None:
            raise UntestedError("npm is not installed here")
        command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), *client.packages]
        programs = folder / "node_modules" / ".bin"
        ask = ["npm", "ls", "--prefix", str(folder), "--depth=0", client.packages[0]]
    else:
        await run([sys.executable, "-m", "venv", str(folder / "venv")], folder, environment, INSTALL_SECONDS)
        programs = folder / "venv" / "bin"
        command = [str(programs / "pip"), "install", "--quiet", *client.packages]
        ask = [str(programs / "pip"), "show", client.packages[0]]
    done = await run(command, folder, environment, INSTALL_SECONDS)
    if done.code != 0:
        print(done.said[-SHOWN_CHARS:])
        raise UntestedError("it could not be installed")
    told = await run(ask, folder, environment, RUN_SECONDS)
    found = re.search(rf"(?:{re.escape(client.packages[0])}@|Version: )(\S+)", told.said)
    return ("" if found is None else found[1]), programs


async def try_examples(client: Client, programs: Path, folder: Path, base_url: str) -> str:
    """The verdict on a client whose programs are here."""
    home, place = folder / "home", folder / "work"
    home.mkdir()
    place.mkdir()
    environment = {
        "HOME": str(home),
        "PATH": f"{programs}:{os.defpath}",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "NO_COLOR": "1",
    }
    examples = examples_of(client.page)
    for number, example in enumerate(examples, 1):
        text = example.text.replace(DOCUMENTED, base_url)
        if example.language == "python":
            command = [str(programs / "python"), "-c", text]
        else:
            command = ["bash", "-euo", "pipefail", "-c", text]
        ran = await run(command, place, environment, RUN_SECONDS)
        if ran.code != 0 or not re.search(example.expect, ran.said):
            print(ran.said[-SHOWN_CHARS:])
            return f"failed: example {number} of {len(examples)} ({last_line(ran.said)})"
    return f"ok: {len(examples)} of {len(examples)} examples"


def last_line(said: str) -> str:
    """How a program ended, short and fit for a table."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return (lines[-1] if lines else "it said nothing").replace("|", "/")[:120]


async def try_client(client: Client, base_url: str) -> Result:
    """Install it, run its examples, and throw everything away."""
    with tempfile.TemporaryDirectory(prefix="tiercel-client-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        try:
            version, programs = await install(client, folder)
        except UntestedError as error:
            return Result("", f"untested: {error}")
        return Result(version, await try_examples(client, programs, folder, base_url))


async def try_all(clients: list[Client]) -> dict[str, Result]:
    """One after the other, against one gateway with the policy that is shipped."""
    results: dict[str, Result] = {}
    with tempfile.TemporaryDirectory(prefix="tiercel-clients-") as folder:
        async with Lab() as lab, running(lab.settings(folder), lab.policy(), port=0) as gateway:
            for client in clients:
                results[client.page] = await try_client(client, gateway.base_url)
                print(
                    f"{client.title} {results[client.page].version}: {results[client.page].verdict}",
                    flush=True,
                )
    return results


def table(results: dict[str, Result], before: str) -> str:
    """The table with these results; a client that was not tried keeps its row."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    rows = {found["page"]: found[0] for found in ROW.finditer(before)}
    for client in CLIENTS:
        link = f"[{client.title}]({client.page}.md)"
        if client.page in results:
            version, verdict = results[client.page]
            rows[client.page] = f"| {link} | {version or '-'} | {today} | {verdict} |"
        else:
            rows.setdefault(client.page, f"| {link} | - | - | untested: not tried yet |")
    lines: Iterator[str] = (rows[client.page] for client in CLIENTS)
    return "\n".join(("| client | version | tried | result |", "|---|---|---|---|", *lines, ""))


def main() -> int:
    """Try those that are named, or all; 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="; ".join(client.page for client in CLIENTS))
    names = parser.parse_args().names
    wanted = [client for client in CLIENTS if client.page in names or not names]
    if unknown := set(names) - {client.page for client in CLIENTS}:
        parser.error(f"no such client: {', '.join(sorted(unknown))}")
    results = asyncio.run(try_all(wanted))
    index = PAGES / "index.md"
    text = index.read_text("utf-8")
    index.write_text(RESULTS.sub(lambda found: table(results, found[0]), text, count=1), "utf-8")
    return 1 if any(result.verdict.startswith("failed") for result in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
