"""Programs that try to get out, to do harm, or to outlive their run. Each is contained."""

import asyncio
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.checks.sandbox.build import marked, none_left, run
from tiercel.checks.sandbox.boxes import Boxes
from tiercel.checks.sandbox.confinement import Confinement
from tiercel.checks.sandbox.outcome import Job, Outcome

SECRET = "the operator's own"
IMPORTS = "import ctypes, fcntl, os, resource, signal, socket, subprocess, sys, tempfile, threading\n"
IMPORTS += "libc = ctypes.CDLL(None, use_errno=True)\n"
IMPORTS += "def called(result):\n    if result < 0: raise OSError(ctypes.get_errno(), 'refused')\n    return result\n"

# name: an expression that must raise; FOLDER, FILE, PORT, PID and the like are those of the host
REFUSED = {
    "fork": "os.fork()",
    "fork bomb": "[os.fork() for _ in range(10_000)]",
    "fork by vfork": "called(libc.vfork())",
    "clone by number": "called(libc.syscall(56 if os.uname().machine == 'x86_64' else 220, 17, 0, 0, 0, 0))",
    "thread": "threading.Thread(target=print).start()",
    "exec": "os.execv(sys.executable, ['python'])",
    "subprocess": "subprocess.run(['true'])",
    "shell": "called(-os.system('true'))",  # the C library says 127 where it cannot start a shell
    "memory": "[bytearray(50 << 20) for _ in range(1_000)]",
    "file in /tmp": "open('/tmp/filled', 'w')",
    "file in the root": "open('/filled', 'w')",
    "file here": "open('filled', 'w')",
    "file beside the host's": "open(FOLDER + '/filled', 'w')",
    "temporary file": "tempfile.TemporaryFile()",
    "shared memory": "open('/dev/shm/filled', 'w')",
    "memory file": "os.memfd_create('filled')",
    "folder": "os.mkdir(FOLDER + '/filled')",
    "append": "open(FILE, 'a')",
    "cut by opening": "os.open(FILE, os.O_RDONLY | os.O_TRUNC)",
    "truncate": "os.truncate(FILE, 0)",
    "rename": "os.rename(FILE, FILE + '.gone')",
    "unlink": "os.unlink(FILE)",
    "mode": "os.chmod(FILE, 0o777)",
    "owner": "os.chown(FILE, 1234, 1234)",
    "times": "os.utime(FILE)",
    "attribute": "os.setxattr(FILE, 'user.x', b'1')",
    "symbolic link": "os.symlink(FILE, FOLDER + '/link')",
    "hard link": "os.link(FILE, FOLDER + '/link')",
    "pipe file": "os.mkfifo(FOLDER + '/pipe')",
    "the host's file": "open(FILE).read()",
    "through a symbolic link": "open(LINK).read()",
    "through dots": "open('/usr/lib/../..' + FILE).read()",
    "through /proc/self/root": "open('/proc/self/root' + FILE).read()",
    "the host's folder": "os.listdir(FOLDER)",
    "/etc/passwd": "open('/etc/passwd').read()",
    "/etc/shadow": "open('/etc/shadow').read()",
    "Tiercel itself": "open(SOURCE).read()",
    "installed packages": "open(PACKAGE).read()",
    "own environment": "open('/proc/self/environ').read()",
    "environment of the parent": "open(f'/proc/{os.getppid()}/environ').read()",
    "environment of the gateway": "open(f'/proc/{PID}/environ').read()",
    "memory of the gateway": "open(f'/proc/{PID}/mem', 'rb').read(1)",
    "own memory": "open('/proc/self/mem', 'rb+')",
    "TCP": "socket.create_connection(('127.0.0.1', PORT), 1)",
    "TCP to elsewhere": "socket.create_connection(('192.0.2.1', 80), 1)",
    "UDP": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "IPv6": "socket.socket(socket.AF_INET6)",
    "raw packets": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "Unix socket": "socket.socket(socket.AF_UNIX).connect(chr(0) + ABSTRACT)",
    "Unix datagram from a pair": "socket.socketpair(type=socket.SOCK_DGRAM)[0].sendto(b'x', chr(0) + ABSTRACT)",
    "Unix message from a pair": "socket.socketpair()[0].sendmsg([b'x'])",
    "listening": "socket.socket().listen()",
    "names": "socket.gethostbyname('example.com')",
    "signal to the parent": "os.kill(os.getppid(), signal.SIGKILL)",
    "signal to the gateway": "os.kill(PID, 0)",
    "signal to all": "os.kill(-1, signal.SIGKILL)",
    "signal to the group": "os.killpg(0, signal.SIGKILL)",
    "signal by number": "called(libc.tgkill(PID, PID, 0))",
    "signal by descriptor": "signal.pidfd_send_signal(os.pidfd_open(PID), 0)",
    "signal by owner": "fcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, PID)",
    "ptrace the parent": "called(libc.ptrace(16, os.getppid(), 0, 0))",
    "ptrace itself": "called(libc.ptrace(0, 0, 0, 0))",
    "another's memory": "called(libc.process_vm_readv(os.getppid(), None, 0, None, 0, 0))",
    "another's limits": "resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1))",
    "own limits": "called(libc.prlimit(0, resource.RLIMIT_AS, (ctypes.c_ulong * 2)(1 << 40, 1 << 40), None))",
    "another's priority": "os.setpriority(os.PRIO_PROCESS, PID, 19)",
    "session of its own": "os.setsid()",
    "another user": "os.setuid(0)",
    "root": "os.chroot('/')",
    "mount": "called(libc.mount(b'none', b'/tmp', b'tmpfs', 0, None))",
    "namespace": "called(libc.unshare(0x10000000))",
    "survive the parent": "called(libc.prctl(1, 0, 0, 0, 0))",
    "kernel's key ring": "called(libc.syscall(250, 0, -3, 0) if os.uname().machine == 'x86_64' else -1)",
    "io_uring": "called(libc.syscall(425, 1, 0))",
    "BPF": "called(libc.syscall(321 if os.uname().machine == 'x86_64' else 280, 0, 0, 0))",
    "reboot": "called(libc.reboot(0))",
    "clock": "import_time().clock_settime(0, 0)",
}


