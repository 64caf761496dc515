"""Compares code by its tokens: formatting and comments aside, and for Python the names of local variables.

Programs that do the same in another way differ here; only running them can tell (the `code` check does).
"""

import keyword
import re
from collections.abc import Iterator
from itertools import chain, islice, pairwise
from textwrap import dedent

import msgspec

MAX_CODE_CHARS = 100_000
MAX_TOKENS = 50_000

FENCE = re.compile(
    r"^[ \t]*(`{3,}+|~{3,}+)[ \t]*+([\w+#.-]*)[^\n]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.MULTILINE | re.DOTALL
)
PYTHON = frozenset(("python", "py", "python3"))
HASH_COMMENTS = PYTHON | {"ruby", "rb", "sh", "bash", "shell", "r", "perl", "yaml", "toml", "make"}
NO_CODE = frozenset(("json", "text", "txt", "markdown", "md", "csv", "latex", "tex"))
DASH_COMMENTS = frozenset(("sql", "lua", "haskell", "hs"))
LOOKS_LIKE_PYTHON = re.compile(
    r"^[ \t]*(?:(?:def|class|for|while|if|with)\b[^{;\n]*:|import|from \w)[^{;\n]*$", re.MULTILINE
)

# Strings that are not closed end with their line or the text: no alternative may fail after a long search.
STRINGS = "|".join(
    (
        r"'''(?:[^\\]|\\.)*?(?:'''|\\?\Z)",
        r'"""(?:[^\\]|\\.)*?(?:"""|\\?\Z)',
        r"'(?:[^'\\\n]|\\.)*+(?:'|(?=\n)|\Z|\\\Z)",
        r'"(?:[^"\\\n]|\\.)*+(?:"|(?=\n)|\Z|\\\Z)',
        r"`(?:[^`\\]|\\.)*+(?:`|\Z|\\\Z)",
    )
)
OTHERS = (
    r"(?P<line>\n[ \t]*)|[^\W\d]\w*|\d[\w.]*"
    r"|[-+*/%&|^<>=!:]=|->|=>|\*\*|//|<<|>>|&&|\|\||\+\+|--|::|\.\.\.|[^\s\w]"
)
LEXERS = {
    mark: re.compile(f"(?P<string>{STRINGS})|(?P<comment>{comment})|{OTHERS}", re.DOTALL)
    for mark, comment in (("#", r"#[^\n]*"), ("/", r"//[^\n]*|/\*.*?(?:\*/|\Z)"), ("-", r"--[^\n]*"))
}
NAME = re.compile(r"[^\W\d]\w*")
DEPTHS = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}
TARGETS = frozenset(",()*")


class Line(msgspec.Struct, frozen=True):
    """A logical line of Python: how deep it is indented, in levels, and its tokens."""

    level: int
    tokens: list[str]


def code_in(text: str) -> tuple[str, str] | None:
    """The code of an answer and the language its fences name: all blocks of the language of the longest one."""
    blocks = [(match[2].lower(), dedent(match[3])) for match in FENCE.finditer(text[:MAX_CODE_CHARS])]
    blocks = [(language, code) for language, code in blocks if language not in NO_CODE]
    if not blocks:
        return None
    language = max(blocks, key=lambda block: len(block[1]))[0]
    return "\n".join(code for name, code in blocks if name == language), language


def tokens_of(code: str, language: str) -> tuple[str, ...]:
    """The tokens of a program. Python's show where lines end and how deep they are indented, and local names by the
    order in which they occur."""
    if language in PYTHON or (not language and LOOKS_LIKE_PYTHON.search(code)):
        lines = list(_lines(_lexed(code, "#")))
        return tuple(_renamed(lines, _local_names(lines)))
    mark = "#" if language in HASH_COMMENTS else "-" if language in DASH_COMMENTS else "/"
    return tuple(token for token in _lexed(code, mark) if not token.startswith("\n"))


def _lexed(code: str, mark: str) -> Iterator[str]:
    """Tokens without comments; strings in one kind of quotes; a line's end with the indentation that follows."""
    for match in islice(LEXERS[mark].finditer(code), MAX_TOKENS):
        kind = match.lastgroup
        if kind == "string":
            yield _requoted(match[0])
        elif kind != "comment":
            yield match[0]


def _requoted(string: str) -> str:
    body = string[1:-1]
    plain = string[0] == "'" == string[-1] and '"' not in body and "\\" not in body and "'" not in body
    return f'"{body}"' if plain and len(string) > 1 else string


def _lines(tokens: Iterator[str]) -> Iterator[Line]:
    """Logical lines: inside brackets a line's end is none, and levels replace the width of indentation."""
    widths = [0]
    width = depth = 0
    line: list[str] = []
    for token in chain(tokens, ("\n",)):
        if not token.startswith("\n"):
            depth = max(0, depth + DEPTHS.get(token, 0))
            line.append(token)
            continue
        if depth:
            continue
        if line:
            while width < widths[-1]:
                widths.pop()
            if width > widths[-1]:
                widths.append(width)
            yield Line(len(widths) - 1, line)
            line = []
        width = len(token[1:].expandtabs(8))
    if line:
        yield Line(len(widths) - 1, line)


def _local_names(lines: list[Line]) -> set[str]:
    """Names that are bound inside functions by `=`, `for`, `as`, and mean nothing to the outside."""
    blocks: list[tuple[int, str]] = []
    bound: set[str] = set()
    public: set[str] = set()
    for line in lines:
        while blocks and blocks[-1][0] >= line.level:
            blocks.pop()
        head = line.tokens[1] if line.tokens[0] in ("async", "@") and len(line.tokens) > 1 else line.tokens[0]
        if head in ("def", "class"):
            blocks.append((line.level, head))
            public.update(token for token in line.tokens if NAME.fullmatch(token))
        elif head in ("global", "nonlocal", "import", "from") or not blocks or blocks[-1][1] == "class":
            public.update(token for token in line.tokens if NAME.fullmatch(token))
        else:
            bound.update(_targets(line.tokens))
    return {name for name in bound - public if not keyword.iskeyword(name)}


def _targets(tokens: list[str]) -> Iterator[str]:
    """The names that a line binds."""
    head = tokens[: tokens.index("=")] if "=" in tokens else []
    if len(head) > 1 and head[1] == ":":
        head = head[:1]
    if all(token in TARGETS or NAME.fullmatch(token) for token in head):
        yield from filter(NAME.fullmatch, head)
    binding = False
    for word, following in pairwise([*tokens, ""]):
        if word == "as" and NAME.fullmatch(following):
            yield following
        if word in ("for", "in"):
            binding = word == "for"
        elif binding and NAME.fullmatch(word):
            yield word


def _renamed(lines: list[Line], local: set[str]) -> Iterator[str]:
    """All tokens, each local name as its number; an attribute or a keyword argument keeps its name."""
    numbers: dict[str, str] = {}
    for line in lines:
        yield f"\n{line.level}"
        depth = 0
        before = ""
        for token, following in pairwise([*line.tokens, ""]):
            depth += DEPTHS.get(token, 0)
            is_keyword_argument = depth > 0 and following == "=" and before in ("(", ",")
            if token in local and before != "." and not is_keyword_argument:
                yield numbers.setdefault(token, f"\0{len(numbers)}")
            else:
                yield token
            before = token
