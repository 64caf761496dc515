"""Run as a program: `tiercel` while the interpreter itself reports, line by line in the file `opened` of the current
folder, every lock that was tried and every database that was opened, and by which process."""

import os
import sys

OPENED = os.open("opened", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def note(event: str, arguments: tuple[object, ...]) -> None:
    if event == "fcntl.flock":
        os.write(OPENED, f"{os.getpid()} lock\n".encode())
    elif event == "sqlite3.connect":
        os.write(OPENED, f"{os.getpid()} database {arguments[0]}\n".encode())


if __name__ == "__main__":
    sys.addaudithook(note)
    from tiercel.cli.main import main

    sys.exit(main(sys.argv[1:]))
