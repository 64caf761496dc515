"""A person at a terminal, labelling: shows one sheet after the other, and keeps each answer at once."""

import argparse
import getpass
import time
from collections.abc import Callable
from typing import Literal

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from tiercel.cli.eval.finding import find_run
from tiercel.cli.eval.key_press import ReadKey
from tiercel.domain.errors import ConfigError
from tiercel.evals.judging.labels import Queue, Sheet, Word, candidates_to_label, queue_of
from tiercel.evals.labels import Label, add_label, last_words, read_labels
from tiercel.evals.run_folder import RunFolder
from tiercel.measure.amounts import count_text, printable
from tiercel.measure.message_words import messages_of

Heard = Word | Literal["undo", "skip", "quit"]
SINGLE: dict[str, Heard] = {"1": 1.0, "0": 0.0}
PAIR: dict[str, Heard] = {"a": "first", "b": "second", "t": "tie", "n": "both_bad"}
COMMANDS: dict[str, Heard] = {"s": "skip", "u": "undo", "q": "quit"}
KEYS_SINGLE = "1 right   0 wrong   s skip   u undo   q quit"
KEYS_PAIR = "a first   b second   t tie   n neither is good   s skip   u undo   q quit"
TOLD_EVERY = 10
"""After so many labels it is said what more would bring."""

Tell = Callable[[], None]


def label_run(args: argparse.Namespace, read_key: ReadKey) -> None:
    """Ask, keep, and say what the labels are worth. Raises `ConfigError`."""
    run = find_run(args.run)
    names = candidates_to_label(run.manifest, pair=args.pairs, models=args.models)
    queue = queue_of(
        run.manifest,
        run.results().values(),
        candidates=names,
        in_pairs=bool(args.pairs),
        n=args.n,
        labeller=args.labeller or who(),
    )
    console = Console(highlight=False, markup=False)
    labels = _labels(run)
    left = queue.left(labels)
    done = len(queue.sheets) - len(left)
    console.print(
        _text(
            f"{run.path}: {count_text(queue.items, 'item')} drawn at random out of {queue.out_of:,}, "
            f"labelled by {queue.labeller}: {done:,} done, {len(left):,} to go."
        )
    )

    def tell() -> None:
        _tell_worth(run, names, bool(args.pairs), console)

    if left:
        _Sitting(run, queue, console, read_key).go_through(left, tell)
    tell()


class _Sitting:
    def __init__(self, run: RunFolder, queue: Queue, console: Console, read_key: ReadKey) -> None:
        self._path = run.labels_path
        self._queue = queue
        self._console = console
        self._read_key = read_key

    def go_through(self, sheets: list[Sheet], tell: Tell) -> None:
        """Until the last sheet, or until the person quits. To undo goes back by one; what is said then takes the place
        of what was."""
        at, made = 0, 0
        while at < len(sheets):
            self._show(sheets[at], f"{at + 1} of {len(sheets)}")
            word = self._heard(sheets[at])
            if word == "quit":
                break
            if word == "undo":
                at = max(0, at - 1)
                continue
            if word != "skip":
                self._keep(sheets[at].label(word, self._queue.labeller, time.time()))
                made += 1
                if made % TOLD_EVERY == 0 and at + 1 < len(sheets):
                    tell()
            at += 1

    def _keep(self, label: Label) -> None:
        try:
            add_label(self._path, label)
        except OSError as error:
            raise ConfigError(
                f"{self._path}: the last label was not kept, those before it were: {error.strerror}"
            ) from error

    def _show(self, sheet: Sheet, place: str) -> None:
        console = self._console
        console.print()
        console.rule(_text(place, "dim"))
        for said in messages_of(sheet.item.body):
            console.print(_text(f"{said.role}: ", "bold").append(_text(said.text, "not bold")))
        if sheet.item.target:
            console.print(_text(f"Known to be right: {' | '.join(sheet.item.target)}", "dim"))
        for name, answer in zip("AB", sheet.answers, strict=False):
            title = f"Answer {name}" if len(sheet.answers) > 1 else "Answer"
            console.print(Panel(_text(answer.said or "(nothing)"), title=title, title_align="left"))
        console.print(_text(sheet.question, "bold"))
        console.print(_text(KEYS_PAIR if len(sheet.answers) > 1 else KEYS_SINGLE, "dim"))

    def _heard(self, sheet: Sheet) -> Heard:
        words: dict[str, Heard] = {**(PAIR if len(sheet.answers) > 1 else SINGLE), **COMMANDS}
        while key := self._read_key():
            if key in words:
                return words[key]
            self._console.print(_text(f"{key!r} means nothing here", "yellow"))
        return "quit"


def _labels(run: RunFolder) -> list[Label]:
    return last_words(read_labels(run.labels_path)) if run.labels_path.exists() else []


def _tell_worth(run: RunFolder, names: tuple[str, ...], in_pairs: bool, console: Console) -> None:
    """What is known by the labels so far, and what more of them would bring."""
    console.print()
    try:
        from tiercel.cli.eval.labels_worth import worth_lines
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("tiercel"):
            raise
        console.print("What the labels are worth is told with: pip install 'tiercel[evals]'")
        return
    for line in worth_lines(run, names, in_pairs=in_pairs):
        console.print(_text(line))


def who() -> str:
    """The name that this computer knows the person by. Raises `ConfigError` where it knows none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError) as error:
        raise ConfigError("nobody is known here by name: say who labels with --labeller NAME") from error


def _text(words: str, style: str = "") -> Text:
    """Of several lines; nothing in it is a command to the terminal."""
    return Text("\n".join(printable(line) for line in words.expandtabs(4).splitlines()), style)
