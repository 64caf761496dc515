"""What goes wrong, row by row, and what the gateway is to make of it: the data of the tests and of the table in the
docs. A row is the number of the fault's class there."""

from typing import Literal

import msgspec
from msgspec.structs import replace

from tests.gateway.faults.odd_streams import ODD_STREAMS
from tiercel.domain.failure import FailureKind
from tiercel.domain.policy import Limits
from tiercel.domain.request import Format
from tiercel.testing.fault_kinds import FAULT_KINDS
from tiercel.testing.scripted import Fails, Fault, Raw, Reply, Says

When = Literal["before", "after", "good", "refused"]
"""`before` or `after` the client has begun to get the answer; `good` means that it gets it whole all the same,
`refused` that it gets the model's refusal."""

ALL: tuple[Format, ...] = ("openai_chat", "openai_responses", "anthropic", "gemini", "ollama")
SPOKEN = "one two three four five six seven eight"
PATIENT = Limits(deadline_seconds=30.0, first_token_seconds=20.0, idle_seconds=20.0, retries=0)
HASTY = Limits(
    deadline_seconds=5.0, first_token_seconds=1.2, idle_seconds=1.2, whole_answer_seconds=1.2, retries=0
)
"""For faults that only a clock ends."""
QUIET = replace(PATIENT, idle_seconds=2.5)
"""For a silence after the beginning, which is what all are to get, also on a machine that has other work."""
UNSAID = "5"
"""Seconds after which a client may come back to a rate limit or an overload that does not say until when."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A fault, and what is expected of it.

    `kind` is the failure in the record, `kinds` where it is another at some upstream, whole or streamed. `whole` and
    `stream` say when it happens (`None`: it is not asked for so), `elsewhere` whether somebody else may answer.
    `delivered` is whether an empty answer goes out, marked, where nobody else answers.
    `retry_after` is when the provider says that the client may come back. `url` replaces the provider's address.
    """

    row: str
    name: str
    about: str
    fault: Fault | Raw | None = None
    text: str = SPOKEN
    kind: FailureKind | None = None
    kinds: dict[tuple[Format, bool], FailureKind] = {}
    whole: When | None = "before"
    stream: When | None = "before"
    elsewhere: bool = True
    retry_after: str | None = None
    delivered: bool = False
    url: str | None = None
    limits: Limits = PATIENT
    upstreams: tuple[Format, ...] = ("openai_chat",)

    def when(self, stream: bool) -> When | None:
        """When it happens to this kind of answer."""
        return self.stream if stream else self.whole

    def failure(self, upstream: Format, stream: bool) -> FailureKind | None:
        """The failure in the record."""
        return (
            None
            if self.when(stream) in ("good", "refused")
            else self.kinds.get((upstream, stream), self.kind)
        )

    def wait(self, upstream: Format, stream: bool) -> str | None:
        """When the client is told to come back, if it is."""
        passes = self.failure(upstream, stream) in ("rate_limited", "overloaded")
        return self.retry_after or (UNSAID if passes else None)

    def reply(self, upstream: Format) -> Reply:
        """What the provider does."""
        match self.fault:
            case None:
                return ODD_STREAMS[upstream]
            case Raw() | Fails():
                return self.fault
            case _:
                return Says(text=self.text, fault=self.fault)


def _named(
    name: str, kind: FailureKind | None = None, *, change: Fault | None = None, **more: object
) -> Case:
    """The case of a fault that has a name, which is then also its line in the table."""
    known = FAULT_KINDS[name]
    case = Case(row=known.row, name=name, about=known.about, fault=change or known.fault, kind=kind)
    return replace(case, **more)


_REFUSED_ADDRESS = "http://127.0.0.1:1/v1"
_NO_NAME = "http://nobody.invalid/v1"
_NO_TLS = "https://127.0.0.1:{port}/v1"
_TOO_LONG = (
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
)

_OVERLOADED_IN_STREAM: dict[tuple[Format, bool], FailureKind] = {
    ("anthropic", True): "overloaded",
    ("gemini", True): "overloaded",
    ("gemini", False): "overloaded",
    ("ollama", True): "stream_error",
    ("ollama", False): "stream_error",
}
"""OpenAI's error event has no code here, Anthropic's body of a 503 says `api_error`, and Ollama's errors are a sentence
and nothing else."""