class Host(NamedTuple):
    """What there is to be stolen or broken."""

    folder: Path
    file: Path
    tcp: socket.socket
    unix: socket.socket

    def names(self) -> str:
        """The program's knowledge of it: more than it could ever have."""
        link = self.folder / "away"
        known = {
            "FOLDER": str(self.folder),
            "FILE": str(self.file),
            "LINK": str(link),
            "SOURCE": str(Path(run.__code__.co_filename)),
            "PACKAGE": pytest.__file__,
            "PID": os.getpid(),
            "PORT": self.tcp.getsockname()[1],
            "ABSTRACT": self.unix.getsockname()[1:].decode("ascii"),
        }
        return "".join(f"{name} = {value!r}\n" for name, value in known.items())


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("host")
    file = folder / "tiercel.db"
    file.write_text(SECRET, "utf-8")
    file.chmod(0o644)
    (folder / "away").symlink_to(file)
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unix,
    ):
        unix.bind(f"\0tiercel-test-{os.getpid()}")
        tcp.setblocking(False)
        unix.setblocking(False)
        yield Host(folder, file, tcp, unix)


@pytest.fixture(scope="module")
def attacked(confinement: Confinement, host: Host) -> Outcome:
    """All of them in one box, each a test of its own: the test passes where the attempt was refused."""
    program = IMPORTS + host.names() + "def import_time():\n    import time\n    return time\n"
    tests = ""
    for number, attempt in enumerate(REFUSED.values()):
        program += f"def attempt_{number}():\n    {attempt}\n"
        tests += f"def test_{number}():\n    try:\n        attempt_{number}()\n"
        tests += "    except (OSError, MemoryError, RuntimeError):\n        return\n    assert False\n"
    return asyncio.run(run(confinement, program, tests))


@pytest.mark.parametrize("number", range(len(REFUSED)), ids=list(REFUSED))
def test_it_is_refused(attacked: Outcome, number: int) -> None:
    failed = {failure.name: failure.error for failure in attacked.failures}
    assert (attacked.gone, attacked.unusable, attacked.ended) == (None, None, "whole")
    assert failed.get(f"test_{number}") is None


def test_the_host_is_as_it_was(attacked: Outcome, host: Host) -> None:
    """Nothing was written beside its file, nobody called, and its file is unread and unchanged."""
    assert (attacked.total, attacked.passed) == (len(REFUSED), len(REFUSED))
    assert sorted(path.name for path in host.folder.iterdir()) == ["away", host.file.name]
    assert (host.file.read_text("utf-8"), stat.S_IMODE(host.file.stat().st_mode)) == (SECRET, 0o644)
    with pytest.raises(BlockingIOError):
        host.tcp.accept()
    with pytest.raises(BlockingIOError):
        host.unix.recv(1)


