"""Record ids: sortable by time, unguessable, 26 characters (the layout of a ULID, in lower case)."""

import os
import time

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
# two characters at a time: half the steps of a number that is written for every request
PAIRS = tuple(a + b for a in ALPHABET for b in ALPHABET)
SHIFTS = range(120, -1, -10)


def new_record_id() -> str:
    """48 bits of Unix milliseconds, then 80 random bits, in Crockford's base 32."""
    value = (int(time.time() * 1000) << 80) | int.from_bytes(os.urandom(10), "big")
    return "".join([PAIRS[(value >> shift) & 1023] for shift in SHIFTS])
