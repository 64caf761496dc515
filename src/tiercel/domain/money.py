"""Money: integer nano-dollars inside (1 USD = 1,000,000,000), decimal dollars at the edges."""

from decimal import ROUND_HALF_EVEN, Decimal

NANO_PER_USD = 1_000_000_000


def nano_from_usd(usd: Decimal | str | int) -> int:
    """Dollars as whole nano-dollars, rounded half to even: the one rounding rule there is."""
    return int((Decimal(usd) * NANO_PER_USD).to_integral_value(rounding=ROUND_HALF_EVEN))


def divided(nano: int, by: int) -> int:
    """Whole nano-dollars of a division, by the same rule: half to even."""
    whole, rest = divmod(nano, by)
    return whole + (2 * rest > by or (2 * rest == by and whole % 2 == 1))


def usd_from_nano(nano: int) -> Decimal:
    """Nano-dollars as exact decimal dollars."""
    return Decimal(nano) / NANO_PER_USD


def usd_text(nano: int) -> str:
    """Plain decimal dollars for headers and files: `1234567` becomes `0.001234567`, never an exponent."""
    whole, rest = divmod(abs(nano), NANO_PER_USD)
    text = f"{whole}.{rest:09d}".rstrip("0").rstrip(".")
    return f"-{text}" if nano < 0 else text
