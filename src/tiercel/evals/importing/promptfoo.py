"""promptfoo's configuration (YAML or JSON, also what other services export in its form) as an evaluation.

Files that it names are read and written into the new ones, so that these stand alone.
"""

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from tiercel.domain.errors import ConfigError
from tiercel.domain.json import Json, JsonObject
from tiercel.evals.files.csv_rows import OWN, csv_rows
from tiercel.evals.files.documents import DATA, SCHEME, Document, find_files, read_document, read_value
from tiercel.evals.files.pictures import Pictures, is_picture
from tiercel.evals.files.prompts import messages_of, prompt_contents
from tiercel.evals.files.short_form import ShortForm
from tiercel.evals.files.sources import LINES
from tiercel.evals.files.surroundings import KnownScorers, Surroundings
from tiercel.evals.files.tables import PromptTable
from tiercel.evals.files.templates import TemplateError, names_in
from tiercel.evals.importing.imported import Carrying, Imported, with_own_ids, without_empty
from tiercel.evals.importing.lines import read_lines
from tiercel.evals.importing.promptfoo_asserts import Asserts
from tiercel.evals.importing.promptfoo_providers import read_providers
from tiercel.evals.scorers.scorer import as_text
from tiercel.policy.problems import Steps

READ = frozenset(
    (
        "description",
        "prompts",
        "providers",
        "targets",
        "tests",
        "defaultTest",
        "evaluateOptions",
        "commandLineOptions",
        "assertionTemplates",
    )
)
NOTHING_HERE = frozenset(("$schema", "sharing", "tags", "writeLatestResults", "metadata"))
"""What decides nothing about an evaluation."""
INSTEAD = {
    "outputPath": "use `tiercel eval report -o FILE`",
    "env": "set the variables in the shell; keys are named in tiercel.toml",
    "scenarios": "write each combination as an item of its own",
    "derivedMetrics": "give expectations a `metric`",
}
PATH = re.compile(r"[^\s{}]+\.(?:txt|json|ya?ml|md|py|js|ts|mjs|cjs)\Z")
MOST_COMBINATIONS = 10_000
TEST_KEYS = frozenset(("vars", "assert", "description", "metadata", "threshold", "options"))


def import_promptfoo(path: Path, surroundings: Surroundings) -> Imported:
    """What this configuration becomes. Raises `ConfigError` where it is none."""
    document = read_document(path, path.name)
    if isinstance(document.value, dict) and isinstance(document.value.get("config"), dict):
        document = Document(name=document.name, value=document.value["config"])  # a file of results
    value = document.value
    if not isinstance(value, dict) or not ("prompts" in value or "tests" in value):
        raise ConfigError(
            f"{path.name}: there are neither prompts nor tests, so this is no promptfoo configuration"
        )
    return _Import(document, path.parent, surroundings).imported(value)


