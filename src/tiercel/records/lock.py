"""One server per data folder: an exclusive lock that the system releases when the process ends, however it ends."""

import os
import sys
from pathlib import Path

from tiercel.domain.errors import ConfigError

LOCK_NAME = "lock"
# on Windows a locked range cannot be read: one far behind the text is locked instead
_LOCKED_BYTE = 1_000_000

if sys.platform == "win32":
    import msvcrt

    def _try_lock(fd: int) -> None:
        os.lseek(fd, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try_lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


class FolderLock:
    """Held while this object is not released."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @classmethod
    def acquire(cls, folder: Path) -> "FolderLock":
        """Locks `folder`, which is made (mode 0700) where it is missing.

        Raises `ConfigError` when another process holds the lock, naming it, or when the folder cannot be used.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigError(
                f"{folder}: cannot use this data folder: {error.strerror}; "
                "name another one with [storage] folder in tiercel.toml"
            ) from error
        try:
            _try_lock(fd)
        except OSError as error:
            holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip() if hasattr(os, "pread") else ""
            os.close(fd)
            raise ConfigError(
                f"{folder}: another tiercel server (process {holder or 'unknown'}) uses this data folder; "
                "stop it, or give this one its own with [storage] folder in tiercel.toml"
            ) from error
        os.ftruncate(fd, 0)
        os.lseek(fd, 0, os.SEEK_SET)
        os.write(fd, f"{os.getpid()}\n".encode())
        return cls(fd)

    def release(self) -> None:
        """Lets others have the folder. May be called twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
