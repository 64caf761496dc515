"""One server per data folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tiercel.domain.errors import ConfigError
from tiercel.records.lock import FolderLock


def test_a_second_server_is_told_who_has_the_folder(tmp_path: Path) -> None:
    """The error names the process that holds the folder and what to do."""
    lock = FolderLock.acquire(tmp_path)
    with pytest.raises(ConfigError) as caught:
        FolderLock.acquire(tmp_path)
    lock.release()
    assert str(caught.value) == (
        f"{tmp_path}: another tiercel server (process {os.getpid()}) uses this data folder; "
        "stop it, or give this one its own with [storage] folder in tiercel.toml"
    )


def test_a_released_folder_is_free(tmp_path: Path) -> None:
    """After `release`, also a repeated one, the next server may have the folder."""
    lock = FolderLock.acquire(tmp_path)
    lock.release()
    lock.release()
    FolderLock.acquire(tmp_path).release()


def test_a_dead_process_holds_nothing(tmp_path: Path) -> None:
    """The lock ends with its process, however that ended."""
    script = (
        "import os, sys; from pathlib import Path; from tiercel.records.lock import FolderLock;"
        "lock = FolderLock.acquire(Path(sys.argv[1])); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], timeout=30)
    FolderLock.acquire(tmp_path).release()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """A file in the way is the operator's to fix, and the message says how."""
    (tmp_path / "data").write_text("")
    with pytest.raises(ConfigError, match=r"cannot use this data folder.*tiercel\.toml"):
        FolderLock.acquire(tmp_path / "data")
