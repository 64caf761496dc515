"""Which server this is, among several that write into one database: a name kept in the data folder.

The folder's lock makes sure that one process at a time goes by it.
"""

import os
import secrets
import threading
from pathlib import Path

_one_at_a_time = threading.Lock()
NAME = "instance"


def instance_of(folder: Path) -> str:
    """The name of the server of this data folder, made up where there is none yet. Raises `OSError`."""
    path = folder / NAME
    with _one_at_a_time:
        return _known(path) or _made(path)


def _known(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        return ""


def _made(path: Path) -> str:
    name = secrets.token_hex(8)
    beside = path.with_suffix(".new")  # a name half written would make two servers of one
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(f"{name}\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    return name
