"""Follows one JSON object or array while its text comes, and says how far it is settled.

Settled is text that is strict JSON and breaks nothing of its shape, whatever follows. A name, a number, or a string of
which something can be said only at its end, is settled once it is complete; of any other string what has come.
Memory: the text that is not settled, a frame for each open bracket, and the names of the open objects.
"""

import re
from typing import Literal

from tiercel.checks.incremental.shape import Shape, UnknownError
from tiercel.checks.json_text import NotJSONError, parse_strict
from tiercel.checks.schemas import Finding, json_path
from tiercel.domain.json import Json

MAX_DEPTH = 64
MAX_TOKEN_CHARS = 8_192
MAX_NAMES = 10_000
"""Beyond any of them it is left to the check of the whole."""

Status = Literal["open", "closed", "missed", "left"]
"""`missed`: a shape is broken. `left`: only the whole answer can tell, or it is not strict JSON as it stands."""
Expects = Literal["value", "value_or_end", "comma_or_end", "name", "name_or_end", "colon", "string"]

SPACE = re.compile(r"[ \t\n\r]*")
WORD = re.compile(r"[-+.0-9A-Za-z]*")
PLAIN = re.compile(r'[^"\\\x00-\x1f\ud800-\udfff]*')
STRING = re.compile(r'"(?:[^"\\\x00-\x1f]++|\\.)*+"', re.DOTALL)
BEGUN_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]++|\\.)*+\\?\Z', re.DOTALL)
ESCAPE = re.compile(
    r'\\(?:["\\/bfnrt]|u(?:(?![dD][89a-fA-F])[0-9a-fA-F]{4}|[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}))'
)
ESCAPE_CHARS = 12
"""No escape is longer than a pair of surrogates."""


class Frame:
    """An object or array that is not closed."""

    __slots__ = ("count", "is_object", "names", "shape", "step")

    def __init__(self, shape: Shape, *, is_object: bool) -> None:
        self.shape = shape
        self.is_object = is_object
        self.names: set[str] = set()
        self.count = 0
        self.step: str | int = 0


