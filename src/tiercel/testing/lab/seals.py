"""Signatures of thinking, as the lab's models make and verify them: each knows its own, and no other's. Pure.

Real ones are opaque. These say which model made them of what, so that a gateway that sends one to another model, or
to the right one with another text, is found out.
"""

import base64
import hashlib
from typing import NamedTuple

_MARK = "tiercel-lab"
_FROM_URLS = str.maketrans("-_", "+/")


class Seal(NamedTuple):
    """What a signature of the lab says: who made it, and a digest of what it seals."""

    model: str
    digest: str


def make_seal(model: str, content: str) -> str:
    """The signature of this model for this content, in base64."""
    return base64.b64encode("|".join((_MARK, model, _digest(content))).encode()).decode()


def read_seal(signature: object) -> Seal | None:
    """What a signature says, `None` where it is none of the lab's."""
    if not isinstance(signature, str):
        return None
    try:
        text = base64.b64decode(signature.translate(_FROM_URLS), validate=True).decode("ascii")
    except ValueError:  # no base64, or no ASCII in it
        return None
    mark, _, rest = text.partition("|")
    model, _, digest = rest.rpartition("|")
    return Seal(model, digest) if mark == _MARK and model else None


def is_sealed_by(signature: object, model: str, content: str | None = None) -> bool:
    """Whether this model made the signature, and of this content where one is given."""
    seal = read_seal(signature)
    if seal is None or seal.model != model:
        return False
    return content is None or seal.digest == _digest(content)


def _digest(content: str) -> str:
    return hashlib.blake2b(content.encode("utf-8", "replace"), digest_size=8).hexdigest()
