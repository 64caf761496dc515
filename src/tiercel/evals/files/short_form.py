"""The `__expected` column's short form of an expectation: `contains:Paris`, `latency(2000)`, or the right text."""

import re
from difflib import get_close_matches

from tiercel.domain.json import JsonObject
from tiercel.evals.files.promptfoo_types import TYPES
from tiercel.evals.files.surroundings import KnownScorers

FORM = re.compile(r"(not-)?([a-z][a-z0-9_-]*)(?:\(([^()]*)\))?(?::(.*))?\Z", re.DOTALL)
MISSPELT = 0.85
"""How alike two words are of which one is the other with a slip."""
OTHER_NAMES = {"grade": "llm-rubric"}


class ShortForm:
    """Reads cells. Only what the scorers or promptfoo know is a type: a right answer may hold a colon itself."""

    def __init__(self, scorers: KnownScorers) -> None:
        self._scorers = scorers

    def __call__(self, text: str) -> JsonObject:
        """The expectation as a row of `assert`; plain text is `equals`."""
        text = text.strip()
        form = FORM.match(text)
        if form is None:
            return {"type": "equals", "value": text}
        negated, named, bound, value = form.groups()
        name = OTHER_NAMES.get(named, named)
        is_type = self._scorers.has(name) or name in TYPES
        if not is_type and value and self._is_misspelt(name):
            return {"type": (negated or "") + name, "value": value.strip()}
        if not is_type or (bound is None and value is None and "-" not in name):
            return {"type": "equals", "value": text}
        row: JsonObject = {"type": (negated or "") + name}
        if bound is not None:
            row["threshold"] = as_number(bound)
        if value is not None:
            several = name.endswith(("-any", "-all"))
            row["value"] = [one.strip() for one in value.split(",")] if several else value.strip()
        return row

    def _is_misspelt(self, name: str) -> bool:
        """Whether this is nearly a type: then it is told as one that nobody measures, not taken for a right answer that
        no candidate will ever give. Right answers such as `note: 4` are no such."""
        return bool(get_close_matches(name, self._scorers.names, n=1, cutoff=MISSPELT))


def as_number(text: str) -> float | str:
    """A cell as a number; what is none is left for the reader to complain about."""
    try:
        return float(text)
    except ValueError:
        return text
