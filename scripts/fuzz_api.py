"""schemathesis against a gateway of its own: `make fuzz`, two minutes, no part of the tests.

It makes requests that fit a description of our routes and requests that do not, at random. None may be answered with
500, crash anything, or be let in without a key.

Needs the program `schemathesis` (pip install schemathesis), found on the path or named with `--program`.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path

from tests.crash.served import configure, served
from tests.security.fuzz_description import description

from tiercel.domain.keys import AccessKey
from tiercel.records.key_store import KeyStore
from tiercel.testing.scripted import Says, ScriptedProvider

CONFIGURATION = """\
[checks]
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 502, 503, 504]
"""
"""What our own table of errors says about providers is no crash of ours."""
CHECKS = "not_a_server_error,ignored_auth"


async def fuzz(program: str, seconds: int) -> int:
    """Run it for so long; 0 where nothing was found."""
    with tempfile.TemporaryDirectory(prefix="tiercel-fuzz-") as name:
        folder = Path(name)
        async with ScriptedProvider() as provider:
            provider.default = Says(text="hello")
            configure(folder, provider.base_url)
            with KeyStore.open(folder / "tiercel-data", make=True) as store:
                key = store.create(AccessKey(role="operator")).text
            (folder / "openapi.json").write_text(json.dumps(description()), "utf-8")
            (folder / "schemathesis.toml").write_text(CONFIGURATION, "utf-8")
            async with served(folder) as server:
                command = [program, "--config-file", "schemathesis.toml", "run", "openapi.json"]
                command += ["--url", await server.base_url(), "-H", f"Authorization: Bearer {key}"]
                command += [
                    "--checks",
                    CHECKS,
                    "--max-time",
                    str(seconds),
                    "--continue-on-failure",
                    "--mode=all",
                ]
                running = await asyncio.create_subprocess_exec(*command, cwd=folder)
                return await running.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default="schemathesis", help="where schemathesis is")
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--print", action="store_true", help="print the description and call nobody")
    args = parser.parse_args()
    if args.print:
        print(json.dumps(description(), indent=2))
        return 0
    program = shutil.which(args.program)
    if program is None:
        print(f"{args.program} is not installed: pip install schemathesis", file=sys.stderr)
        return 2
    return asyncio.run(fuzz(program, args.seconds))


if __name__ == "__main__":
    sys.exit(main())
