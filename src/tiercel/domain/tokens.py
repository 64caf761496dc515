"""Token counts without a tokenizer: a cheap estimate with a stated margin.

No vendor's tokenizer is loaded: they differ from one another by more than this estimate from any of them, and the
exact count arrives with the answer's usage. Where too low would be wrong (does it fit the window?) use `upper`.
"""

import msgspec

CHARS_PER_TOKEN_ASCII = 4.0
CHARS_PER_TOKEN_OTHER = 1.5
MARGIN = 0.20
"""The estimate of ordinary prose, code and JSON stays within this share of the true count (tests/domain)."""

TOKENS_PER_MESSAGE = 4
TOKENS_PER_IMAGE = 1_100
TOKENS_PER_MEDIA = 3_000


class TokenEstimate(msgspec.Struct, frozen=True):
    """An estimated number of tokens and the relative margin it is good for."""

    tokens: int
    margin: float = MARGIN

    @property
    def upper(self) -> int:
        """The count to plan with where too small would be wrong."""
        return int(self.tokens * (1 + self.margin)) + 1


def estimate_tokens(text: str) -> int:
    """About how many tokens `text` has: 4 characters each for ASCII, 1.5 for everything else."""
    if text.isascii():
        return int(len(text) / CHARS_PER_TOKEN_ASCII) + (1 if text else 0)
    ascii_count = len(text.encode("ascii", "ignore"))
    other_count = len(text) - ascii_count
    return int(ascii_count / CHARS_PER_TOKEN_ASCII + other_count / CHARS_PER_TOKEN_OTHER) + 1
