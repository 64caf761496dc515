"""Provider's words made fit to be kept and shown: short, printable, and without anything that looks like a secret."""

import re

MAX_MESSAGE_CHARS = 300
MAX_CODE_CHARS = 64
MASK = "***"
_READ_CHARS = 1_000
_PIECE_CHARS = 8
"""A piece of the credential this long is masked wherever it is quoted."""
_SECRETS = re.compile(
    r"""
      \b(?:Bearer|Basic)\s+[^\s"']+                     # a credential with its scheme
    | \b(?:sk|rk|gsk|xai|nvapi|pplx|hf)[-_][\w*.-]{4,}               # keys
    | \b(?:pk|ak|fw|key|org|proj|user|acct)[-_](?=[\w-]*\d)[\w-]{6,} # keys and account ids, but not plain words
    | \bAIza[\w-]{8,}
    | \beyJ[\w-]{8,}[\w.-]*                             # a JSON web token
    | \barn:[\w-]+:\S+
    | \bprojects?/[\w:.-]+
    | \b\w+://[^\s/@]+@                                 # user and password in a URL
    | \b(?=[\w-]*[A-Za-z])(?=[\w-]*\d)[\w-]{32,}        # any long run of letters and digits
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PROJECT = re.compile(r"\b(project|organi[sz]ation|account)(\s+(?:id\s+)?)([\w-]*\d[\w-]*)", re.IGNORECASE)
_SPACES = re.compile(r" {2,}")
_CODE = re.compile(r"[^\w.:-]+", re.ASCII)


def clean_message(text: str, credential: str = "") -> str:
    """`text` in at most `MAX_MESSAGE_CHARS`, on one line, with keys, tokens, account ids and `credential` masked."""
    printable = "".join(char if char.isprintable() else " " for char in text[:_READ_CHARS])
    line = _SPACES.sub(" ", printable).strip()
    masked = _SECRETS.sub(MASK, mask_credential(line, credential))
    masked = _PROJECT.sub(rf"\1\2{MASK}", masked)
    if len(masked) <= MAX_MESSAGE_CHARS:
        return masked
    return masked[: MAX_MESSAGE_CHARS - 1].rstrip() + "…"


def clean_code(text: str | None, credential: str = "") -> str | None:
    """A code or type as a short word of plain characters; `None` where nothing is left of it."""
    if not text:
        return None
    return _CODE.sub("_", mask_credential(text[:MAX_CODE_CHARS], credential)).strip("_") or None


def mask_credential(text: str, credential: str) -> str:
    """`text` without any piece of `credential` that is `_PIECE_CHARS` long or more."""
    if len(credential) < _PIECE_CHARS:
        return text.replace(credential, MASK) if len(credential) >= 4 else text
    pieces = {credential[i : i + _PIECE_CHARS] for i in range(len(credential) - _PIECE_CHARS + 1)}
    kept: list[str] = []
    position = 0
    while position < len(text):
        end = position
        while text[end : end + _PIECE_CHARS] in pieces:
            end += 1
        if end == position:
            kept.append(text[position])
            position += 1
        else:
            kept.append(MASK)
            position = end + _PIECE_CHARS - 1
    return "".join(kept)
