"""Record ids: sortable by time, unguessable, 26 characters (the layout of a ULID, in lower case)."""

import os
import time

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_record_id() -> str:
    """48 bits of Unix milliseconds, then 80 random bits, in Crockford's base 32."""
    value = (int(time.time() * 1000) << 80) | int.from_bytes(os.urandom(10), "big")
    return "".join(ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5))
