"""`options`: where Ollama's API has sampling and limits, beside settings of the server that only it understands."""

from typing import Any

from tiercel.domain.json import JsonObject
from tiercel.domain.request import Sampling
from tiercel.wire import fields

_NUMBERS = ("temperature", "top_p", "presence_penalty", "frequency_penalty")
_INTEGERS = ("top_k", "seed")


def read_sampling(options: JsonObject, source: JsonObject) -> Sampling:
    """Raises `CallerError`. The log probabilities are asked for beside the options, in the body itself."""
    found: dict[str, Any] = {}
    for name in _NUMBERS:
        found[name] = fields.optional_number(options, name, f"options.{name}")
    for name in _INTEGERS:
        found[name] = fields.optional_integer(options, name, f"options.{name}")
    found["stop"] = _read_stop(options)
    found["logprobs"] = fields.optional_flag(source, "logprobs", "logprobs")
    found["top_logprobs"] = fields.optional_integer(source, "top_logprobs", "top_logprobs", least=0)
    return Sampling(**found)


def read_num_predict(options: JsonObject) -> int | None:
    """The limit of output tokens; Ollama's -1 (no limit) and -2 (fill the context) are none."""
    limit = fields.optional_integer(options, "num_predict", "options.num_predict")
    return limit if limit is not None and limit > 0 else None


def other_options(options: JsonObject) -> JsonObject:
    """The options that nobody here reads."""
    limit = options.get("num_predict")
    read = {*_NUMBERS, *_INTEGERS, "stop"} | ({"num_predict"} if limit is None or limit > 0 else set())
    return fields.leftovers(options, frozenset(read))


def written_options(sampling: Sampling, max_output_tokens: int | None) -> JsonObject:
    """Sampling and limit as options."""
    options: JsonObject = {}
    for name in (*_NUMBERS, *_INTEGERS):
        value = getattr(sampling, name)
        if value is not None:
            options[name] = value
    if sampling.stop:
        options["stop"] = list(sampling.stop)
    if max_output_tokens is not None:
        options["num_predict"] = max_output_tokens
    return options


def _read_stop(options: JsonObject) -> tuple[str, ...]:
    stop = options.get("stop")
    if isinstance(stop, str):
        return (stop,)
    listed = fields.optional_list(options, "stop", "options.stop") or []
    for index, item in enumerate(listed):
        if not isinstance(item, str):
            fields.refuse(f"options.stop[{index}]", "a string", item)
    return tuple(listed)
