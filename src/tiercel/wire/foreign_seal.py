"""Another maker's seal on its way through a client, and back.

A client gives thinking back in the one shape its own format has, where nothing says whose the seal in it is or that it
stands for thinking which nobody is shown. So a foreign seal travels inside one of our making that says both. It is
opened only where a request goes out (`provenance.py`): until then a seal is whatever it came as.
"""

import base64
from typing import get_args

from msgspec.structs import replace

from tiercel.domain.events import ReasoningDelta
from tiercel.domain.request import Format, Reasoning

_MARK = "tiercel-seal"
_BEGINNING = base64.b64encode(_MARK.encode()).decode()
_FORMATS: dict[str, Format] = {format: format for format in get_args(Format)}


def carried_seal(thought: Reasoning | ReasoningDelta, format: Format) -> str | None:
    """The seal as a client of `format` is given it: one of its own format as it is, any other inside one of ours.

    `None` where there is no seal. Both are base64, which every format takes.
    """
    seal = thought.signature or thought.redacted
    if not seal or thought.source in (None, format):
        return seal or None
    kind = "redacted" if thought.redacted else "sealed"
    return base64.b64encode(f"{_MARK}:{thought.source}:{kind}:{seal}".encode("utf-8", "replace")).decode()


def opened(thought: Reasoning) -> Reasoning:
    """The thinking as its maker sealed it, the very same object where its seal is not one of ours."""
    signature = thought.signature
    if signature is None or not signature.startswith(_BEGINNING):
        return thought
    try:
        mark, source, kind, seal = base64.b64decode(signature, validate=True).decode("utf-8").split(":", 3)
    except ValueError:  # no base64, no text, or of fewer words
        return thought
    maker = _FORMATS.get(source)
    if mark != _MARK or maker is None:
        return thought
    if kind == "redacted":
        return replace(thought, signature=None, redacted=seal, source=maker)
    return replace(thought, signature=seal, source=maker)
