"""Which system calls a program in the box may make, as a filter for the kernel (seccomp, in classic BPF).

What is not listed is refused: processes and threads, signals, sockets, other processes' memory, mounts, keys, modules,
and whatever later kernels add. A file can be opened for reading only, so nothing can be written anywhere.
"""

import struct
from collections.abc import Sequence

ALLOWED = """
    read:0:63 write:1:64 readv:19:65 writev:20:66 pread64:17:67 lseek:8:62 close:3:57 close_range:436:436
    dup:32:23 dup2:33:- dup3:292:24 pipe:22:- pipe2:293:59 fstat:5:80 stat:4:- lstat:6:- newfstatat:262:79
    statx:332:291 access:21:- faccessat:269:48 faccessat2:439:439 readlink:89:- readlinkat:267:78
    getdents64:217:61 getcwd:79:17 umask:95:166 statfs:137:43 fstatfs:138:44 mmap:9:222 mprotect:10:226
    munmap:11:215 mremap:25:216 madvise:28:233 brk:12:214 rt_sigaction:13:134 rt_sigprocmask:14:135
    rt_sigreturn:15:139 rt_sigpending:127:136 rt_sigtimedwait:128:137 rt_sigsuspend:130:133
    sigaltstack:131:132 pause:34:- alarm:37:- setitimer:38:103 getitimer:36:102 poll:7:- ppoll:271:73
    select:23:- pselect6:270:72 epoll_create:213:- epoll_create1:291:20 epoll_ctl:233:21 epoll_wait:232:-
    epoll_pwait:281:22 eventfd2:290:19 recvfrom:45:207 shutdown:48:210 getsockname:51:204 getpeername:52:205
    getsockopt:55:209 nanosleep:35:101 clock_nanosleep:230:115 clock_gettime:228:113 clock_getres:229:114
    gettimeofday:96:169 time:201:- times:100:153 getpid:39:172 getppid:110:173 gettid:186:178 getuid:102:174
    geteuid:107:175 getgid:104:176 getegid:108:177 getgroups:115:158 getpgrp:111:- getpgid:121:155
    getsid:124:156 uname:63:160 sysinfo:99:179 getrusage:98:165 getcpu:309:168 getrandom:318:278
    futex:202:98 set_robust_list:273:99 rseq:334:293 sched_yield:24:124 sched_getaffinity:204:123
    getrlimit:97:163 wait4:61:260 waitid:247:95 restart_syscall:219:128 exit:60:93 exit_group:231:94
"""
"""`name:x86_64:aarch64`, as in the kernel's `unistd` headers; `-` where that machine has no such call."""

GUARDED = """
    open:2:- openat:257:56 socketpair:53:199 ioctl:16:29 fcntl:72:25 prlimit64:302:261 sendto:44:206
"""
"""Allowed for some arguments only, see `_guards`."""

MACHINES = {"x86_64": (0xC000003E, 1), "aarch64": (0xC00000B7, 2)}
"""What the kernel calls each machine (`AUDIT_ARCH_*`), and the column of its numbers."""

ALLOW = 0x7FFF0000
KILL = 0x80000000
REFUSE = 0x00050000
EPERM, EROFS = 1, 30

WRITING = 0o1 | 0o2 | 0o100 | 0o1000 | 0o20000000  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_TMPFILE
AF_UNIX = 1
IOCTLS = (
    0x5401,
    0x5413,
    0x541B,
    0x5421,
    0x5450,
    0x5451,
)  # TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
FCNTLS = (
    0,
    1,
    2,
    3,
    4,
    1030,
    1032,
)  # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC, F_GETPIPE_SZ

LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_BITS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, MACHINE, ARGUMENTS = 0, 4, 16
X32 = 0x40000000

Instruction = tuple[int, int, int, int]
"""Code, how far to jump where the test holds, how far where not, operand."""


def call_filter(machine: str) -> bytes:
    """The filter for this machine, as an array of `struct sock_filter`. Raises `OSError` for one that is not known."""
    if machine not in MACHINES:
        raise OSError(f"no list of system calls for {machine}")
    architecture, column = MACHINES[machine]
    code: list[Instruction] = [
        (LOAD, 0, 0, MACHINE),
        (JUMP_EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
        (JUMP_AT_LEAST, 0, 1, X32),
        (RETURN, 0, 0, REFUSE | EPERM),
    ]
    for number in _numbers(ALLOWED, column).values():
        code += [(JUMP_EQUAL, 0, 1, number), (RETURN, 0, 0, ALLOW)]
    for name, number in _numbers(GUARDED, column).items():
        guard = _guards(name)
        code += [(JUMP_EQUAL, 0, len(guard), number), *guard]
    code.append((RETURN, 0, 0, REFUSE | EPERM))
    return b"".join(struct.pack("HBBI", *instruction) for instruction in code)


def _numbers(table: str, column: int) -> dict[str, int]:
    rows = [entry.split(":") for entry in table.split()]
    return {row[0]: int(row[column]) for row in rows if row[column] != "-"}


def _guards(name: str) -> Sequence[Instruction]:
    """What decides on a call by its arguments; each ends in a verdict."""
    if name in ("open", "openat"):
        flags = 1 if name == "open" else 2
        return _argument(flags, [(JUMP_BITS, 0, 1, WRITING), (RETURN, 0, 0, REFUSE | EROFS)], otherwise=ALLOW)
    if name == "socketpair":
        return _one_of(0, (AF_UNIX,))
    if name == "ioctl":
        return _one_of(1, IOCTLS)
    if name == "fcntl":
        return _one_of(1, FCNTLS)  # not F_SETOWN, which would send signals to others
    if name == "prlimit64":
        return _all_null(0, 2)  # one's own limits, and only to be read
    assert name == "sendto"
    return _all_null(4)  # to the other end only: an address could be a socket of the host's


def _argument(place: int, tests: Sequence[Instruction], *, otherwise: int) -> list[Instruction]:
    """Tests on the lower half of an argument: these calls take an `int` there."""
    return [(LOAD, 0, 0, ARGUMENTS + 8 * place), *tests, (RETURN, 0, 0, otherwise)]


def _one_of(place: int, values: Sequence[int]) -> list[Instruction]:
    tests = [step for value in values for step in ((JUMP_EQUAL, 0, 1, value), (RETURN, 0, 0, ALLOW))]
    return _argument(place, tests, otherwise=REFUSE | EPERM)


def _all_null(*places: int) -> list[Instruction]:
    """Both halves of each of these arguments are zero."""
    tests: list[Instruction] = []
    for place in places:
        for half in (0, 4):
            tests += [
                (LOAD, 0, 0, ARGUMENTS + 8 * place + half),
                (JUMP_EQUAL, 1, 0, 0),
                (RETURN, 0, 0, REFUSE | EPERM),
            ]
    return [*tests, (RETURN, 0, 0, ALLOW)]
