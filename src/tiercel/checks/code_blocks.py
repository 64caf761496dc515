"""Finds the Python code in an answer, by its fences. Nothing is parsed here."""

import re
import textwrap

FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})[ \t]*([A-Za-z0-9_+-]*)")
LANGUAGES = frozenset(("", "python", "py", "python3"))


def find_code(text: str) -> list[str]:
    """The code blocks that may be Python, an unclosed last one among them; the whole text where there is no fence."""
    blocks: list[str] = []
    lines: list[str] = []
    fence = language = ""
    fenced = False
    for line in text.splitlines():
        found = FENCE.match(line)
        if not fence and found:
            fence, language, lines, fenced = found[1], found[2].lower(), [], True
        elif fence and found and found[1].startswith(fence) and not found[2]:
            blocks += [_joined(lines)] if language in LANGUAGES else []
            fence = ""
        elif fence:
            lines.append(line)
    if fence and language in LANGUAGES:
        blocks.append(_joined(lines))
    return blocks if fenced else [_joined(text.splitlines())]


def _joined(lines: list[str]) -> str:
    """Blocks inside lists are indented as a whole."""
    return textwrap.dedent("\n".join(lines)) + "\n"
