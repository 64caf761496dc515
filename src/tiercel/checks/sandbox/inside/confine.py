"""Takes from the process that calls it what code from outside must not have. Nothing here can be undone.

Every step that fails raises `OSError`, and then nothing from outside is run.
"""

import ctypes
import os
import resource
from typing import Any

from .calls import call_filter

MEMORY_BYTES = 512 * 1024 * 1024
CPU_SECONDS = 5
OPEN_FILES = 64

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 22, 38
SECCOMP_MODE_FILTER = 2
CAPABILITY_VERSION_3 = 0x20080522
SIGKILL = 9

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
GET_VERSION = 1
BENEATH_PATH = 1
READ_FILE, READ_FOLDER = 1 << 2, 1 << 3
FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""How many rights on files each version of Landlock knows, from that version on; likewise below."""
NET_VERSION, NET_RIGHTS = 4, 2
SCOPE_VERSION, SCOPES = 6, 2
PACKAGES = ("site-packages", "dist-packages")

libc = ctypes.CDLL(None, use_errno=True)


class Filter(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


class Ruleset(ctypes.Structure):
    """`struct landlock_ruleset_attr`; older kernels take its beginning."""

    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class Beneath(ctypes.Structure):
    """`struct landlock_path_beneath_attr`."""

    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def limit() -> None:
    """Bound memory, processor time and descriptors, and let nothing be written to files."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        resource.setrlimit(what, (most, most))


def end_with_parent() -> None:
    """Be killed when the process ends that started this one."""
    _prctl(PR_SET_PDEATHSIG, SIGKILL)


def restrict_files(trees: list[str], files: list[str]) -> None:
    """Landlock: only these files and what is in these folders, but for installed packages, can be read."""
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    version = _called(CREATE_RULESET, None, 0, GET_VERSION)
    rights = max(count for since, count in FILE_RIGHTS.items() if since <= version)
    wanted = Ruleset(
        files=(1 << rights) - 1,
        net=(1 << NET_RIGHTS) - 1 if version >= NET_VERSION else 0,
        scoped=(1 << SCOPES) - 1 if version >= SCOPE_VERSION else 0,
    )
    size = 8 * (1 + (version >= NET_VERSION) + (version >= SCOPE_VERSION))
    ruleset = _called(CREATE_RULESET, ctypes.byref(wanted), size, 0)
    for path in files:
        _allow(ruleset, path, READ_FILE)
    for tree in trees:
        _allow(ruleset, tree, READ_FOLDER)
        for entry in os.scandir(tree):
            if entry.name not in PACKAGES:
                _allow(ruleset, entry.path, READ_FILE | READ_FOLDER if entry.is_dir() else READ_FILE)
    _called(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def restrict_calls() -> None:
    """Give up every capability, and all system calls but those of the list. The last step: it forbids the others."""
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    _checked(libc.capset(header, (ctypes.c_uint32 * 6)()))
    code = call_filter(os.uname().machine)
    _prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(Filter(len(code) // 8, code)))


def _allow(ruleset: int, path: str, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = Beneath(allowed=rights, parent=place)
        _called(ADD_RULE, ruleset, BENEATH_PATH, ctypes.byref(rule), 0)
    finally:
        os.close(place)


def _prctl(option: int, *arguments: Any) -> None:
    wide = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in arguments]
    wide += [ctypes.c_ulong(0)] * (4 - len(wide))
    _checked(libc.prctl(option, *wide))


def _called(number: int, *arguments: Any) -> int:
    wide = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return _checked(libc.syscall(ctypes.c_long(number), *wide))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
