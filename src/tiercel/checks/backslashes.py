"""Escapes the backslashes that a model forgot to escape in its JSON.

The danger is silence: `\\frac` written with one backslash is valid JSON, and means a form feed and "rac". So where an
answer shows that its backslashes are not escaped, LaTeX commands that happen to begin like a JSON escape are escaped
too. A line break before a word ("\\nThe") stays one, as no LaTeX command is called "nThe".
"""

import re

COMMAND_WORDS = """
    backslash bar begin beta beth bf big bigcap bigcup bigg biggl biggr bigl bigoplus bigotimes bigr bigvee bigwedge
    binom blacksquare bmod boldsymbol bot bowtie boxed breve bullet
    fbox flat floor forall frac frown
    nabla natural nearrow neg neq newcommand newline nexists nleq ngeq nmid nolimits nonumber norm not notin nparallel
    nsubseteq nwarrow
    rangle rbrace rceil ref rfloor rho right rightarrow rightharpoonup rightleftharpoons rm root rtimes rvert rVert
    tanh tau tbinom text textbf textit textrm textsf textstyle texttt textup tfrac therefore theta thickapprox
    thinspace tilde times top triangle triangleleft triangleq triangleright twoheadrightarrow
"""
COMMANDS = frozenset(COMMAND_WORDS.split())
"""LaTeX commands whose first letter makes a JSON escape: \\b \\f \\n \\r \\t."""

AMBIGUOUS = frozenset({"ne", "nu", "tan", "to"})
"""Commands that may as well be a break and a word ("\\ne) 5"): they count only where others show what is meant."""

STRING = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\Z)', re.DOTALL)
ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|[A-Za-z]+|.|\Z)", re.DOTALL)
DRIVE = re.compile(r'"[A-Za-z]:\\[^\\"/]')
WHOLE = frozenset('"\\/')


def shows_latex(text: str) -> bool:
    """Whether a JSON text holds a LaTeX command whose backslash is not escaped, so that parsing would damage it."""
    if "\\" not in text:
        return False
    return any(match[1] in COMMANDS for match in ESCAPE.finditer(text))


def escape_stray(text: str) -> str:
    """`text` with every backslash escaped that begins no JSON escape, or that evidently was not meant to."""
    if "\\" not in text:
        return text
    runs = [match[1] for match in ESCAPE.finditer(text)]
    unescaped = any(run in COMMANDS or (_is_stray(run) and run != "'") for run in runs)

    def literal(match: re.Match[str]) -> str:
        path = DRIVE.match(match[0]) is not None
        return ESCAPE.sub(lambda escape: _mended(escape, path=path, unescaped=unescaped), match[0])

    return STRING.sub(literal, text)


def _mended(escape: re.Match[str], *, path: bool, unescaped: bool) -> str:
    run = escape[1]
    if run == "'":  # the escape of other languages' strings
        return run
    if _is_stray(run) or (path and run not in WHOLE):
        return "\\" + escape[0]
    # Nobody writes backspaces or form feeds; an unescaped regex writes \b, and LaTeX \frac.
    meant = run[0] in "bf" or run in COMMANDS or run in AMBIGUOUS
    return "\\" + escape[0] if unescaped and meant else escape[0]


def _is_stray(run: str) -> bool:
    """Whether a backslash before `run` begins no escape that JSON knows."""
    if not run:
        return True
    if run[0] == "u":
        return len(run) != 5 or not all(char in "0123456789abcdefABCDEF" for char in run[1:])
    return run[0] not in 'bfnrt"\\/'
