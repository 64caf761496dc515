"""promptfoo's assertions as ours: those that mean the same, those that a judge can be asked, and what is left."""

from pathlib import Path

from tiercel.domain.errors import ConfigError
from tiercel.domain.json import Json, JsonObject
from tiercel.evals.evaluation import Expectation
from tiercel.evals.files.documents import SCHEME, read_value
from tiercel.evals.files.expectations import NOT
from tiercel.evals.files.promptfoo_types import JUDGED, PROGRAMS
from tiercel.evals.files.surroundings import KnownScorers
from tiercel.evals.files.targets import possible_names
from tiercel.evals.files.templates import TemplateError, names_in
from tiercel.evals.importing.imported import Carrying
from tiercel.policy.problems import Steps

KEPT = frozenset(("type", "value", "threshold", "weight", "metric"))
RUBRIC = "llm-rubric"
DEFAULT_JUDGE = "judge"
NO_GRADER = (
    "the file names no grader, and promptfoo would have taken its own: `judges.judge` is `auto`; "
    "name a model that is none of the candidates"
)
SIMILAR = "similar"
COSINE = "similar:cosine"
DEFAULT_EMBEDDER = "text-embedding-3-large"
NO_EMBEDDER = (
    f"`similar` names nobody who embeds: promptfoo would have taken OpenAI's {DEFAULT_EMBEDDER}, and so it stands "
    "there; make `model` one of yours"
)
OTHER_PROMPT = "{}: becomes llm-rubric; the judge is asked with Tiercel's prompt, not promptfoo's"


