"""The filter of system calls does what its table says, on machines that this one is not."""

import struct
from typing import NamedTuple

import pytest

from tiercel.checks.sandbox.inside.calls import ALLOW, EPERM, EROFS, KILL, MACHINES, REFUSE, call_filter

X86, ARM = MACHINES["x86_64"][0], MACHINES["aarch64"][0]
NOT_PERMITTED, READ_ONLY = REFUSE | EPERM, REFUSE | EROFS


class Call(NamedTuple):
    """A system call as the kernel shows it to a filter."""

    machine: int
    number: int
    arguments: tuple[int, ...] = ()


def decided(program: bytes, call: Call) -> int:
    """What the filter says of a call: classic BPF, as far as it is used."""
    arguments = (*call.arguments, *[0] * (6 - len(call.arguments)))
    data = struct.pack("=iIQ6Q", call.number, call.machine, 0, *arguments)
    code = list(struct.iter_unpack("HBBI", program))
    place = value = 0
    while True:
        operation, holds, fails, operand = code[place]
        place += 1
        if operation == 0x20:
            (value,) = struct.unpack_from("=I", data, operand)
        elif operation == 0x06:
            return int(operand)
        else:
            met = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[operation]
            place += holds if met else fails


@pytest.mark.parametrize(
    ("machine", "call", "verdict"),
    [
        ("x86_64", Call(X86, 0), ALLOW),  # read
        ("x86_64", Call(X86, 231), ALLOW),  # exit_group
        ("x86_64", Call(X86, 56), NOT_PERMITTED),  # clone
        ("x86_64", Call(X86, 435), NOT_PERMITTED),  # clone3
        ("x86_64", Call(X86, 59), NOT_PERMITTED),  # execve
        ("x86_64", Call(X86, 62), NOT_PERMITTED),  # kill
        ("x86_64", Call(X86, 41, (1,)), NOT_PERMITTED),  # socket
        ("x86_64", Call(X86, 53, (1,)), ALLOW),  # socketpair of Unix
        ("x86_64", Call(X86, 53, (2,)), NOT_PERMITTED),  # of the network
        ("x86_64", Call(X86, 2, (0, 0)), ALLOW),  # open to read
        ("x86_64", Call(X86, 2, (0, 1)), READ_ONLY),  # to write
        ("x86_64", Call(X86, 257, (0, 0, 0o2000000)), ALLOW),  # openat, O_CLOEXEC
        ("x86_64", Call(X86, 257, (0, 0, 0o1000)), READ_ONLY),  # O_TRUNC
        ("x86_64", Call(X86, 257, (0, 0, 0o20200000)), READ_ONLY),  # O_TMPFILE
        ("x86_64", Call(X86, 437), NOT_PERMITTED),  # openat2
        ("x86_64", Call(X86, 44, (3, 0, 5, 0, 0)), ALLOW),  # sendto nobody in particular
        ("x86_64", Call(X86, 44, (3, 0, 5, 0, 1)), NOT_PERMITTED),  # an address
        ("x86_64", Call(X86, 44, (3, 0, 5, 0, 1 << 32)), NOT_PERMITTED),  # high up in memory
        ("x86_64", Call(X86, 302, (0, 9, 0)), ALLOW),  # prlimit64: read one's own
        ("x86_64", Call(X86, 302, (7, 9, 0)), NOT_PERMITTED),  # another's
        ("x86_64", Call(X86, 302, (0, 9, 1 << 40)), NOT_PERMITTED),  # set
        ("x86_64", Call(X86, 72, (3, 3)), ALLOW),  # fcntl F_GETFL
        ("x86_64", Call(X86, 72, (3, 8)), NOT_PERMITTED),  # F_SETOWN
        ("x86_64", Call(X86, 16, (0, 0x5401)), ALLOW),  # ioctl TCGETS
        ("x86_64", Call(X86, 16, (0, 0x5412)), NOT_PERMITTED),  # TIOCSTI
        ("x86_64", Call(X86, 0x40000000), NOT_PERMITTED),  # read of x32
        ("x86_64", Call(X86, 9_999), NOT_PERMITTED),  # a later kernel's
        ("x86_64", Call(0x40000003, 11), KILL),  # execve of i386
        ("aarch64", Call(ARM, 63), ALLOW),  # read
        ("aarch64", Call(ARM, 220), NOT_PERMITTED),  # clone
        ("aarch64", Call(ARM, 221), NOT_PERMITTED),  # execve
        ("aarch64", Call(ARM, 129), NOT_PERMITTED),  # kill
        ("aarch64", Call(ARM, 198), NOT_PERMITTED),  # socket
        ("aarch64", Call(ARM, 199, (1,)), ALLOW),  # socketpair
        ("aarch64", Call(ARM, 56, (0, 0, 0)), ALLOW),  # openat
        ("aarch64", Call(ARM, 56, (0, 0, 0o101)), READ_ONLY),
        ("aarch64", Call(ARM, 2, (0, 0)), NOT_PERMITTED),  # x86's open is another's number here
        ("aarch64", Call(X86, 0), KILL),
    ],
)
def test_a_call_is_allowed_or_refused(machine: str, call: Call, verdict: int) -> None:
    assert decided(call_filter(machine), call) == verdict


def test_a_machine_without_a_list_gets_no_box() -> None:
    with pytest.raises(OSError, match="no list of system calls for sparc64"):
        call_filter("sparc64")
