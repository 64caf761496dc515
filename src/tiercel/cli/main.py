"""`tiercel`: finds the command, runs it, and turns the operator's mistakes into plain messages with the fix.

Exit codes: 0 done, 1 the command's own negative answer, 2 wrong arguments or configuration, 130 interrupted.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module

from tiercel import __version__
from tiercel.domain.errors import ConfigError, TiercelError

COMMANDS = {
    "demo": "demo",
    "init": "init",
    "import": "import_files",
    "validate": "validate",
    "serve": "serve",
    "keys": "keys",
    "explain": "explain",
    "report": "report",
    "split": "split",
    "models": "models",
    "audit": "audit",
    "shadow": "shadow",
    "export": "export",
    "copy": "copy",
    "forget": "forget",
    "eval": "eval",
    "bench": "bench",
    "lab": "lab",
    "schema": "schema",
}
"""The module of each command, in the order in which a newcomer meets them."""


def build_parser(commands: Iterable[str] = COMMANDS) -> argparse.ArgumentParser:
    """The parser of these commands, by default of all; the documentation is tested against it."""
    parser = argparse.ArgumentParser(
        prog="tiercel",
        description="One API layer in front of many models, several response tiers, measurement on your own traffic.",
    )
    parser.add_argument("--version", action="version", version=f"tiercel {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in commands:
        import_module(f"tiercel.cli.{COMMANDS[command]}").add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    words = sys.argv[1:] if argv is None else argv
    # to load the others takes longer than most commands do
    named = [word for word in words[:1] if word in COMMANDS]
    args = build_parser(named or COMMANDS).parse_args(words)
    try:
        code: int = args.func(args)
    except ConfigError as error:
        for problem in error.problems:
            print(f"tiercel: {problem}", file=sys.stderr)
        return 2
    except TiercelError as error:
        print(f"tiercel: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # the reader of our output left (`tiercel report | head`)
        sys.stderr.close()
        return 0
    except OSError as error:
        # a folder that may not be read, a disk that is full: the system's own words, and what they are about
        about = f"{error.filename}: " if error.filename else ""
        print(f"tiercel: {about}{error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return code