OUTLIVING = {
    "endless loop": "def attack():\n    while True: pass",
    "endless sleep": "import time\ndef attack():\n    while True: time.sleep(100)",
    "endless output": "import os\ndef attack():\n    while True: os.write(1, b'x' * 65536); os.write(2, b'y' * 65536)",
    "ignoring every signal": "import signal\n"
    "for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}: signal.signal(number, signal.SIG_IGN)\n"
    "def attack():\n    while True: pass",
    "ignoring exceptions": "def attack():\n    while True:\n        try:\n            while True: pass\n"
    "        except BaseException: pass",
    "closing its pipes": "import os, time\ndef attack():\n    os.closerange(0, 64)\n    while True: time.sleep(100)",
    "grandchildren": "import os, time\ndef attack():\n    try:\n        if os.fork() == 0 and os.fork() == 0:\n"
    "            os.setsid()\n    except OSError: pass\n    while True: time.sleep(100)",
    "endless at import": "while True: pass",
    "endless to compile": "x = " + "-" * 20_000 + "1",
}


@pytest.mark.parametrize("program", OUTLIVING.values(), ids=list(OUTLIVING))
async def test_nothing_outlives_its_time(confinement: Confinement, program: str) -> None:
    """However it clings to life: it passes no test, and not one of its processes is left."""
    confinement, mark = marked(confinement)
    outcome = await run(confinement, program, "assert attack() == 1", seconds=0.5)
    assert (outcome.passed, outcome.ready) == (0, True)
    assert await none_left(mark)


async def test_a_run_that_is_cancelled_leaves_nothing(confinement: Confinement) -> None:
    confinement, mark = marked(confinement)
    task = asyncio.create_task(run(confinement, "while True: pass", "assert f() == 1"))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await none_left(mark)


async def test_what_is_printed_goes_nowhere(confinement: Confinement) -> None:
    """Far more than any pipe holds: it neither blocks the program nor reaches the gateway."""
    program = (
        "import sys\ndef f():\n    for _ in range(200):\n        print('x' * 50_000)\n"
        "        sys.stderr.write('y' * 50_000)\n    return 1"
    )
    outcome = await run(confinement, program, "assert f() == 1")
    assert (outcome.passed, outcome.total) == (1, 1)


async def test_standard_input_is_empty(confinement: Confinement) -> None:
    program = (
        "import os, sys\n"
        "def read(): return sys.stdin.read() + os.read(0, 10).decode()\n"
        "def ask(): return input()\n"
    )
    tests = "assert read() == ''\ntry:\n    ask()\nexcept EOFError:\n    pass\nelse:\n    assert False\n"
    outcome = await run(confinement, program, tests)
    assert (outcome.passed, outcome.total) == (2, 2)


async def test_the_environment_is_empty(confinement: Confinement) -> None:
    outcome = await run(
        confinement, "import os\ndef names(): return list(os.environ)", "assert names() == []"
    )
    assert (outcome.passed, outcome.failures) == (1, ())


async def test_of_the_home_there_is_no_more_than_the_way_to_python(confinement: Confinement) -> None:
    """Python may be installed there; then its folder has to be."""
    program = (
        f"import os\nHOME = {str(Path.home())!r}\n"
        "def names():\n    try: return sorted(os.listdir(HOME))\n    except OSError: return []\n"
    )
    prefix = Path(confinement.prefix)
    way = prefix.relative_to(Path.home()).parts[0] if prefix.is_relative_to(Path.home()) else ""
    outcome = await run(confinement, program, f"assert names() in ([], [{way!r}])")
    assert (outcome.passed, outcome.failures) == (1, ())


async def test_its_descriptors_are_those_that_lead_to_the_tests(confinement: Confinement) -> None:
    """Nothing, three times, and the two ends of its pipes."""
    program = (
        "import os\ndef opened(number):\n    try: os.fstat(number)\n    except OSError: return False\n    return True\n"
        "def descriptors(): return [number for number in range(200) if opened(number)]\n"
    )
    outcome = await run(confinement, program, "assert descriptors() == [0, 1, 2, 3, 4]")
    assert (outcome.passed, outcome.failures) == (1, ())


async def test_boxes_wait_for_a_place(confinement: Confinement) -> None:
    """Five at once, through two places; and one that is cancelled while it waits takes no place with it."""
    boxes = Boxes(seconds=20.0, confinement=confinement)
    job = Job(blocks=("import time\ndef f():\n    time.sleep(0.1)\n    return 1",), tests="assert f() == 1")
    tasks = [asyncio.create_task(boxes.run(job, at_once=2)) for _ in range(6)]
    await asyncio.sleep(0.05)
    tasks[3].cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    passed = [outcome.passed if isinstance(outcome, Outcome) else type(outcome) for outcome in outcomes]
    assert passed == [1, 1, 1, asyncio.CancelledError, 1, 1]
