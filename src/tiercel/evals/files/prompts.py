"""`prompts`: templates, in the file or in files of their own, that an item's values make messages of.

A prompt is one user message, or a list of messages as JSON or YAML. Values are put into the messages' texts after the
list was read, so that a quotation mark in a value breaks nothing.
"""

from pathlib import Path

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.domain.json import Json, JsonObject
from tiercel.evals.files.complaints import Complaints
from tiercel.evals.files.documents import DATA, SCHEME, Document, find_files, read_document, read_whole
from tiercel.evals.files.pictures import Pictures
from tiercel.evals.files.tables import EvaluationTable, PromptTable
from tiercel.evals.files.templates import TemplateError, fill, fill_value, names_in
from tiercel.policy.problems import Steps

PROGRAMS = frozenset((".py", ".js", ".ts", ".mjs", ".cjs", ".rb", ".sh"))
DIVIDER = "\n---\n"


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """One template. `names` are the first parts of the names it uses."""

    label: str
    messages: list[JsonObject]
    names: frozenset[str]

    def body(self, variables: JsonObject) -> JsonObject:
        """The request's messages. Raises `TemplateError` for a name without a value."""
        return {
            "messages": [
                {**message, "content": _filled(message.get("content"), variables)}
                for message in self.messages
            ]
        }


def read_prompts(
    table: EvaluationTable, document: Document, folder: Path, complaints: Complaints
) -> list[Prompt]:
    """The prompts, in their order; what is wrong with one is noted."""
    entries = (table.prompts,) if isinstance(table.prompts, str) else table.prompts
    found: list[Prompt] = []
    pictures = Pictures()
    for position, entry in enumerate(entries):
        key: Steps = ("prompts",) if isinstance(table.prompts, str) else ("prompts", position)
        try:
            for label, content in prompt_contents(entry, folder):
                messages = pictures.shown_in(messages_of(content), folder)
                names = frozenset().union(*(_names(message) for message in messages))
                found.append(Prompt(label=label or str(len(found) + 1), messages=messages, names=names))
        except (ConfigError, TemplateError) as error:
            complaints.add(document.name, str(error), line=document.line_of(key), key=key)
    labels = [prompt.label for prompt in found]
    for label in sorted({label for label in labels if labels.count(label) > 1}):
        complaints.add(document.name, f"two prompts are called {label!r}", key=("prompts",))
    return found


def prompt_contents(entry: str | PromptTable, folder: Path) -> list[tuple[str, Json]]:
    """Each prompt's label, empty where it has none, and its text or messages."""
    if isinstance(entry, str):
        if not entry.startswith(SCHEME):
            return [("", entry)]
        return [
            (f"{path.stem}-{number}" if len(inside) > 1 else path.stem, content)
            for path in find_files(entry, folder)
            for inside in [_file(path)]
            for number, content in enumerate(inside, 1)
        ]
    if (entry.id is None) == (entry.raw is None):
        raise ConfigError("give either `id: file://…` or `raw`")
    if entry.raw is not None:
        return [(entry.label or "", entry.raw)]
    named = entry.id or ""
    if not named.startswith(SCHEME):
        raise ConfigError(f"id {named!r} names no file; write `file://…`, or the text as `raw`")
    found = prompt_contents(named, folder)
    if entry.label is None:
        return found
    many = len(found) > 1
    return [
        (f"{entry.label}-{number}" if many else entry.label, content)
        for number, (_, content) in enumerate(found, 1)
    ]


def _file(path: Path) -> list[Json]:
    suffix = path.suffix.lower()
    if suffix in PROGRAMS:
        raise ConfigError(f"{path.name}: a program, which is never run; write the prompt as text")
    if suffix in DATA:
        return [read_document(path, path.name).value]
    return [text.strip("\n") for text in read_whole(path).split(DIVIDER)]


def messages_of(content: Json) -> list[JsonObject]:
    """The messages that a prompt is. Raises `ConfigError` where they are none."""
    if isinstance(content, str):
        listed = _parsed(content)
        if listed is None:
            if not content.strip():
                raise ConfigError("the prompt is empty")
            return [{"role": "user", "content": content}]
        content = listed
    if isinstance(content, dict) and "messages" in content:
        content = content["messages"]
    if not isinstance(content, list) or not content:
        raise ConfigError("a prompt is a text, or a list of messages with role and content")
    for message in content:
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise ConfigError("each message of a prompt needs a `role` and a `content`")
    return content


def _parsed(text: str) -> Json | None:
    """A list of messages that is written as JSON within the text, as promptfoo takes it; else `None`."""
    if not text.lstrip().startswith("["):
        return None
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    return value if isinstance(value, list) and value and isinstance(value[0], dict) else None


def _names(value: Json) -> set[str]:
    match value:
        case str():
            return names_in(value)
        case list():
            return set().union(*(_names(item) for item in value))
        case dict():
            return set().union(*(_names(item) for item in value.values()))
        case _:
            return set()


def _filled(content: Json, variables: JsonObject) -> Json:
    """A message's content; a text stays one, whatever stands for its name."""
    return fill(content, variables) if isinstance(content, str) else fill_value(content, variables)
