"""All scorers: our own, the gateway's checks, judges, and those of installed packages and of the evaluation."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

from tiercel.checks.registry import Registry
from tiercel.domain.errors import ConfigError
from tiercel.evals.evaluation import Evaluation, Expectation
from tiercel.evals.scorers import bounds, calling, choice, human, instructed, numeric, overlap, words
from tiercel.evals.scorers.checking import checks_by_other_names, json_scorers, named_checks
from tiercel.evals.scorers.own import function_named, plugged_in
from tiercel.evals.scorers.scorer import Scorer, ScorerInfo

MODULES = (words, overlap, numeric, choice, bounds, calling, instructed, human)
SYNONYMS = {
    "includes": "contains",
    "includes-any": "contains-any",
    "exact": "equals",
    "python-exec": "code",
    "rouge-n": "rouge-1",
    "tool-calls": "tool-call",
}
"""Other tools' names for the same."""


class ScorerRegistry:
    """Scorers by name. `checks` stays its owner's, who closes it."""

    def __init__(self, checks: Registry, more: Iterable[Scorer] = (), folder: Path | None = None) -> None:
        self._folder = folder
        self._functions: dict[str, Scorer] = {}
        self._scorers: dict[str, Scorer] = {
            **plugged_in(),
            **named_checks(checks),
            **json_scorers(checks),
            **checks_by_other_names(checks),
            **{scorer.info.name: scorer for module in MODULES for scorer in module.SCORERS},
        }
        self.add(more)

    @property
    def infos(self) -> tuple[ScorerInfo, ...]:
        """What the scorers say of themselves, by name, each once."""
        infos = {name: scorer.info for name, scorer in self._scorers.items() if name == scorer.info.name}
        return tuple(infos[name] for name in sorted(infos))

    @property
    def by_name(self) -> Mapping[str, Scorer]:
        return self._scorers

    def add(self, scorers: Iterable[Scorer]) -> None:
        """Put these in the place of those of their names."""
        self._scorers.update({scorer.info.name: scorer for scorer in scorers})

    def get(self, expectation: Expectation) -> Scorer | None:
        """Who measures this expectation."""
        name = SYNONYMS.get(expectation.scorer, expectation.scorer)
        return self._scorers.get(name) or self._functions.get(name)

    def prepare(self, evaluation: Evaluation) -> None:
        """Make sure that everything can be measured, before anybody is asked. Raises `ConfigError` with every problem.

        Functions that expectations name as `module:function` are imported here.
        """
        problems: dict[str, None] = {}
        examined: dict[bytes, None] = {}
        for item in evaluation.items:
            for expectation in item.expectations:
                key = repr(
                    (expectation.scorer, expectation.value, expectation.options, expectation.judge)
                ).encode()
                if key in examined:
                    continue
                examined[key] = None
                for problem in self._problems(expectation, evaluation):
                    problems[f"{_place(item.source, item.id, expectation)}: {problem}"] = None
        if problems:
            raise ConfigError(*problems)

    def _problems(self, expectation: Expectation, evaluation: Evaluation) -> list[str]:
        name = expectation.scorer
        if self.get(expectation) is None and ":" in name:
            try:
                self._functions[name] = function_named(name, self._folder)
            except ConfigError as error:
                return list(error.problems)
        scorer = self.get(expectation)
        if scorer is None:
            return [f"no scorer {name!r}; {_meant(name, self._scorers)}"]
        if expectation.judge is not None and expectation.judge not in evaluation.judges:
            return [f"no judge {expectation.judge!r}; {_meant(expectation.judge, evaluation.judges)}"]
        return [f"{name}: {problem}" for problem in scorer.problems(expectation)]


def _place(source: str, item: str, expectation: Expectation) -> str:
    where = f"{source}, " if source else ""
    line = f"line {expectation.line}" if expectation.line is not None else f"item {item!r}"
    return f"{where}{line}"


def _meant(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there are {', '.join(names)}" if names else "there are none"
