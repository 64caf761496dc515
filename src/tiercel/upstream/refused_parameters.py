"""Parameters of the drawing of tokens that a provider refuses by name: which they are, how providers say so, and what
is remembered of it.

Only how tokens are drawn may be left out unasked: the answer is then one that the model might have given anyway. What
was asked, with which tools, for which shape, length, effort or extras of the answer never is. Nor does a value that
makes no sense make its parameter refused.
"""

import re
from collections import OrderedDict
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from tiercel.domain.catalog import Target
from tiercel.domain.request import ModelRequest, Sampling

KEPT_SECONDS = 3_600.0
"""Then a refused parameter is tried again: providers change."""
MAX_KNOWN = 1_000

DROPPABLE: frozenset[str] = frozenset(
    (
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "top_a",
        "typical_p",
        "frequency_penalty",
        "presence_penalty",
        "repetition_penalty",
        "seed",
        "logit_bias",
    )
)
"""What may be left out. Providers spell the same names in their own manner, such as `topK`."""
_SPELLINGS = {name.replace("_", ""): (name,) for name in DROPPABLE} | {
    "penalty": ("frequency_penalty", "presence_penalty")
}
_UNSET = Sampling()


class Saying(msgspec.Struct, frozen=True, kw_only=True):
    """How a provider words that it does not take the parameter `name`, and where and when that was read."""

    words: re.Pattern[str]
    source: str
    date: str


def _saying(words: str, source: str) -> Saying:
    return Saying(words=re.compile(words, re.IGNORECASE), source=source, date="2026-11-21")


_NAME = r"[`'\"]?(?P<name>[a-z_]+)[`'\"]?"
SAYINGS: tuple[Saying, ...] = (
    _saying(
        rf"unsupported (parameter|value): {_NAME}",
        "https://github.com/BeehiveInnovations/pal-mcp-server/issues/78",
    ),
    _saying(
        rf"{_NAME} is (deprecated|not supported) (for|with|by) this model",
        "https://github.com/github/app/issues/2574",
    ),
    _saying(
        rf"[a-z_`]+ and {_NAME} cannot both be specified",
        "https://github.com/anomalyco/opencode/issues/28930",
    ),
    _saying(
        rf"{_NAME} may only be set to 1 when thinking is enabled",
        "https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking",
    ),
    _saying(
        rf"argument not supported( on this model)?: {_NAME}",
        "https://github.com/n8n-io/n8n/issues/14581",
    ),
    _saying(
        rf"does not support parameter {_NAME}",
        "https://github.com/open-webui/open-webui/issues/21266",
    ),
    _saying(
        rf"unrecognized request argument supplied: {_NAME}",
        "https://github.com/xlinx/sd-webui-decadetw-auto-prompt-llm/issues/29",
    ),
    _saying(rf"{_NAME} is not enabled for", "https://github.com/vercel/ai/issues/8943"),
    _saying(rf"unknown name \\?{_NAME}", "https://github.com/nashsu/llm_wiki/issues/49"),
    _saying(
        rf"property {_NAME} is unsupported",
        "https://github.com/CherryHQ/cherry-studio/issues/11435",
    ),
    _saying(
        rf"invalid {_NAME}: only \S+ is allowed for this model",
        "https://github.com/XCNXNXNX/dsh-portable-tavern/issues/1",
    ),
)


def refused_parameters(message: str, request: ModelRequest, target: Target) -> tuple[str, ...]:
    """Those of the request's parameters that this error refuses and that may be left out; mostly none.

    `message` is the provider's own. What had been left out of the call already cannot be what it refuses.
    """
    sent = _drawing(request) - set(target.deployment.model.capabilities.rejects)
    for saying in SAYINGS:
        found = saying.words.search(message)
        if found:
            named = _SPELLINGS.get(found["name"].replace("_", "").lower(), ())
            return tuple([name for name in named if name in sent])
    return ()


class RefusedParameters:
    """What this process was refused, for a while. `clock` is monotonic seconds.

    A refusal holds for requests to the same deployment that set the same parameters at the same effort: there are
    models that take a temperature, but not beside a `top_p`, or not while they think.
    """

    def __init__(self, clock: Callable[[], float], max_known: int = MAX_KNOWN) -> None:
        self._clock = clock
        self._max_known = max_known
        self.known: OrderedDict[tuple[object, ...], tuple[float, tuple[str, ...]]] = OrderedDict()
        """Until when, and what; while it is empty, as it mostly is, nobody need be asked."""

    def note(self, request: ModelRequest, target: Target, names: tuple[str, ...]) -> None:
        """This call was refused for these parameters."""
        key = _key(request, target)
        known = (*self.of(request, target), *names)
        self.known[key] = self._clock() + KEPT_SECONDS, tuple(dict.fromkeys(known))
        self.known.move_to_end(key)
        if len(self.known) > self._max_known:
            self.known.popitem(last=False)

    def of(self, request: ModelRequest, target: Target) -> tuple[str, ...]:
        """What is to be left out of this call."""
        key = _key(request, target)
        until, names = self.known.get(key, (0.0, ()))
        if names and self._clock() >= until:
            del self.known[key]
            return ()
        return names


def without(target: Target, names: tuple[str, ...]) -> Target:
    """The target as one whose model does not take these parameters."""
    deployment = target.deployment
    capabilities = deployment.model.capabilities
    capabilities = replace(capabilities, rejects=(*capabilities.rejects, *names))
    model = replace(deployment.model, capabilities=capabilities)
    return replace(target, deployment=replace(deployment, model=model))


def _key(request: ModelRequest, target: Target) -> tuple[object, ...]:
    return target.deployment.name, target.effort or request.effort, _drawing(request)


def _drawing(request: ModelRequest) -> frozenset[str]:
    """The parameters of this request that may be left out."""
    sampling = request.sampling
    fields = Sampling.__struct_fields__
    named = {name for name in fields if getattr(sampling, name) != getattr(_UNSET, name)}
    return DROPPABLE & (named | request.extra.keys())
