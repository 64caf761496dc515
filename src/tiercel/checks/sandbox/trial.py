"""A program that tries to get out of its box, run once before any other is.

What it may not do it says itself, which is well as long as it is ours: a sandbox that lets any of it pass is not used.
"""

from pathlib import Path

from tiercel.checks.sandbox.outcome import Job, Outcome

PROGRAM = f"""
import os, socket

def refused(attempt):
    try:
        attempt()
    except OSError:
        return True
    return False

def counts(): return sum(range(10))
def reads(): return refused(lambda: open({str(Path(__file__))!r}).read())
def writes(): return refused(lambda: open("/trial", "w"))
def connects(): return refused(lambda: socket.create_connection(("127.0.0.1", 9), 0.1))
def forks(): return refused(lambda: os.fork() or os._exit(0))
def runs(): return refused(lambda: os.execv("/bin/true", ["true"]))
def signals(): return refused(lambda: os.kill(os.getppid(), 0))
"""

ESCAPES = {
    "reads": "can read files of this machine",
    "writes": "can write files",
    "connects": "can open connections",
    "forks": "can start processes",
    "runs": "can run other programs",
    "signals": "can send signals",
}

TRIAL = Job(
    blocks=(PROGRAM,),
    tests="assert counts() == 45\n" + "".join(f"assert {name}() is True\n" for name in ESCAPES),
)


def escaped(outcome: Outcome) -> str | None:
    """What a program in this sandbox could do and must not; `None` if all was refused and the program ran well."""
    if outcome.ended != "whole" or outcome.gone or outcome.unusable or outcome.total != 1 + len(ESCAPES):
        return f"does not run a program to its end ({outcome.gone or outcome.unusable or outcome.ended})"
    failed = [failure.line for failure in outcome.failures]
    if 1 in failed:
        return "does not let a program count"
    return ", ".join(text for line, text in enumerate(ESCAPES.values(), start=2) if line in failed) or None
