"""The faults that have a name, for `tiercel lab --fault` and for the fault table: one line each on what happens. Pure.

A `row` is the number of the fault's class in the fault table. What happens before a connection stands (a name that is
not found, a port nobody listens on, TLS) is not the lab's to do: give a provider such an address.
"""

import msgspec

from tiercel.testing.faults import Fault
from tiercel.testing.provider_errors import NO_QUOTA


class FaultKind(msgspec.Struct, frozen=True, kw_only=True):
    """A fault with a name, the class it belongs to, and what happens in one line."""

    fault: Fault
    row: str
    about: str

    @property
    def name(self) -> str:
        return self.fault.name


def _kind(name: str, row: str, about: str, fault: Fault) -> FaultKind:
    return FaultKind(fault=msgspec.structs.replace(fault, name=name), row=row, about=about)


MIDDLE = -4
"""Before the fourth piece from the end: after the first content of all but very short answers, before any finish."""

_BUSY = "Overloaded (simulated). Please try again later."
_LIMIT = "Rate limit reached (simulated)."
_KINDS = (
    _kind("reset", "F2", "the connection is closed before any answer", Fault(cut=True, no_head=True)),
    _kind("reset-early", "F3", "closed after the headers, before the first token", Fault(cut=True)),
    _kind("cut", "F4", "closed in the middle of the answer", Fault(cut=True, after=MIDDLE)),
    _kind(
        "truncated",
        "F4",
        "ends in the middle as if all were well, without a finish",
        Fault(truncated=True, after=MIDDLE),
    ),
    _kind(
        "error-first",
        "F5",
        "a 200 whose first event, or whole body, is an error",
        Fault(error_in_stream=True, message=_BUSY),
    ),
    _kind(
        "error-later",
        "F5",
        "an error event after the first content; a 200 with an error as its body where nothing streams",
        Fault(error_in_stream=True, after=MIDDLE, message=_BUSY),
    ),
    _kind("silent", "F6", "takes the request and never answers", Fault(stall=True, no_head=True)),
    _kind("slow", "F6", "answers well, but 20 seconds late", Fault(before_seconds=20.0)),
    _kind("stall", "F7", "falls silent in the middle of the answer", Fault(stall=True, after=MIDDLE)),
    _kind("drip", "F8", "one byte a second", Fault(drip_seconds=1.0)),
    _kind("endless", "F8", "goes on for ever with the same piece", Fault(endless=True, after=MIDDLE)),
    _kind(
        "rate-limited",
        "F9",
        "429, come back in 2 seconds",
        Fault(status=429, retry_after="2", message=_LIMIT),
    ),
    _kind(
        "rate-limited-ms",
        "F9",
        "429 with retry-after-ms: 1500",
        Fault(status=429, headers={"retry-after-ms": "1500"}, message=_LIMIT),
    ),
    _kind(
        "rate-limited-date",
        "F9",
        "429 whose Retry-After is a date that has passed",
        Fault(status=429, retry_after="Wed, 21 Oct 2015 07:28:00 GMT", message=_LIMIT),
    ),
    _kind(
        "rate-limited-long",
        "F9",
        "429 whose Retry-After is thirty years",
        Fault(status=429, retry_after="1000000000", message=_LIMIT),
    ),
    _kind(
        "rate-limited-nonsense",
        "F9",
        "429 whose Retry-After is no time",
        Fault(status=429, retry_after="soon", message=_LIMIT),
    ),
    _kind("rate-limited-bare", "F10", "429 that does not say until when", Fault(status=429, message=_LIMIT)),
    _kind(
        "quota",
        "F10",
        "429 because the money is used up, in the format's own words",
        Fault(status=429, code=NO_QUOTA, message="You exceeded your current quota (simulated)."),
    ),
    _kind("payment", "F10", "402", Fault(status=402, message="Payment required (simulated).")),
    _kind("server-error", "F11", "500", Fault(status=500, message="Internal error (simulated).")),
    _kind("bad-gateway", "F11", "502", Fault(status=502, message="Bad gateway (simulated).")),
    _kind("unavailable", "F11", "503", Fault(status=503, message=_BUSY)),
    _kind("overloaded", "F11", "529, as Anthropic says it", Fault(status=529, message=_BUSY)),
    _kind("bad-request", "F12", "400", Fault(status=400, message="That is not valid (simulated).")),
    _kind("unprocessable", "F12", "422", Fault(status=422, message="That is not valid (simulated).")),
    _kind(
        "unauthorized",
        "F12",
        "401 for the gateway's own key",
        Fault(status=401, message="Invalid API key (simulated)."),
    ),
    _kind(
        "forbidden",
        "F12",
        "403 for the gateway's own key",
        Fault(status=403, message="No access (simulated)."),
    ),
    _kind(
        "gone",
        "F12",
        "404, no such model any more",
        Fault(status=404, code="model_not_found", message="This model does not exist (simulated)."),
    ),
    _kind("malformed", "F13", "half a JSON text", Fault(body="malformed", after=MIDDLE)),
    _kind("html", "F13", "a login page with status 200", Fault(body="html")),
    _kind("nothing", "F13", "a 200 without a body", Fault(body="nothing")),
    _kind(
        "wrong-shape", "F13", "JSON whose fields have other types", Fault(body="wrong_shape", after=MIDDLE)
    ),
    _kind("duplicate-keys", "F13", "JSON that says one key twice", Fault(body="duplicate_keys")),
    _kind("not-a-number", "F13", "NaN, which is no JSON", Fault(body="not_a_number")),
    _kind("empty", "F14", "a good answer with nothing in it", Fault(body="empty")),
    _kind(
        "thought-away",
        "F14",
        "thinking used up the budget: nothing to read, finish length",
        Fault(body="thought_away"),
    ),
    _kind("filtered", "F14", "a content filter left nothing", Fault(body="filtered")),
    _kind("huge", "F15", "a hundred megabytes in one line", Fault(body="huge")),
    _kind("flood", "F15", "a million events that say nothing", Fault(body="flood")),
    _kind("gzip-bomb", "F15", "100 KB that unpack to a hundred megabytes", Fault(body="gzip_bomb")),
    _kind("many-headers", "F16", "ten thousand headers", Fault(body="many_headers")),
    _kind("huge-header", "F16", "a header of a megabyte", Fault(body="huge_header")),
    _kind("nul-in-header", "F16", "a NUL in a header", Fault(body="nul_in_header")),
    _kind("interim-flood", "F16", "a thousand 103 answers before the answer", Fault(body="interim_flood")),
    _kind("redirect", "F16", "a redirect to this machine", Fault(body="redirect")),
    _kind("finish-twice", "F17", "a stream's finish comes twice", Fault(body="finish_twice")),
    _kind(
        "end-missing", "F17", "a stream with its finish but without its end mark", Fault(body="end_missing")
    ),
)
FAULT_KINDS: dict[str, FaultKind] = {kind.name: kind for kind in _KINDS}