class Asserts:
    """Reads lists of assertions; `judges` are those that they need."""

    def __init__(
        self, scorers: KnownScorers, folder: Path, carrying: Carrying, templates: JsonObject
    ) -> None:
        self._scorers = scorers
        self._folder = folder
        self._carrying = carrying
        self._templates = templates
        self.judges: dict[str, JsonObject] = {}

    def read(
        self,
        rows: Json,
        at: Steps,
        *,
        grader: Json = None,
        file: str | None = None,
        line: int | None = None,
    ) -> list[JsonObject]:
        """The assertions that mean something here. `grader` judges where they name nobody."""
        if rows is None:
            return []
        if not isinstance(rows, list):
            self._carrying.leave(at, "is no list", file=file, line=line)
            return []
        found: list[JsonObject] = []
        for position, row in enumerate(rows):
            key = at if file else (*at, position)
            try:
                found.append(self._one(row, key, grader))
            except ConfigError as error:
                self._carrying.leave(key, str(error), file=file, line=line)
        return found

    def _one(self, row: Json, at: Steps, grader: Json) -> JsonObject:
        """One assertion. Raises `ConfigError` with why it cannot be carried over."""
        row = self._named(row)
        full = row["type"]
        if full == "assert-set":
            return self._set(row, at, grader)
        name = full.removeprefix(NOT).removesuffix(":cosine")
        if name.startswith(f"{SIMILAR}:"):
            raise ConfigError(f"{full!r}: of its kinds only `{COSINE}` is measured here")
        if name in PROGRAMS or ":" in name:
            raise ConfigError(f"{full!r} runs a program, which is never done; write a scorer of your own")
        kept = {key: value for key, value in row.items() if key in KEPT and value is not None}
        for key in row:
            if key not in KEPT and key != "provider":
                self._carrying.leave((*at, key), "there is nothing like it here")
        kept = self._with_value(kept)
        if name in JUDGED:
            return self._judged(kept, name, row.get("provider", grader))
        if name == SIMILAR:
            kept |= {"type": full.removesuffix(":cosine"), "model": self._embedder(row, grader)}
        if not self._scorers.has(name):
            raise ConfigError(f"{full!r}: nobody here measures this")
        problems = self._problems(kept, name)
        if problems:
            raise ConfigError(f"{full!r}: {'; '.join(problems)}")
        return kept

    def _named(self, row: Json) -> JsonObject:
        """The assertion, or the template that it refers to."""
        if isinstance(row, dict) and isinstance(row.get("$ref"), str):
            row = self._templates.get(row["$ref"].rpartition("/")[2])
        if not isinstance(row, dict) or not isinstance(row.get("type"), str):
            raise ConfigError("an assertion without a type")
        return row

    def _set(self, row: JsonObject, at: Steps, grader: Json) -> JsonObject:
        if "threshold" in row:
            raise ConfigError("an assert-set's own threshold is not known here; give the item one")
        inside = self.read(row.get("assert"), (*at, "assert"), grader=grader)
        if not inside:
            raise ConfigError("nothing of this assert-set is left")
        kept = {key: row[key] for key in ("weight", "metric") if row.get(key) is not None}
        return {"type": "assert-set", **kept, "assert": inside}

    def _with_value(self, kept: JsonObject) -> JsonObject:
        """With its file read; what is a program there is none of ours. Raises `ConfigError`."""
        value = kept.get("value")
        if isinstance(value, list):
            kept = {**kept, "value": [self._read(one) for one in value]}
        elif value is not None:
            kept = {**kept, "value": self._read(value)}
        for one in kept["value"] if isinstance(kept.get("value"), list) else [kept.get("value")]:
            try:
                names_in(one if isinstance(one, str) else "")
            except TemplateError as error:
                raise ConfigError(str(error)) from error
        return kept

    def _read(self, value: Json) -> Json:
        """The value, or what its file holds. Raises `ConfigError`."""
        if not isinstance(value, str) or not value.startswith(SCHEME):
            return value
        if value.endswith((".js", ".py", ".ts", ".mjs", ".cjs")) or ".py:" in value or ".js:" in value:
            raise ConfigError(f"{value!r} is a program, which is never run")
        return read_value(value, self._folder)

    def _judged(self, kept: JsonObject, name: str, grader: Json) -> JsonObject:
        criteria = kept.get("value")
        if isinstance(criteria, list):
            criteria = "\n".join(str(one) for one in criteria)
        if not isinstance(criteria, str) or not criteria.strip():
            raise ConfigError(f"{kept['type']!r}: has no criteria in words")
        if name != RUBRIC:
            self._carrying.note(OTHER_PROMPT.format(name))
        negated = NOT if kept["type"].startswith(NOT) else ""
        return {
            **kept,
            "type": negated + RUBRIC,
            "value": JUDGED[name] + criteria,
            "judge": self._judge(grader),
        }

    def _judge(self, grader: Json) -> str:
        """The name of the judge that stands for a grader."""
        named = _named(grader, "text")
        if named is None:
            self._carrying.note(NO_GRADER)
            self.judges[DEFAULT_JUDGE] = {"model": "auto"}
            return DEFAULT_JUDGE
        model = possible_names(named)[-1]
        for name, judge in self.judges.items():
            if judge["model"] == model:
                return name
        name = f"j{len(self.judges) + 1}"
        self.judges[name] = {"model": model}
        return name

    def _embedder(self, row: JsonObject, grader: Json) -> str:
        """Who embeds: whom the assertion names, else whom the file names for that and for nothing else."""
        named = _named(row.get("provider"), "embedding")
        if named is None and isinstance(grader, dict) and "id" not in grader:
            named = _named(grader, "embedding")
        if named is None:
            self._carrying.note(NO_EMBEDDER)
            return DEFAULT_EMBEDDER
        return possible_names(named)[-1]

    def _problems(self, kept: JsonObject, name: str) -> list[str]:
        """What its scorer says of the value, where no item's values go into it."""
        value = kept.get("value")
        if isinstance(value, str) and names_in(value):
            return []
        options = {key: value for key, value in kept.items() if key not in KEPT}
        return self._scorers.problems(
            Expectation(scorer=name, value=value, threshold=kept.get("threshold"), options=options)
        )


def _named(provider: Json, kind: str) -> str | None:
    """Whom a grader names for this kind of work, where it names one for each; `None` for nobody and for programs."""
    if isinstance(provider, dict) and "id" not in provider:
        provider = provider.get(kind)
    named = provider.get("id") if isinstance(provider, dict) else provider
    return named if isinstance(named, str) and not named.startswith(SCHEME) else None
