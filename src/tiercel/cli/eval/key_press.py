"""One key, as soon as it is pressed; without a terminal, the first letter of the next line."""

import sys
from collections.abc import Callable

ReadKey = Callable[[], str]
"""The key in lower case; empty where nothing more will come."""
END_OF_INPUT = "\x04"
"""Ctrl-D, as a terminal hands it on that is read key by key."""


def key_reader() -> ReadKey:
    """How keys are read here."""
    try:
        import termios  # not on every system
        import tty
    except ModuleNotFoundError:
        return _from_line
    if not sys.stdin.isatty():
        return _from_line

    def read() -> str:
        fd = sys.stdin.fileno()
        before = termios.tcgetattr(fd)
        try:
            tty.setcbreak(fd, termios.TCSANOW)  # what was typed ahead still counts
            return sys.stdin.read(1).lower().replace(END_OF_INPUT, "")
        finally:
            termios.tcsetattr(fd, termios.TCSADRAIN, before)

    return read


def _from_line() -> str:
    while line := sys.stdin.readline():
        if line.strip():
            return line.strip()[0].lower()
    return ""
