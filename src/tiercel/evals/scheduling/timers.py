"""What makes a command run again, as text: a systemd timer with its service, or a line for cron."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

Every = Literal["hourly", "daily", "weekly"]
CRON: dict[Every, str] = {"hourly": "17 * * * *", "daily": "17 4 * * *", "weekly": "17 4 * * 1"}


def unit_name(evaluation: str) -> str:
    """What the units are called."""
    return "tiercel-eval-" + (re.sub(r"[^A-Za-z0-9]+", "-", evaluation).strip("-").lower() or "run")


def units(name: str, every: Every, folder: Path, command: Sequence[str]) -> dict[str, str]:
    """The service and the timer, by their files' names."""
    started = " ".join(_systemd_word(word) for word in command)
    service = f"""\
[Unit]
Description=Tiercel: scheduled evaluation ({name})
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
WorkingDirectory={str(folder).replace("%", "%%")}
ExecStart={started}
# The providers' keys, one NAME=value a line, readable by you alone:
# EnvironmentFile=%h/.config/tiercel.env
"""
    timer = f"""\
[Unit]
Description=Tiercel: scheduled evaluation ({name}), {every}

[Timer]
OnCalendar={every}
RandomizedDelaySec=10min
Persistent=true

[Install]
WantedBy=timers.target
"""
    return {f"{name}.service": service, f"{name}.timer": timer}


def cron_line(every: Every, folder: Path, command: Sequence[str]) -> str:
    """A line of a crontab. Cron would take a `%` for the end of the command."""
    return f"{CRON[every]} cd {shlex.quote(str(folder))} && {shlex.join(command)}".replace("%", "\\%")


def _systemd_word(word: str) -> str:
    plain = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return plain if re.fullmatch(r"[\w./:=@,+-]+", plain) else f'"{plain}"'
