"""`{{name}}` and `{{name.below}}` in prompts and expectations: of promptfoo's templates what needs no interpreter.

Filters, conditions, loops and the environment are told, not guessed at: a prompt that silently differs from what was
meant measures something else.
"""

import re

import msgspec

from tiercel.domain.json import Json, JsonObject

MARK = re.compile(r"\{\{(.*?)\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
NAME = re.compile(r"\s*([A-Za-z_][\w-]*(?:\.[\w-]+)*)\s*\Z")
SHOWN = 60


class TemplateError(Exception):
    """A template that cannot be filled in; the message says what to change."""


def names_in(text: str) -> set[str]:
    """The first parts of the names that the template uses. Raises `TemplateError` for what is more than a name."""
    return {_path(mark)[0] for mark in MARK.finditer(text)}


def fill(text: str, variables: JsonObject) -> str:
    """The text with its values. Raises `TemplateError` for a name without one, or one that has a list."""
    if "{" not in text:
        return text
    return MARK.sub(lambda mark: _text(_value(mark, variables), mark), text)


def fill_value(value: Json, variables: JsonObject) -> Json:
    """The same in every text of a value; a text that is nothing but one name becomes what that stands for."""
    match value:
        case str():
            whole = MARK.fullmatch(value)
            return fill(value, variables) if whole is None else _value(whole, variables)
        case list():
            return [fill_value(item, variables) for item in value]
        case dict():
            return {key: fill_value(item, variables) for key, item in value.items()}
        case _:
            return value


def _path(mark: re.Match[str]) -> list[str]:
    named = NAME.match(mark[1]) if mark[1] is not None else None
    if named is None:
        raise TemplateError(
            f"{_shown(mark)}: only {{{{name}}}} and {{{{name.below}}}} are filled in; write out what it stands for"
        )
    path = named[1].split(".")
    if path[0] == "env":
        raise TemplateError(f"{_shown(mark)}: the environment is not read; write the value")
    return path


def _value(mark: re.Match[str], variables: JsonObject) -> Json:
    value: Json = variables
    for step in _path(mark):
        if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            raise TemplateError(f"{_shown(mark)}: the item's vars have no such value")
    return value


def _text(value: Json, mark: re.Match[str]) -> str:
    match value:
        case str():
            return value
        case None:
            return ""
        case list():
            raise TemplateError(f"{_shown(mark)}: a list; write one item for each of its values")
        case _:
            return msgspec.json.encode(value).decode()


def _shown(mark: re.Match[str]) -> str:
    text = mark[0]
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
