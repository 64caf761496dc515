"""Writes `docs/cli.md` from the command line's own parsers: `python scripts/cli_docs.py`.

Not argparse's own help text: its layout differs between versions of Python and widths of terminals.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from tiercel.cli.main import build_parser

TARGET = Path(__file__).parent.parent / "docs" / "cli.md"

HEAD = """\
# Command line

<!-- Written by scripts/cli_docs.py; run it after a change to a command. -->

`tiercel COMMAND --help` says the same as this page.

Exit codes: 0 done, 1 the command's own negative answer, 2 wrong arguments or configuration, 130 interrupted.
`explain` answers 1 when the request would be refused, `demo` when something did not go as it should have.
Problems go to standard error, one line each, with the fix.

Every command that needs a configuration reads `tiercel.toml` and `policy.toml` of the current folder.
Where there is no `tiercel.toml`, it uses what [`tiercel init`](#tiercel-init) would write for the environment's keys.
"""


def render() -> str:
    """The whole page."""
    parser = build_parser()
    parts = [HEAD, *commands_of(parser, "##", "tiercel")]
    parts.append("\n".join(table("Options of `tiercel` itself", arguments(parser))))
    return "\n".join(parts)


def commands_of(parser: argparse.ArgumentParser, mark: str, called: str) -> Iterator[str]:
    """A section for each of its commands, and below that for each of theirs."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, command in action.choices.items():
                title = f"{called} {name}"
                yield "\n".join(section(f"{mark} {title}", helps[name], command))
                yield from commands_of(command, f"{mark}#", title)


def section(title: str, summary: str, parser: argparse.ArgumentParser) -> list[str]:
    """One command."""
    about = " ".join((parser.description or summary).split())
    own = list(arguments(parser))
    return [title, "", about, "", *(table("", own) if own else [])]


def arguments(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """What the command takes, but for `--help` and other commands."""
    for action in parser._actions:
        if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction):
            yield action


def table(title: str, actions: Iterator[argparse.Action] | list[argparse.Action]) -> list[str]:
    rows = [f"| {cell(usage(action))} | {text(action)} |" for action in actions]
    head = [f"## {title}", ""] if title else []
    return [*head, "| argument | what it does |", "|---|---|", *rows, ""]


def usage(action: argparse.Action) -> str:
    """`--port PORT`, as it is typed."""
    if not action.option_strings:
        return "|".join(map(str, action.choices)) if action.choices else action.dest.upper()
    name = ", ".join(action.option_strings)
    if action.nargs == 0:
        return name
    value = "|".join(map(str, action.choices)) if action.choices else action.metavar or action.dest.upper()
    return f"{name} {value}"


def text(action: argparse.Action) -> str:
    words = (action.help or "") % vars(action)
    if not words:
        words = f"default: {action.default}"
    return words.replace("|", "\\|")


def cell(code: str) -> str:
    return f"`{code}`".replace("|", "\\|")


def main() -> None:
    TARGET.write_text(render(), "utf-8")


if __name__ == "__main__":
    main()