class _Import:
    def __init__(self, document: Document, folder: Path, surroundings: Surroundings) -> None:
        self._document = document
        self._folder = folder
        self._surroundings = surroundings
        self._carrying = Carrying(document)
        self._grader: Json = None
        scorers = KnownScorers(surroundings.scorers)
        templates = document.value.get("assertionTemplates")
        self._asserts = Asserts(
            scorers, folder, self._carrying, templates if isinstance(templates, dict) else {}
        )
        self._short = ShortForm(scorers)
        self._pictures = Pictures()

    def imported(self, value: JsonObject) -> Imported:
        for key in value:
            if key not in READ and key not in NOTHING_HERE:
                self._carrying.leave((key,), INSTEAD.get(key, "there is nothing like it here"))
        targets = read_providers(value, self._surroundings.addresses, self._carrying)
        evaluation: JsonObject = {
            "description": value.get("description") if isinstance(value.get("description"), str) else "",
            "prompts": list(self._prompts(value.get("prompts"))),
            "targets": targets,
            "tests": "items.jsonl",
            "defaultTest": self._default(value.get("defaultTest")),
        }
        rows = with_own_ids([row for row, _ in self._tests(value.get("tests"), ("tests",))])
        evaluation["judges"] = self._asserts.judges
        evaluation["run"] = self._run(value)
        return Imported(
            source="promptfoo",
            name=self._document.name,
            evaluation=without_empty(evaluation),
            rows=rows,
            left=self._carrying.left,
            notes=self._carrying.notes,
        )

    # ── prompts ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _prompts(self, prompts: Json) -> Iterator[Json]:
        entries = prompts if isinstance(prompts, list) else [prompts] if prompts is not None else []
        for position, entry in enumerate(entries):
            key: Steps = ("prompts", position) if isinstance(prompts, list) else ("prompts",)
            try:
                for label, content in self._contents(entry):
                    content = self._checked(content)
                    yield {"raw": as_text(content), "label": label} if label else as_text(content)
            except (ConfigError, TemplateError) as error:
                self._carrying.leave(key, str(error))

    def _contents(self, entry: Json) -> list[tuple[str, Json]]:
        if isinstance(entry, str):
            named = entry.strip()
            if PATH.match(named) and not named.startswith(SCHEME):  # promptfoo takes it for a file too
                return prompt_contents(SCHEME + named, self._folder)
            return prompt_contents(entry, self._folder)
        if isinstance(entry, dict) and all(isinstance(one, str) for one in entry.values()):
            if not entry.keys() <= {"id", "raw", "label"}:
                raise ConfigError("a prompt here has `id` or `raw`, and `label`, and nothing else")
            return prompt_contents(PromptTable(**entry), self._folder)
        raise ConfigError("a prompt that is neither text nor a file")

    def _checked(self, content: Json) -> Json:
        """The prompt with its pictures read. Raises where it is no list of messages, or has more than plain names."""
        messages = messages_of(content)
        for message in messages:
            text = message.get("content")
            names_in(text if isinstance(text, str) else "")
        shown = self._pictures.shown_in(messages, self._folder)
        return content if shown == messages else shown

    # ── tests ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _default(self, value: Json) -> JsonObject:
        if value is None:
            return {}
        if isinstance(value, str):
            try:
                value = read_value(value, self._folder)
            except ConfigError as error:
                self._carrying.leave(("defaultTest",), str(error))
                return {}
        if not isinstance(value, dict):
            self._carrying.leave(("defaultTest",), "is no table")
            return {}
        options = value.get("options")
        self._grader = options.get("provider") if isinstance(options, dict) else None
        row = self._test(value, ("defaultTest",))
        return {key: row[key] for key in ("vars", "assert", "metadata", "threshold") if key in row}

    def _tests(self, tests: Json, key: Steps) -> Iterator[tuple[JsonObject, Steps]]:
        entries = tests if isinstance(tests, list) else [tests] if tests is not None else []
        for position, entry in enumerate(entries):
            at: Steps = (*key, position) if isinstance(tests, list) else key
            try:
                if isinstance(entry, str):
                    yield from self._named(entry, at)
                elif isinstance(entry, dict):
                    yield from ((row, at) for row in self._combined(self._test(entry, at), at))
                else:
                    self._carrying.leave(at, "a test is a table or names a file")
            except ConfigError as error:
                for problem in error.problems:
                    self._carrying.leave(at, problem)

    def _named(self, named: str, at: Steps) -> Iterator[tuple[JsonObject, Steps]]:
        """The tests of a file, or of several. Raises `ConfigError` where it cannot be read as data."""
        for one in find_files(named, self._folder):
            suffix = one.suffix.lower()
            if suffix == ".csv":
                name = one.name

                def complain(line: int, why: str, name: str = name) -> None:
                    self._carrying.leave((), why, file=name, line=line)

                for line, row in csv_rows(one, name, self._short, complain):
                    yield self._test(row, at, file=name, line=line), at
            elif suffix in DATA or suffix in LINES:
                for row in _listed(one):
                    yield from ((found, at) for found in self._combined(self._test(row, at), at))
            else:
                raise ConfigError(
                    f"{named!r}: is no file of data, and nothing is run; write the tests as .jsonl"
                )

    def _test(
        self, test: JsonObject, at: Steps, *, file: str | None = None, line: int | None = None
    ) -> JsonObject:
        """One test without what cannot be carried over."""
        row: JsonObject = {
            key: test.get(key) for key in ("description", "metadata", "threshold") if key in test
        }
        for key in test:
            if key not in TEST_KEYS and not (file and key in OWN):  # a column of its name is a variable too
                self._carrying.leave((*at, key), "there is nothing like it here", file=file, line=line)
        options = test.get("options")
        grader = self._grader
        if isinstance(options, dict):
            grader = options.get("provider", grader)
            for key in options:
                if key != "provider":
                    self._carrying.leave((*at, "options", key), "there is nothing like it here")
        row["vars"] = self._vars(test.get("vars"), at)
        row["assert"] = self._asserts.read(
            test.get("assert"), (*at, "assert"), grader=grader, file=file, line=line
        )
        return without_empty(row)

    def _vars(self, variables: Json, at: Steps) -> JsonObject:
        if not isinstance(variables, dict):
            if variables is not None:
                self._carrying.leave((*at, "vars"), "is no table here; write the variables out")
            return {}
        found: JsonObject = {}
        for name, value in variables.items():
            if isinstance(value, str) and value.startswith(SCHEME):
                try:
                    value = self._data(value)
                except ConfigError as error:
                    self._carrying.leave((*at, "vars", name), str(error))
                    continue
            found[name] = value
        return found

    def _data(self, named: str) -> Json:
        """A variable's file. Raises `ConfigError` for a program, which promptfoo would run."""
        if Path(named).suffix.lower() in (".js", ".ts", ".py", ".mjs", ".cjs"):
            raise ConfigError(f"{named!r}: a program, which is never run; write its value")
        if is_picture(named):
            return self._pictures.url(named, self._folder)
        return read_value(named, self._folder)

    def _combined(self, row: JsonObject, at: Steps) -> Iterator[JsonObject]:
        """promptfoo asks once for each value of a list, and for each combination of several lists."""
        variables = row.get("vars", {})
        lists = {name: value for name, value in variables.items() if isinstance(value, list)}
        count = 1
        for values in lists.values():
            count *= len(values)
        if not lists:
            yield row
            return
        if not 0 < count <= MOST_COMBINATIONS:
            self._carrying.leave((*at, "vars"), f"{count} combinations of its lists are no number of items")
            return
        for combination in product(*lists.values()):
            yield {**row, "vars": {**variables, **dict(zip(lists, combination, strict=True))}}

    # ── how it is run ───────────────────────────────────────────────────────────────────────────────────────────────

    def _run(self, value: JsonObject) -> JsonObject:
        found: JsonObject = {}
        for section in ("commandLineOptions", "evaluateOptions"):
            options = value.get(section)
            for key, given in options.items() if isinstance(options, dict) else ():
                match key, given:
                    case "maxConcurrency", int() if 1 <= given <= 1024:
                        found["concurrency"] = given
                    case "repeat", int() if 1 <= given <= 1000:
                        found["repeat"] = given
                    case "cache", bool():
                        found["cache"] = given
                    case "timeoutMs", int() if given > 0:
                        found["timeout"] = f"{given}ms"
                    case _:
                        self._carrying.leave((section, key), "there is nothing like it here")
        return found


def _listed(path: Path) -> list[JsonObject]:
    """The tables of a file that holds a list of them, or one a line. Raises `ConfigError`."""
    if path.suffix.lower() in LINES:
        return read_lines(path)
    value = read_document(path, path.name).value
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ConfigError(f"{path.name}: a list of tests was expected")
    return value
