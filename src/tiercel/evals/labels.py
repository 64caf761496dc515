"""What people said of answers: the rows of `labels.jsonl`, which every labeller only ever adds to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from tiercel.domain.errors import ConfigError

Preference = Literal["A", "B", "tie", "both_bad"]


class Label(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One person's word on one answer, or on two beside each other.

    With `candidate` the label is how good its answer is, from 0 (wrong) to 1 (right). With `pair` it is which of the
    two candidates' answers is the better one, "A" being the first. `repeat` says which of several answers was seen.
    `p_sampled` is the chance with which the item came up to be labelled, `at` Unix time in seconds.
    """

    item: str
    label: Preference | Annotated[float, msgspec.Meta(ge=0, le=1)]
    candidate: str | None = None
    pair: tuple[str, str] | None = None
    repeat: int = 1
    labeller: str = ""
    p_sampled: float | None = None
    at: float | None = None

    def __post_init__(self) -> None:
        is_preference = isinstance(self.label, str)
        if is_preference != (self.pair is not None) or is_preference == (self.candidate is not None):
            raise ValueError("a number goes with `candidate`, and A, B, tie or both_bad with `pair`")


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
