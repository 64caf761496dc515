"""How far a run is, what it has cost and how long it will take: a bar on a terminal, else a line now and then."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tiercel.evals.running.run import Progress as Far
from tiercel.measure.amounts import count_text, money, wall_time

LINES = 10
LINE_SECONDS = 10.0
"""Without a terminal a line is written for every tenth, and whenever so long none was."""


class Gauge:
    """Shows each row of a run as it comes."""

    def __init__(self) -> None:
        self._began = self._told_at = time.monotonic()
        self._told = 0
        self._bar: Progress | None = None
        console = Console(stderr=False)
        if console.is_terminal:
            columns = (
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.description}"),
            )
            self._bar = Progress(*columns, console=console, transient=True)
            self._task = self._bar.add_task("", total=None)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, far: Far) -> None:
        words = money(far.spent_nano)
        total = max(far.total, far.done)
        if far.errors:
            words += f", {count_text(far.errors, 'error')}"
        if self._bar is not None:
            self._bar.update(self._task, completed=far.done, total=total, description=words)
            return
        now = time.monotonic()
        step = far.done * LINES // max(total, 1)
        if step == self._told and now - self._told_at < LINE_SECONDS:
            return
        self._told, self._told_at = step, now
        if 0 < far.done < total:
            words += f", about {wall_time((now - self._began) / far.done * (total - far.done))} left"
        print(f"{far.done} of {total}, {words}", file=sys.stdout, flush=True)
