"""Vectors as text: base64 of little-endian 32-bit floats, which is how OpenAI's clients ask for them."""

import binascii
import math
import struct
from base64 import b64decode, b64encode
from collections.abc import Sequence

from tiercel.domain.embedding import Vector
from tiercel.domain.errors import UpstreamDataError

_LARGEST = 3.4028234663852886e38
"""The largest number that 32 bits hold."""


def base64_text(vector: Vector) -> str:
    return b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def checked_vector(value: Sequence[float] | str) -> Vector:
    """A provider's vector, as numbers or as base64. Raises `UpstreamDataError` for anything else.

    Text encoded twice, as some servers send it, has not the length of a list of floats or holds what is no number.
    """
    numbers = _unpacked(value) if isinstance(value, str) else tuple(value)
    if not numbers:
        raise UpstreamDataError("the upstream's answer has an embedding without numbers")
    if not all(math.isfinite(number) and abs(number) <= _LARGEST for number in numbers):
        raise UpstreamDataError("the upstream's answer has an embedding with what is no number")
    return numbers


def _unpacked(text: str) -> Vector:
    try:
        data = b64decode(text, validate=True)
        return struct.unpack(f"<{len(data) // 4}f", data)
    except (binascii.Error, ValueError, struct.error):
        raise UpstreamDataError("the upstream's answer has an embedding that is no list of floats") from None
