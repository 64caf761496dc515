"""Record ids: sortable by time, unguessable, 26 characters (the layout of a ULID, in lower case)."""

import os
import time

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
# two characters at a time: half the steps of a number that is written for every request
PAIRS = tuple(a + b for a in ALPHABET for b in ALPHABET)
# 256 is a multiple of 32, so that of random bytes every letter comes as often
LETTERS = bytes(ord(ALPHABET[byte % len(ALPHABET)]) for byte in range(256))
RANDOM_CHARS = 16
DRAWN_AT_ONCE = 64

_endings: list[str] = []
"""Random letters for ids to come: asking the system for each would take longer than all the rest."""
if hasattr(os, "register_at_fork"):  # not where nothing forks
    os.register_at_fork(after_in_child=_endings.clear)


def new_record_id() -> str:
    """48 bits of Unix milliseconds, then 80 random bits, in Crockford's base 32."""
    now = int(time.time() * 1000)
    try:
        ending = _endings.pop()
    except IndexError:
        ending = _draw()
    return (
        f"{PAIRS[now >> 40]}{PAIRS[now >> 30 & 1023]}{PAIRS[now >> 20 & 1023]}"
        f"{PAIRS[now >> 10 & 1023]}{PAIRS[now & 1023]}{ending}"
    )


def _draw() -> str:
    """Random letters for one id, with those for the next."""
    letters = os.urandom(DRAWN_AT_ONCE * RANDOM_CHARS).translate(LETTERS).decode("ascii")
    begins = range(RANDOM_CHARS, len(letters), RANDOM_CHARS)
    _endings.extend([letters[begin : begin + RANDOM_CHARS] for begin in begins])
    return letters[:RANDOM_CHARS]
