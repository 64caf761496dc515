"""Run as a program: `tiercel` under a wall clock that somebody else sets.

`time.time` is exchanged before anything of Tiercel is loaded, by one that adds the seconds in the file `clock` of the
current folder. Monotonic clocks, which no system lets anybody set, stay what they are.
"""

import sys
import time
from pathlib import Path

OFFSET = Path("clock")
system_time = time.time


def jumping_time() -> float:
    return system_time() + float(OFFSET.read_text())


if __name__ == "__main__":
    time.time = jumping_time
    from tiercel.cli.main import main

    sys.exit(main(sys.argv[1:]))
