"""How the box starts: bound, forked in two, each half confined, and only then is anything from outside read.

The program's half is forked before the tests are read, so that no copy of them is in its memory.
"""

import json
import os
import sys

from .channel import ChannelError
from .confine import OPEN_FILES, end_with_parent, limit, restrict_calls, restrict_files
from .program import Program
from .tester import Tester

FIRST_FREE = 3


def main() -> None:
    """The job comes in on descriptor 0, the report goes out on 1; 2 leads nowhere. Raises `OSError` unconfined."""
    plan = json.loads(sys.argv[1])
    del sys.path[0]  # where these files are; nothing more is imported from there
    end_with_parent()
    limit()
    if plan["landlock"]:
        restrict_files(plan["trees"], plan["files"])
    os.environ.clear()
    from_program, to_tests = os.pipe()
    from_tests, to_program = os.pipe()
    program = os.fork()
    if program == 0:
        end_with_parent()
        _serve_program(from_tests, to_tests)
    os.close(from_tests)
    os.close(to_tests)
    restrict_calls()
    job = json.loads(sys.stdin.buffer.read())
    Tester(from_program, to_program, 1, program).run(job)
    os._exit(0)


def _serve_program(source: int, sink: int) -> None:
    """Never returns. Of the descriptors it keeps the two that lead to the tests."""
    for standard in (0, 1):
        os.dup2(2, standard)
    source, sink = _moved(source, sink)
    restrict_calls()
    sys.argv[:] = [""]
    try:
        Program(source, sink).serve()
    except ChannelError:
        os._exit(0)


def _moved(*descriptors: int) -> tuple[int, ...]:
    """The same descriptors as the first free ones, all others closed."""
    high = [os.dup2(descriptor, OPEN_FILES - 1 - place) for place, descriptor in enumerate(descriptors)]
    for place, descriptor in enumerate(high):
        os.dup2(descriptor, FIRST_FREE + place)
    os.closerange(FIRST_FREE + len(high), OPEN_FILES)
    return tuple(range(FIRST_FREE, FIRST_FREE + len(high)))
