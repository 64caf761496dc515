"""What people said of answers: the rows of `labels.jsonl`, which every labeller only ever adds to."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from tiercel.domain.errors import ConfigError

Preference = Literal["A", "B", "tie", "both_bad"]

LONGEST_ROW_BYTES = 65_536


class Label(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One person's word on one answer, or on two beside each other.

    With `candidate` the label is how good its answer is, from 0 (wrong) to 1 (right). With `pair` it is which of the
    two candidates' answers is the better one, "A" being the first. `repeat` says which of several answers was seen.
    `p_sampled` is the chance with which the item came up to be labelled, `at` Unix time in seconds. `seen` is
    `hash_of_answers` of what was shown; `None` where nobody noted it, as in files written by hand.
    """

    item: str
    label: Preference | Annotated[float, msgspec.Meta(ge=0, le=1)]
    candidate: str | None = None
    pair: tuple[str, str] | None = None
    repeat: int = 1
    labeller: str = ""
    p_sampled: float | None = None
    at: float | None = None
    seen: str | None = None

    def __post_init__(self) -> None:
        is_preference = isinstance(self.label, str)
        if is_preference != (self.pair is not None) or is_preference == (self.candidate is not None):
            raise ValueError("a number goes with `candidate`, and A, B, tie or both_bad with `pair`")

    @property
    def about(self) -> "About":
        """The answer, or the two, whichever was shown first."""
        return self.item, self.repeat, (self.candidate,) if self.candidate else tuple(sorted(self.pair or ()))


About = tuple[str, int, tuple[str, ...]]
"""An item, a repeat, and whose answers: what people agree or disagree about."""


_DECODER = msgspec.json.Decoder(Label)


def read_labels(path: Path) -> Iterator[Label]:
    """The labels in their order. Raises `ConfigError` with the line for one that cannot be read."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                yield _DECODER.decode(line)
            except msgspec.DecodeError as error:
                raise ConfigError(f"{path}, line {number}: no label: {error}") from error


def hash_of_answers(texts: Mapping[str, str]) -> str:
    """Names what was shown: each candidate's answer, whatever their order."""
    return hashlib.sha256(msgspec.json.encode(sorted(texts.items()))).hexdigest()[:16]


def last_words(labels: Iterable[Label]) -> list[Label]:
    """The last label of each labeller on each answer or pair: who labels it again takes back what was said before."""
    return list({(label.about, label.labeller): label for label in labels}.values())


def add_label(path: Path, label: Label) -> None:
    """Add a row, on the disk when this returns. What a crash left of a last row is cut off first.

    Several may add to one file at a time. Raises `OSError` where it cannot be written.
    """
    row = msgspec.json.encode(label) + b"\n"
    with path.open("ab+") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - LONGEST_ROW_BYTES))
        rest = file.read().rpartition(b"\n")[2]
        if rest and _is_label(rest):
            row = b"\n" + row
        elif rest:
            end -= len(rest)
            file.truncate(end)
        try:
            file.write(row)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            os.ftruncate(file.fileno(), end)
            raise


def _is_label(line: bytes) -> bool:
    try:
        _DECODER.decode(line)
    except msgspec.DecodeError:
        return False
    return True