class Follower:
    """One value, from its opening bracket on. `finding` is set where its shape is broken."""

    def __init__(self, shape: Shape | None) -> None:
        self.status: Status = "open"
        self.finding: Finding | None = None
        self._text = ""
        self._at = 0
        self._frames: list[Frame] = []
        self._shape = shape
        """Of the value that comes next."""
        self._expects: Expects = "value"
        self._length = 0
        """Of the string that is being passed through."""

    def feed(self, text: str) -> str:
        """More of the text. Returns what is settled now and was not before."""
        if self.status != "open":
            return ""
        self._text = self._text[self._at :] + text
        self._at = 0
        while self._step():
            pass
        if len(self._text) - self._at > MAX_TOKEN_CHARS and self._is_open:
            self.status = "left"
        return self._text[: self._at]

    @property
    def _is_open(self) -> bool:
        return self.status == "open"

    def _step(self) -> bool:
        """Settle one token; returns whether it was there."""
        if not self._is_open:
            return False
        if self._expects == "string":
            return self._more_of_a_string()
        space = SPACE.match(self._text, self._at)
        assert space is not None
        place = self._at = space.end()
        if place == len(self._text):
            return False
        mark = self._text[place]
        match self._expects:
            case "value" | "value_or_end":
                if mark == "]" and self._expects == "value_or_end":
                    return self._closed(place)
                return self._value(mark, place)
            case "name" | "name_or_end":
                if mark == "}" and self._expects == "name_or_end":
                    return self._closed(place)
                return self._name(mark, place)
            case "colon":
                return self._punctuation(mark == ":", place, "value")
            case _:
                return self._after_a_value(mark, place)

    def _punctuation(self, is_right: bool, place: int, then: Expects) -> bool:
        if not is_right:
            self.status = "left"
            return False
        self._at = place + 1
        self._expects = then
        return True

    def _after_a_value(self, mark: str, place: int) -> bool:
        frame = self._frames[-1]
        if mark == ("}" if frame.is_object else "]"):
            return self._closed(place)
        if not frame.is_object and mark == ",":
            self._next_item(frame)
            if self.status != "open":
                return False
        return self._punctuation(mark == ",", place, "name" if frame.is_object else "value")

    def _name(self, mark: str, place: int) -> bool:
        literal = self._literal(place) if mark == '"' else None
        if mark != '"':
            self.status = "left"
        if literal is None:
            return False
        name = self._parsed(literal)
        frame = self._frames[-1]
        if not isinstance(name, str) or name in frame.names or len(frame.names) >= MAX_NAMES:
            self.status = "left"
            return False
        frame.names.add(name)
        frame.step = name
        self._shape = frame.shape.property(name)
        if self._shape is None:
            return self._missed("additionalProperties", f"the property {name!r} is not allowed", at=-1)
        self._at = place + len(literal)
        self._expects = "colon"
        return True

    def _value(self, mark: str, place: int) -> bool:
        if self._expects == "value_or_end":
            self._expects = "value"
            self._next_item(self._frames[-1])
            if not self._is_open:
                return False
        shape = self._shape
        if shape is None:
            return self._missed("false", "no value is allowed here")
        if mark in "{[":
            return self._opened(shape, mark == "{", place)
        if mark != '"':
            return self._word(shape, place)
        if not shape.admits("string"):
            return self._missed("type", f"the value is not {shape.wanted}")
        if shape.ends_matter:
            literal = self._literal(place)
            return literal is not None and self._scalar(shape, literal, place)
        self._at = place + 1
        self._length = 0
        self._expects = "string"
        return True

    def _opened(self, shape: Shape, is_object: bool, place: int) -> bool:
        if not shape.admits("object" if is_object else "array"):
            return self._missed("type", f"the value is not {shape.wanted}")
        if len(self._frames) >= MAX_DEPTH:
            self.status = "left"
            return False
        self._frames.append(Frame(shape, is_object=is_object))
        self._at = place + 1
        self._expects = "name_or_end" if is_object else "value_or_end"
        return True

    def _next_item(self, frame: Frame) -> None:
        frame.step = frame.count
        frame.count += 1
        self._shape = frame.shape.item()
        most = frame.shape.max_items
        if most is not None and frame.count > most:
            self._missed("maxItems", f"the value has more than {most} items", at=-1)

    def _closed(self, place: int) -> bool:
        frame = self._frames[-1]
        shape = frame.shape
        if frame.is_object:
            absent = next((name for name in shape.required if name not in frame.names), None)
            if absent is not None:
                return self._missed("required", f"{absent!r} is a required property", at=-1)
        elif shape.min_items is not None and frame.count < shape.min_items:
            return self._missed("minItems", f"the value has fewer than {shape.min_items} items", at=-1)
        self._frames.pop()
        self._at = place + 1
        self._expects = "comma_or_end"
        if not self._frames:
            self.status = "closed"
        return True

    def _more_of_a_string(self) -> bool:
        """Settle what has come of a string about whose end nothing is said."""
        begun = self._at
        plain = PLAIN.match(self._text, begun)
        assert plain is not None
        end = plain.end()
        self._length += end - begun
        mark = self._text[end : end + 1]
        if mark == "\\":
            escape = ESCAPE.match(self._text, end)
            if escape is None:
                self._at = end
                if len(self._text) - end >= ESCAPE_CHARS:
                    self.status = "left"
                return False
            self._length += 1
            end = escape.end()
        most = self._shape.max_length if self._shape is not None else None
        if most is not None and self._length > most:
            return self._missed("maxLength", f"the value is longer than {most} characters")
        if mark == '"':
            end += 1
            self._expects = "comma_or_end"
        elif mark and mark != "\\":
            self.status = "left"
        self._at = end
        return mark in ('"', "\\")

    def _word(self, shape: Shape, place: int) -> bool:
        """A number, boolean or null: it has ended where something else follows."""
        word = WORD.match(self._text, place)
        assert word is not None
        if word.end() == len(self._text):
            return False
        if not 0 < len(word[0]) <= MAX_TOKEN_CHARS:
            self.status = "left"
            return False
        return self._scalar(shape, word[0], place)

    def _scalar(self, shape: Shape, literal: str, place: int) -> bool:
        value = self._parsed(literal)
        if self.status != "open":
            return False
        try:
            found = shape.examine(literal, value)
        except UnknownError:
            self.status = "left"
            return False
        if found is not None:
            if value is None and self._frames[-1].is_object:
                self.status = "left"  # the check of the whole answer may leave such a null out
                return False
            return self._missed(found.keyword, found.message)
        self._at = place + len(literal)
        self._expects = "comma_or_end"
        return True

    def _literal(self, place: int) -> str | None:
        """The string that begins here, once it is complete."""
        whole = STRING.match(self._text, place)
        is_wrong = whole is None and not BEGUN_STRING.match(self._text, place)
        if is_wrong or (whole is not None and len(whole[0]) > MAX_TOKEN_CHARS):
            self.status = "left"
            return None
        return None if whole is None else whole[0]

    def _parsed(self, literal: str) -> Json:
        try:
            return parse_strict(literal)
        except NotJSONError:
            self.status = "left"
            return None

    def _missed(self, keyword: str, message: str, *, at: int = 0) -> Literal[False]:
        """The shape of the value that comes is broken, or with `at=-1` that of the bracket in which it stands."""
        frames = self._frames if at == 0 else self._frames[:at]
        path = json_path(tuple([frame.step for frame in frames]))
        self.status = "missed"
        self.finding = Finding(valid=False, path=path, keyword=keyword, message=message)
        return False
