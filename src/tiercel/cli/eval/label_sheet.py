"""`tiercel eval label --json`: takes a word on one blind sheet and gives the next, for a program that shows it.

With `--follow` it stays, and answers each line that it reads with one: the run is then read once.
"""

import argparse
import hashlib
import sys
import time
from typing import Literal, get_args

import msgspec

from tiercel.cli.eval.finding import find_run
from tiercel.cli.eval.labelling import who
from tiercel.domain.errors import ConfigError
from tiercel.domain.json import JsonObject
from tiercel.evals.judging.labels import Queue, Sheet, Word, candidates_to_label, queue_of
from tiercel.evals.labels import Label, Preference, add_label, last_words, read_labels
from tiercel.evals.run_folder import RunFolder
from tiercel.measure.message_words import messages_of

RIGHT, WRONG = 1.0, 0.0
WORDS: dict[str, Word] = {
    "first": "first",
    "second": "second",
    "tie": "tie",
    "both_bad": "both_bad",
    "right": RIGHT,
    "wrong": WRONG,
}


class Wish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line that is answered: the sheet that is meant, the next one where none is, and what is said of it."""

    sheet: str | None = None
    say: Literal["first", "second", "tie", "both_bad", "right", "wrong"] | None = None


_wish = msgspec.json.Decoder(Wish).decode


def print_sheets(args: argparse.Namespace) -> None:
    """The sheet that the arguments mean, or with `--follow` one for each line. Raises `ConfigError`."""
    sheets = _Sheets(args)
    if not args.follow:
        print(msgspec.json.encode(sheets.after(Wish(sheet=args.sheet, say=args.say))).decode())
        return
    for line in sys.stdin:
        try:
            told = sheets.after(_wish(line))
        except (ConfigError, msgspec.DecodeError) as error:
            told = {"problem": str(error)}
        print(msgspec.json.encode(told).decode(), flush=True)


class _Sheets:
    """A labeller's queue, drawn anew only where the run has other answers by now."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._run = find_run(args.run)
        self._bytes = -1
        self._queue: Queue | None = None

    def after(self, wish: Wish) -> JsonObject:
        """Keeps what is said, if anything is, and tells the sheet that comes then. Raises `ConfigError`."""
        desk = _Desk(self._run, self._drawn())
        at = desk.place(wish.sheet) if wish.sheet else None
        if wish.say is not None:
            if at is None:
                raise ConfigError("--say: give the --sheet that it is said of")
            desk.keep(at, WORDS[wish.say])
            at = desk.next_after(at)
        elif at is None:
            at = desk.next_after(-1)
        return desk.told(at)

    def _drawn(self) -> Queue:
        args, run = self._args, self._run
        size = run.results_path.stat().st_size if run.results_path.exists() else 0
        if self._queue is None or size != self._bytes:
            self._queue = queue_of(
                run.manifest,
                run.results().values(),
                candidates=candidates_to_label(run.manifest, pair=args.pairs, models=args.models),
                in_pairs=bool(args.pairs),
                n=args.n,
                labeller=args.labeller or who(),
            )
            self._bytes = size
        return self._queue


class _Desk:
    """A labeller's queue, with what they have said so far."""

    def __init__(self, run: RunFolder, queue: Queue) -> None:
        self._run = run
        self._queue = queue
        self._ids = [_id(run.manifest.id, queue.labeller, sheet) for sheet in queue.sheets]
        path = run.labels_path
        labels = last_words(read_labels(path)) if path.exists() else []
        self._said = {label.about: label for label in labels if label.labeller == queue.labeller}

    def place(self, name: str) -> int:
        if name not in self._ids:
            raise ConfigError(f"--sheet {name}: there is no such sheet for {self._queue.labeller}")
        return self._ids.index(name)

    def keep(self, at: int, word: Word) -> None:
        sheet = self._queue.sheets[at]
        try:
            label = sheet.label(word, self._queue.labeller, time.time())
            add_label(self._run.labels_path, label)
        except ValueError as error:
            raise ConfigError(f"--say: {error}") from error
        except OSError as error:
            raise ConfigError(f"{self._run.labels_path}: not kept: {error.strerror}") from error
        self._said[label.about] = label

    def next_after(self, at: int) -> int | None:
        """The next sheet that nothing was said of, behind the last from the beginning again; `None` if all is done."""
        count = len(self._ids)
        order = ((at + step) % count for step in range(1, count + 1))
        return next((place for place in order if self._queue.sheets[place].about not in self._said), None)

    def told(self, at: int | None) -> JsonObject:
        queue = self._queue
        return {
            "run": self._run.manifest.id,
            "labeller": queue.labeller,
            "items": queue.items,
            "out_of": queue.out_of,
            "sheets": len(queue.sheets),
            "done": len(queue.sheets) - len(queue.left(self._said.values())),
            "sheet": None if at is None else self._shown(at),
            "last": self._ids[-1],
        }

    def _shown(self, at: int) -> JsonObject:
        sheet = self._queue.sheets[at]
        skipped = self.next_after(at)
        return {
            "id": self._ids[at],
            "question": sheet.question,
            "asked": [msgspec.to_builtins(said) for said in messages_of(sheet.item.body)],
            "target": list(sheet.item.target),
            "answers": [answer.said for answer in sheet.answers],
            "said": _word(sheet, self._said.get(sheet.about)),
            "previous": self._ids[at - 1] if at else None,
            "next": None if skipped in (None, at) else self._ids[skipped],
        }


def _word(sheet: Sheet, label: Label | None) -> str | None:
    """What was said of the sheet, as it is shown now: whoever stood first then may have been called B."""
    if label is None:
        return None
    if label.pair is None:
        return "right" if label.label == RIGHT else "wrong" if label.label == WRONG else str(label.label)
    if label.label not in get_args(Preference)[:2]:
        return str(label.label)
    preferred = label.pair[0 if label.label == "A" else 1]
    return "first" if preferred == sheet.answers[0].candidate else "second"


def _id(run: str, labeller: str, sheet: Sheet) -> str:
    """Names a sheet without saying whose answers are on it."""
    return hashlib.sha256(repr((run, labeller, sheet.about)).encode()).hexdigest()[:16]
