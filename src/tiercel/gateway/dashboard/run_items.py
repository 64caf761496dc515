"""The items of a run with everybody's answers beside each other, disagreements first: read from the run's own files.

What was right is what the run's scorers said; nothing is compared or worked out here.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.measure.message_words import answer_text, messages_of

RESULTS = "results.jsonl"
LONGEST = 8_000
"""Characters of one text that are shown."""

Kind: TypeAlias = Literal["differ", "wrong", "unanswered", "right"]
KINDS: dict[Kind, str] = {
    "differ": "only some are right",
    "wrong": "nobody is right",
    "unanswered": "not all were answered",
    "right": "all are right",
}
"""In the order in which they are worth reading."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked, and what is known to be right."""

    id: str
    body: dict[str, Any] = {}
    target: tuple[str, ...] = ()


class _Candidate(msgspec.Struct, frozen=True):
    id: str


class _Asked(msgspec.Struct, frozen=True):
    candidates: tuple[_Candidate, ...] = ()
    baseline: str | None = None
    items: tuple[Item, ...] = ()


class _Manifest(msgspec.Struct, frozen=True):
    evaluation: _Asked


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """What one expectation said of an answer."""

    name: str
    met: bool = False
    reason: str = ""
    unmeasured: str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of one candidate to one item. `output` has, as shown, its calls of tools in words too."""

    item: str
    candidate: str
    repeat: int = 1
    state: Literal["passed", "failed", "error"]
    reason: str = ""
    output: str = ""
    tool_calls: tuple[str, ...] = ()
    scores: tuple[Score, ...] = ()
    seconds: float | None = None
    cost_nano: int | None = None
    cached: bool = False


class _Row(msgspec.Struct, frozen=True):
    item: str
    candidate: str
    state: str
    repeat: int = 1


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate's answers to an item."""

    candidate: str
    answers: tuple[Answer, ...]


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """One item with all answers, the baseline's first. `asked` is the conversation: who says what."""

    item: Item
    asked: tuple[tuple[str, str], ...]
    kind: Kind
    cells: tuple[Cell, ...]


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A page of items. `counts` is how many there are of each kind, `next` the item that this page ends with where more
    follow."""

    shown: tuple[Beside, ...]
    counts: dict[Kind, int]
    next: str | None


Places: TypeAlias = dict[tuple[str, str], dict[int, tuple[int, str]]]
"""Of each item and candidate: where in the file the last row of each repeat begins, and its state."""


def list_items(folder: Path, *, kind: Kind | None, after: str, most: int) -> Listed:
    """The items after the one named `after`, of this kind or of all. Raises `ConfigError` for files that cannot be
    read."""
    try:
        asked = msgspec.json.decode((folder / "run.json").read_bytes(), type=_Manifest).evaluation
        return _listed(asked, folder / RESULTS, kind, after, most)
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(f"{folder.name}: the run cannot be read: {error}") from error


def _listed(asked: _Asked, results: Path, kind: Kind | None, after: str, most: int) -> Listed:
    places = _places(results)
    names = sorted((one.id for one in asked.candidates), key=lambda name: name != asked.baseline)
    kinds = {item.id: _kind([_is_right(places, item.id, name) for name in names]) for item in asked.items}
    order = list(KINDS)
    # what the baseline alone gets right is what one would lose: it comes first
    ranked = sorted(
        (item for item in asked.items if kind in (None, kinds[item.id])),
        key=lambda item: (
            order.index(kinds[item.id]),
            not any(_is_right(places, item.id, name) for name in names[:1]),
        ),
    )
    begin = next((at + 1 for at, item in enumerate(ranked) if item.id == after), 0)
    page = ranked[begin : begin + most]
    shown = []
    for item in page:
        cells = [
            Cell(candidate=name, answers=tuple(_answers(results, places.get((item.id, name), {}))))
            for name in names
        ]
        shown.append(
            Beside(
                item=item,
                asked=tuple((said.role, _shortened(said.text)) for said in messages_of(item.body)),
                kind=kinds[item.id],
                cells=tuple(cells),
            )
        )
    return Listed(
        shown=tuple(shown),
        counts={one: sum(found == one for found in kinds.values()) for one in KINDS},
        next=page[-1].id if begin + most < len(ranked) else None,
    )


def _places(results: Path) -> Places:
    """A last row that a crash cut short is left out."""
    decode = msgspec.json.Decoder(_Row).decode
    places: Places = {}
    if not results.exists():
        return places
    with results.open("rb") as file:
        at = 0
        for line in file:
            if line.endswith(b"\n"):
                row = decode(line)
                places.setdefault((row.item, row.candidate), {})[row.repeat] = (at, row.state)
            at += len(line)
    return places


def _answers(results: Path, repeats: dict[int, tuple[int, str]]) -> Iterator[Answer]:
    if not repeats:
        return
    with results.open("rb") as file:
        for repeat in sorted(repeats):
            file.seek(repeats[repeat][0])
            answer = msgspec.json.decode(file.readline(), type=Answer)
            yield msgspec.structs.replace(
                answer, output=_shortened(answer_text(answer.output, answer.tool_calls))
            )


def _is_right(places: Places, item: str, candidate: str) -> bool | None:
    """Whether more than half of the answers passed; `None` where there is none."""
    states = [state for _, state in places.get((item, candidate), {}).values() if state != "error"]
    return 2 * states.count("passed") > len(states) if states else None


def _kind(rights: list[bool | None]) -> Kind:
    if True in rights and False in rights:
        return "differ"
    if None in rights:
        return "unanswered"
    return "right" if True in rights else "wrong"


def _shortened(text: str) -> str:
    cut = len(text) - LONGEST
    return text if cut <= 0 else f"{text[:LONGEST]}\n… {cut:,} more characters"
