"""Escapes that a repair of the whole answer may yet take for a backslash which nobody escaped (`\\frac`, `\\text`).

They are valid JSON as they stand, so only the letters behind them tell; those may still be to come.
"""

from tiercel.checks.backslashes import AMBIGUOUS, COMMANDS, ESCAPE

DOUBTFUL = COMMANDS | AMBIGUOUS


class Escapes:
    """The settled text of one answer, up to the first escape in doubt: from there on the whole answer decides."""

    def __init__(self) -> None:
        self.is_in_doubt = False
        self._kept = ""

    def pass_on(self, settled: str) -> str:
        """More settled text, in which no escape is cut in two. Returns what is beyond doubt."""
        text, self._kept = self._kept + settled, ""
        if "\\" not in text:
            return text
        for escape in ESCAPE.finditer(text):
            run = escape[1]
            if run[:1] not in tuple("bfnrt"):
                continue
            if escape.end() == len(text):
                self._kept = text[escape.start() :]
                return text[: escape.start()]
            if run in DOUBTFUL or run[0] in "bf":
                self.is_in_doubt = True
                return text[: escape.start()]
        return text
