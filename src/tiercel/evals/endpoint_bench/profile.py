"""What is asked: prompts of about so many tokens for answers of at most so many, no two alike."""

import hashlib
import re
from itertools import cycle, islice

import msgspec

from tiercel.domain.errors import ConfigError

FORM = re.compile(r"(\d{1,7})(k?)-(\d{1,7})(k?)\Z")
FILLER = """
river stone window garden letter market winter bridge copper silver morning table kitchen harbour engine paper
mountain village number station forest colour summer island pocket ladder carpet dinner travel signal
"""
WORDS = tuple(FILLER.split())
"""A token each for most models; what was really counted is in the usage."""
MOST_DRAWN = 4096
"""So many words are drawn; a longer prompt repeats them."""
ASK = "\n\nRetell the list above as one long story that uses its words in their order. Do not stop before its end."


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """About `input_tokens` in, at most `output_tokens` out."""

    name: str
    input_tokens: int
    output_tokens: int


def read_profile(text: str) -> Profile:
    """`1k-1k`, `100-300`. Raises `ConfigError`."""
    form = FORM.match(text)
    if form is None:
        raise ConfigError(f"profile {text!r}: write tokens in and out, such as 1k-1k or 100-300")
    tokens_in, tokens_out = (int(form[n]) * (1000 if form[n + 1] else 1) for n in (1, 3))
    if not (1 <= tokens_in <= 1_000_000 and 1 <= tokens_out <= 1_000_000):
        raise ConfigError(f"profile {text!r}: 1 to 1,000k tokens each way")
    return Profile(name=text, input_tokens=tokens_in, output_tokens=tokens_out)


def body(profile: Profile, model: str, seed: int, number: int) -> bytes:
    """The request of this number: another prompt from its first word on, so that no cache of prefixes helps."""
    drawn = hashlib.shake_128(f"{seed}/{number}".encode()).digest(MOST_DRAWN)
    words = [
        drawn[:4].hex(),
        *(WORDS[one % len(WORDS)] for one in islice(cycle(drawn), profile.input_tokens)),
    ]
    return msgspec.json.encode(
        {
            "model": model,
            "messages": [{"role": "user", "content": " ".join(words) + ASK}],
            "max_tokens": profile.output_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    )