CASES: tuple[Case, ...] = (
    Case(
        row="F1",
        name="refused",
        about="nobody listens there",
        kind="unreachable",
        fault=Fault(),
        url=_REFUSED_ADDRESS,
    ),
    Case(
        row="F1",
        name="no-such-name",
        about="its name is not found",
        kind="unreachable",
        fault=Fault(),
        url=_NO_NAME,
    ),
    Case(row="F1", name="no-tls", about="it speaks no TLS", kind="unreachable", fault=Fault(), url=_NO_TLS),
    _named("reset", "reset"),
    Case(
        row="F2",
        name="closed-in-head",
        about="closed in the middle of the headers",
        kind="reset",
        fault=Raw(data=b"HTTP/1.1 200 OK\r\ncontent-ty"),
    ),
    _named("reset-early", "reset"),
    _named("cut", "reset", stream="after", upstreams=ALL),
    _named(
        "truncated",
        "truncated",
        stream="after",
        kinds={(upstream, False): "bad_response" for upstream in ALL},
        upstreams=ALL,
    ),
    _named("error-first", "server_error", kinds=_OVERLOADED_IN_STREAM, upstreams=ALL),
    _named("error-later", "server_error", stream="after", kinds=_OVERLOADED_IN_STREAM, upstreams=ALL),
    _named("silent", "timeout", limits=HASTY),
    _named("slow", "timeout", limits=HASTY),
    _named("stall", "timeout", stream="after", limits=QUIET, upstreams=ALL),
    _named("drip", "timeout", change=Fault(drip_seconds=0.05), limits=HASTY),
    _named(
        "endless", "timeout", stream="after", kinds={("openai_chat", False): "bad_response"}, limits=HASTY
    ),
    _named("rate-limited", "rate_limited", retry_after="2", upstreams=ALL),
    _named("rate-limited-ms", "rate_limited", retry_after="2"),
    _named("rate-limited-date", "rate_limited"),
    _named("rate-limited-long", "rate_limited", retry_after="300"),
    _named("rate-limited-nonsense", "rate_limited"),
    Case(
        row="F9",
        name="rate-limited-negative",
        about="429 whose Retry-After is negative",
        kind="rate_limited",
        fault=Fails(status=429, retry_after="-5"),
    ),
    Case(
        row="F9",
        name="rate-limited-words",
        about="429 whose message says when",
        kind="rate_limited",
        retry_after="2",
        fault=Fails(status=429, message="Rate limit reached. Please try again in 1.2s."),
    ),
    _named("rate-limited-bare", "rate_limited", upstreams=ALL),
    _named("quota", "quota", upstreams=ALL),
    _named("payment", "quota", upstreams=ALL),
    _named("server-error", "server_error", upstreams=ALL),
    _named("bad-gateway", "server_error"),
    _named("unavailable", "overloaded"),
    _named("overloaded", "overloaded", upstreams=ALL),
    Case(
        row="F11",
        name="overloaded-until",
        about="529 with Retry-After",
        kind="overloaded",
        retry_after="3",
        fault=Fails(status=529, retry_after="3"),
        upstreams=("openai_chat", "anthropic"),
    ),
    _named("bad-request", "bad_request", elsewhere=False, upstreams=ALL),
    _named("unprocessable", "bad_request", elsewhere=False),
    Case(
        row="F12",
        name="too-long",
        about="400, the request does not fit the model",
        kind="context_too_long",
        elsewhere=False,
        fault=Fails(status=400, code="context_length_exceeded", message=_TOO_LONG),
    ),
    Case(
        row="F12",
        name="forbidden-words",
        about="400, against the provider's content policy",
        kind="content_policy",
        elsewhere=False,
        fault=Fails(status=400, code="content_policy_violation", message="Not allowed (simulated)."),
    ),
    _named("unauthorized", "auth", upstreams=ALL),
    _named("forbidden", "auth", upstreams=ALL),
    _named("gone", "model_gone", upstreams=ALL),
    _named("malformed", "bad_response", stream="after", upstreams=ALL),
    Case(
        row="F13",
        name="malformed-first",
        about="half a JSON text as the first event",
        kind="bad_response",
        fault=Fault(body="malformed"),
        upstreams=ALL,
    ),
    _named("html", "bad_response", upstreams=ALL),
    _named(
        "nothing", "bad_response", kinds={(upstream, True): "truncated" for upstream in ALL}, upstreams=ALL
    ),
    _named("wrong-shape", "bad_response", stream="after", upstreams=ALL),
    Case(
        row="F13",
        name="wrong-shape-first",
        about="the same in the first event",
        kind="bad_response",
        fault=Fault(body="wrong_shape"),
        upstreams=ALL,
    ),
    _named("duplicate-keys", whole="good", stream="good", upstreams=ALL),
    _named("not-a-number", "bad_response", upstreams=ALL),
    Case(
        row="F13",
        name="not-http",
        about="another protocol",
        kind="bad_response",
        fault=Raw(data=b"SSH-2.0-OpenSSH_9.2\r\n"),
    ),
    _named("empty", "empty", upstreams=ALL),
    Case(
        row="F14",
        name="blank",
        about="a good answer of nothing but white space",
        kind="empty",
        fault=Fault(),
        text=" \n ",
        upstreams=ALL,
    ),
    _named("thought-away", "empty_length", delivered=True, upstreams=ALL),
    _named(
        "filtered",
        whole="refused",
        stream="refused",
        upstreams=("openai_chat", "openai_responses", "anthropic", "gemini"),
    ),
    _named("huge", "too_large"),
    _named("flood", "too_large", whole="good"),
    _named("gzip-bomb", "bad_response"),
    _named("many-headers", "bad_response"),
    _named("huge-header", "bad_response"),
    _named("nul-in-header", "bad_response"),
    _named("interim-flood", "bad_response"),
    _named("redirect", "bad_response"),
    _named("finish-twice", whole="good", stream="good", upstreams=ALL),
    _named("end-missing", whole="good", stream="good", upstreams=("openai_chat", "anthropic")),
    Case(
        row="F17",
        name="disorder",
        about="roles repeated, gaps in the indices, two finishes, usage before and after them",
        whole=None,
        stream="good",
        upstreams=ALL,
    ),
)
