"""A gateway to be measured, as `tiercel serve` runs it, with two things more: ingest can be deferred, and it tells.

Each line on standard input is a command: `pause`, `resume` or `status`; each is answered by one line of JSON. It ends
with SIGTERM, or when its standard input does.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
import threading
from pathlib import Path

import msgspec

from tiercel.cli.serve import run_async
from tiercel.gateway.app import RunningGateway, running
from tiercel.gateway.process import settle
from tiercel.policy import load_policy, load_settings


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway says of itself. `recorded` counts requests whose record was begun."""

    recorded: int
    entries: int
    behind_bytes: int
    tasks: int
    threads: int


def status(gateway: RunningGateway) -> Status:
    ingest = gateway.recorder.ingest_status()
    return Status(
        recorded=gateway.recorder.counts().started,
        entries=ingest.entries,
        behind_bytes=ingest.behind_bytes,
        tasks=len(asyncio.all_tasks()),
        threads=threading.active_count(),
    )


async def obey(gateway: RunningGateway, commands: asyncio.StreamReader, stopped: asyncio.Event) -> None:
    """Do what standard input says until it ends."""
    while line := await commands.readline():
        match line.strip():
            case b"pause":
                await asyncio.to_thread(gateway.recorder.pause_ingest)
            case b"resume":
                gateway.recorder.resume_ingest()
        say(status(gateway))
    stopped.set()


def say(answer: Status) -> None:
    print(msgspec.json.encode(answer).decode(), flush=True)


async def serve(args: argparse.Namespace) -> None:
    settings = load_settings(args.config, os.environ)
    policy = load_policy(args.policy)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    commands = asyncio.StreamReader()
    async with running(settings, policy, port=args.port) as gateway:
        settle()
        loop.add_signal_handler(signal.SIGTERM, stopped.set)
        if args.defer_ingest:
            await asyncio.to_thread(gateway.recorder.pause_ingest)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
        obeying = asyncio.create_task(obey(gateway, commands, stopped))
        say(status(gateway))
        await stopped.wait()
        obeying.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--policy", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--defer-ingest", action="store_true")
    logging.basicConfig(level=logging.WARNING)
    run_async(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
