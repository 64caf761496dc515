"""What one call is expected to cost, so that rungs can be put in order and a cost cap can be kept.

The expected output is an assumption, not a measurement: good for comparing rungs. Bills come from
usage.
"""

import msgspec
from msgspec.structs import replace

from tiercel.domain.catalog import TOKENS_PER_PRICE, Capabilities, Deployment, Prices
from tiercel.domain.climb import Rung
from tiercel.domain.facts import Facts, Task
from tiercel.domain.request import Effort, ModelRequest
from tiercel.domain.response import Usage

EXPECTED_VISIBLE: dict[Task, int] = {
    "summary": 300,
    "classification": 20,
    "extraction": 250,
    "simple_chat": 200,
    "reasoning": 700,
    "coding": 1_000,
    "long_writing": 2_500,
    "agent_step": 250,
    "gui": 150,
    "unknown": 500,
}
"""Assumed visible tokens of an answer, by task."""

EXPECTED_REASONING: dict[Effort, int] = {
    "none": 0,
    "minimal": 100,
    "low": 500,
    "medium": 1_500,
    "high": 5_000,
    "xhigh": 10_000,
    "max": 20_000,
}
"""Assumed hidden tokens of a model that thinks, by effort."""


CORRECTION_TOKENS = 1_000
"""Room for what a validator says of an answer."""


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """What one call is expected to cost, but for its input: of all requests that are alike but for their size.

    `flat` is nano-dollars per token of input, and those of the output; `None` where it is not so simple: a price is
    unknown, or depends on the size, or a token costs no whole number of them.
    """

    prices: Prices
    output: int
    flat: tuple[int, int] | None

    def nano(self, tokens: int, cached: int = 0) -> int | None:
        """Nano-dollars that a call with so much input is expected to cost, `None` where a needed price is unknown.
        `cached` of the tokens are expected to be read from the provider's cache."""
        if self.flat is not None and not cached:
            return tokens * self.flat[0] + self.flat[1]
        usage = Usage(uncached=tokens - cached, cached=cached, visible=self.output, source="estimated")
        return self.prices.cost(usage)


def expected_rate(deployment: Deployment, effort: Effort | None, request: ModelRequest, facts: Facts) -> Rate:
    """The rate of calls like this one. Hidden thinking is billed as what can be read is."""
    visible = EXPECTED_VISIBLE[facts.task]
    if request.max_output_tokens is not None:
        visible = min(visible, request.max_output_tokens)
    reasoning = EXPECTED_REASONING[thinking_effort(deployment.model.capabilities, effort) or "none"]
    output = (visible + reasoning) * facts.choices
    prices = deployment.billing
    if prices.input is None or prices.output is None or prices.long is not None:
        return Rate(prices=prices, output=output, flat=None)
    each, broken = divmod(prices.input, TOKENS_PER_PRICE)
    whole, part = divmod(output * prices.output, TOKENS_PER_PRICE)
    return Rate(prices=prices, output=output, flat=None if broken or part else (each, whole))


def thinking_effort(capabilities: Capabilities, effort: Effort | None) -> Effort | None:
    """The effort at which the model will think when this one is asked of it; `None` for one that does not think.

    Where thinking has to be asked for (`budget`, `adaptive`), asking for no effort asks for no thinking.
    """
    if capabilities.thinking == "none" or effort == "none":
        return None
    return effort or capabilities.default_effort


def embedding_prices(deployment: Deployment) -> Prices:
    """What embedding is billed at: there is no output, so that only its input's price must be known."""
    return replace(deployment.billing, output=0)


def most_nano(
    rung: Rung,
    facts: Facts,
    *,
    boost: int = 1,
    answers_shown: int = 0,
    reply_tokens: int = CORRECTION_TOKENS,
) -> int | None:
    """Nano-dollars that one call of this rung costs at most; `None` where a price, or the longest answer, is unknown.

    `boost` multiplies the room for the answer, `answers_shown` counts earlier answers that are sent along, each with a
    reply of so many tokens at most. What a provider counts beyond our upper estimate of the input comes on top.
    """
    capabilities = rung.deployment.model.capabilities
    output, asked = capabilities.max_output, rung.max_output_tokens
    if asked is not None:
        if boost > 1:
            asked = max(asked, capabilities.output_floor) * boost
        output = asked if output is None or asked < output else output
    if output is None:
        return None
    tokens = facts.size.upper + answers_shown * (output + reply_tokens)
    most = 0
    prices: Prices | None = rung.deployment.billing
    while prices is not None:  # once, and once more where a long input has prices of its own
        if prices.input is None or prices.output is None:
            return None
        # all of the input at the dearest of its prices: some bill what is written to a cache above plain input
        rate = max(prices.input, prices.cached_input or 0, prices.cache_write or 0)
        nano = -(-(tokens * rate + output * facts.choices * prices.output) // TOKENS_PER_PRICE)
        most = max(most, nano)
        prices = prices.long if prices.long_from is not None and tokens > prices.long_from else None
    return most
