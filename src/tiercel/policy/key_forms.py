"""What people write about keys on command lines and pages, and how keys read there: one set of words for both."""

import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from tiercel.domain.errors import ConfigError
from tiercel.domain.keys import AccessKey, Budget
from tiercel.domain.money import nano_from_usd, usd_text
from tiercel.policy.problems import nearest

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MAX_LABEL_CHARS = 200
MAX_USD = Decimal(1_000_000)
DURATION_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
DAY_SECONDS = 86_400.0


def duration(text: str) -> float:
    """Seconds that `text` means: `30m`, `24h`, `7d`, `2w`; `0` for none. Raises `ConfigError`."""
    found = re.fullmatch(r"(\d{1,6})([smhdw])", text.strip())
    if found:
        return float(int(found[1]) * DURATION_SECONDS[found[2]])
    if text.strip() == "0":
        return 0.0
    raise ConfigError(f"{text!r} is no length of time; write 30m, 24h, 7d or 2w")


def lifetime(text: str) -> float:
    """The same, but not none: nobody makes a key that has ended. Raises `ConfigError`."""
    seconds = duration(text)
    if not seconds:
        raise ConfigError(f"{text!r}: a key that ends at once lets nobody in; leave it out for no end")
    return seconds


def dollars(text: str) -> int:
    """Nano-dollars of an amount in dollars. Raises `ConfigError`."""
    try:
        amount = Decimal(text.strip().removeprefix("$"))
    except InvalidOperation:
        raise ConfigError(f"{text!r} is no amount of dollars") from None
    if not (amount.is_finite() and 0 <= amount <= MAX_USD):
        raise ConfigError(f"{text!r}: expected 0 to {MAX_USD:,} dollars")
    return nano_from_usd(amount)


def count(text: str) -> int:
    """A whole number of at least 1. Raises `ConfigError`."""
    if not re.fullmatch(r"[1-9]\d{0,11}", text.strip()):
        raise ConfigError(f"{text!r}: expected a whole number of at least 1")
    return int(text)


def project_name(text: str) -> str:
    """A project's name. Raises `ConfigError`."""
    if NAME.fullmatch(text) is None:
        raise ConfigError(f"{text!r}: expected 1 to 64 letters, digits, '.', '_' or '-'")
    return text


def label(text: str) -> str:
    """A note of one line. Raises `ConfigError`."""
    if len(text) > MAX_LABEL_CHARS or not text.isprintable():
        raise ConfigError(f"expected one line of at most {MAX_LABEL_CHARS} characters")
    return text


def key_id(text: str) -> str:
    """The id, also where somebody pastes the whole key."""
    return text.split("_")[1] if text.startswith("tk_") and text.count("_") >= 2 else text


def check_allowed(allowed: Iterable[str], known: Collection[str], where: str = "--allow") -> None:
    """A key for a tier that is misspelt would be good for nothing. Raises `ConfigError`."""
    wrong = [one for one in allowed if one not in known]
    if wrong:
        raise ConfigError(
            *(f"{where} {one}: no such tier, model or deployment{nearest(one, known)}" for one in wrong)
        )


def state_of(key: AccessKey, now: float) -> str:
    """Whether a key is good at this moment: `active`, `expired` or `revoked`."""
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "active"


def limits_text(key: AccessKey) -> str:
    """Limits and budget in a few words; empty where there are none."""
    quota = key.quota
    words = []
    if quota.requests_per_minute is not None:
        words.append(f"{quota.requests_per_minute:,} requests/min")
    if quota.tokens_per_minute is not None:
        words.append(f"{quota.tokens_per_minute:,} tokens/min")
    if quota.concurrent is not None:
        words.append(f"{quota.concurrent:,} at once")
    if money := budget_text(key.budget):
        words.append(money)
    if key.expires_at is not None:
        words.append(f"until {datetime.fromtimestamp(key.expires_at, UTC):%Y-%m-%d %H:%M} UTC")
    return ", ".join(words)


def budget_text(budget: Budget) -> str:
    """A budget in words; empty where it limits nothing."""
    words = []
    if budget.day_nano is not None:
        words.append(f"${usd_text(budget.day_nano)} a day")
    if budget.month_nano is not None:
        words.append(f"${usd_text(budget.month_nano)} a month")
    return ", ".join(words)
