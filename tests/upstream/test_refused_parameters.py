"""Which errors refuse a parameter that may be left out, and what is remembered of them."""

from typing import Any

import pytest
from msgspec.structs import replace

from tests.upstream.calls import REQUEST, target_at
from tiercel.domain.request import Effort, ModelRequest, Sampling
from tiercel.upstream.refused_parameters import (
    KEPT_SECONDS,
    SAYINGS,
    RefusedParameters,
    refused_parameters,
    without,
)

TARGET = target_at("http://127.0.0.1:1")
EVERYTHING = replace(
    REQUEST,
    sampling=Sampling(
        temperature=0.2,
        top_p=0.9,
        top_k=4,
        frequency_penalty=0.5,
        presence_penalty=0.5,
        seed=7,
        stop=("END",),
        logit_bias={"50": 1},
        logprobs=True,
    ),
    max_output_tokens=50,
    effort="low",
    extra={"min_p": 0.1, "verbosity": "low"},
)
PENALTIES = ("frequency_penalty", "presence_penalty")

REFUSED: dict[str, tuple[str, ...]] = {
    "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is "
    "supported.": ("temperature",),
    "Unsupported parameter: 'top_p' is not supported with this model.": ("top_p",),
    "`temperature` is deprecated for this model.": ("temperature",),
    "`top_k` is not supported for this model.": ("top_k",),
    "`temperature` and `top_p` cannot both be specified for this model. Please use only one.": ("top_p",),
    "`temperature` may only be set to 1 when thinking is enabled.": ("temperature",),
    "Argument not supported on this model: presencePenalty": ("presence_penalty",),
    "Argument not supported: logit_bias": ("logit_bias",),
    "Model grok does not support parameter frequencyPenalty.": ("frequency_penalty",),
    "Penalty is not enabled for models/gemini-2.5-flash": PENALTIES,
    'Invalid JSON payload received. Unknown name "topK": Cannot find field.': ("top_k",),
    "property 'logit_bias' is unsupported": ("logit_bias",),
    "property 'min_p' is unsupported, did you mean 'top_p'?": ("min_p",),
    "invalid temperature: only 1 is allowed for this model": ("temperature",),
    "Unrecognized request argument supplied: min_p": ("min_p",),
}
NOT_REFUSED = (
    "",
    "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 5 instead.",
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    "Unsupported parameter: 'tools' is not supported with this model.",
    "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
    "Unsupported value: 'reasoning_effort' does not support 'low' with this model.",
    "Model grok does not support parameter stop.",
    "Argument not supported on this model: logprobs",
    "property 'response_format' is unsupported",
    'Unknown name "verbosity": Cannot find field.',
    "'stream' is not supported with this model.",
)


@pytest.mark.parametrize("message", REFUSED)
def test_what_a_provider_refuses_by_name_is_known_by_it(message: str) -> None:
    assert refused_parameters(message, EVERYTHING, TARGET) == REFUSED[message]


@pytest.mark.parametrize("message", NOT_REFUSED)
def test_what_changes_the_meaning_or_is_merely_wrong_is_never_left_out(message: str) -> None:
    assert refused_parameters(message, EVERYTHING, TARGET) == ()


def test_what_was_not_sent_is_not_what_is_refused() -> None:
    message = "`temperature` is deprecated for this model."
    assert refused_parameters(message, REQUEST, TARGET) == ()
    assert refused_parameters(message, EVERYTHING, without(TARGET, ("temperature",))) == ()


def test_every_wording_says_where_and_when_it_was_read() -> None:
    assert all(saying.source.startswith("https://") and saying.date for saying in SAYINGS)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def asking(effort: Effort | None = None, **sampling: Any) -> ModelRequest:
    return replace(REQUEST, sampling=Sampling(**sampling), effort=effort)


def test_a_refusal_holds_for_requests_of_the_same_make() -> None:
    """The same deployment, parameters and effort: the value does not matter."""
    known = RefusedParameters(Clock())
    known.note(asking(temperature=0.2), TARGET, ("temperature",))
    elsewhere = replace(TARGET, deployment=replace(TARGET.deployment, name="other"))
    assert known.of(asking(temperature=0.9), TARGET) == ("temperature",)
    assert known.of(asking(temperature=0.2), elsewhere) == ()
    assert known.of(asking("high", temperature=0.2), TARGET) == ()
    assert known.of(asking(temperature=0.2, top_p=0.5), TARGET) == ()
    assert known.of(asking(), TARGET) == ()


def test_one_refusal_after_another_adds_up() -> None:
    known = RefusedParameters(Clock())
    request = asking(temperature=0.2, top_p=0.5)
    known.note(request, TARGET, ("temperature",))
    known.note(request, TARGET, ("top_p",))
    assert known.of(request, TARGET) == ("temperature", "top_p")


def test_a_refusal_is_forgotten_after_an_hour() -> None:
    clock = Clock()
    known = RefusedParameters(clock)
    known.note(asking(seed=1), TARGET, ("seed",))
    clock.now = KEPT_SECONDS - 1
    assert known.of(asking(seed=1), TARGET) == ("seed",)
    clock.now = KEPT_SECONDS
    assert known.of(asking(seed=1), TARGET) == ()


def test_the_memory_is_bounded_and_the_oldest_goes_first() -> None:
    known = RefusedParameters(Clock(), max_known=2)
    for sampling in ({"seed": 1}, {"top_k": 1}, {"top_p": 0.5}):
        known.note(asking(**sampling), TARGET, tuple(sampling))
    assert [known.of(asking(**s), TARGET) for s in ({"seed": 1}, {"top_k": 1}, {"top_p": 0.5})] == [
        (),
        ("top_k",),
        ("top_p",),
    ]
