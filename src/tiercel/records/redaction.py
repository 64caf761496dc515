"""Takes out of texts what names or opens something: addresses, keys, numbers. Better too much than too little."""

import re
from typing import Any

_KEY_STARTS = "sk|pk|rk|ghp|gho|ghs|github_pat|glpat|xox[abeprs]|hf|AKIA|ASIA|AIza|ya29"
_RULES = (
    (
        re.compile(r"-----BEGIN [A-Z0-9 ]{1,40}-----.*?(?:-----END [A-Z0-9 ]{1,40}-----|\Z)", re.DOTALL),
        "[key]",
    ),
    (re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "[email]"),
    (re.compile(r"(?i)\bbearer\s+[^\s\"',;]{8,}"), "[key]"),
    (re.compile(rf"(?<![A-Za-z0-9])(?:{_KEY_STARTS})[-_.]?[A-Za-z0-9_.-]{{12,}}"), "[key]"),
    # a word of letters and digits that is too long for a word
    (re.compile(r"(?<![A-Za-z0-9_-])(?=[A-Za-z_-]*[0-9])(?=[0-9_-]*[A-Za-z])[A-Za-z0-9_-]{32,}"), "[key]"),
    # seven digits or more, however they are parted: cards, telephones, accounts
    (re.compile(r"(?<![\w.])\+?\(?\d(?:[ ().\-/]{0,2}\d){6,}"), "[number]"),
)
DATA = "[data]"


def redact(value: Any) -> Any:
    """A JSON value with every text in it redacted, and without the bytes of images and files."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, dict):
        is_media = value.get("type") == "media"
        return {
            key: DATA if is_media and key == "data" and item else redact(item) for key, item in value.items()
        }
    return [redact(item) for item in value] if isinstance(value, list | tuple) else value


def redact_text(text: str) -> str:
    """The text with what was found replaced by its kind: `[email]`, `[key]`, `[number]`."""
    if text.startswith("data:"):
        return DATA
    for rule, kind in _RULES:
        text = rule.sub(kind, text)
    return text
