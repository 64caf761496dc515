"""The table of failures: statuses, bodies and exceptions, each in its kind; and nothing secret in any message."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.errors import UpstreamDataError
from tiercel.domain.failure import Failure, FailureKind
from tiercel.upstream import errors
from tiercel.upstream.errors import HttpError, TimedOutError
from tiercel.upstream.failures import (
    EXCEPTIONS,
    MESSAGES,
    TIMEOUTS,
    classify_exception,
    classify_status,
    refine,
)
from tiercel.wire.codec import ErrorFacts, UpstreamReplyError


def kind_of(status: int, message: str = "", code: str | None = None, type: str | None = None) -> str:
    return classify_status(status, ErrorFacts(message=message, code=code, type=type)).kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, "bad_response"),
        (307, "bad_response"),
        (400, "bad_request"),
        (401, "auth"),
        (402, "quota"),
        (403, "auth"),
        (404, "model_gone"),
        (405, "model_gone"),
        (407, "unreachable"),
        (408, "server_error"),
        (409, "server_error"),
        (410, "model_gone"),
        (413, "context_too_long"),
        (422, "bad_request"),
        (424, "server_error"),
        (429, "rate_limited"),
        (499, "server_error"),
        (500, "server_error"),
        (502, "server_error"),
        (503, "overloaded"),
        (504, "server_error"),
        (520, "server_error"),
        (529, "overloaded"),
    ],
)
def test_status_alone_decides_when_the_body_says_nothing(status: int, kind: str) -> None:
    assert kind_of(status) == kind


@pytest.mark.parametrize(
    ("status", "message", "code", "kind"),
    [
        (429, "You exceeded your current quota, please check your plan", "insufficient_quota", "quota"),
        (429, "", "credit_balance_exhausted", "quota"),
        (429, "", "enforced_spend_limit_reached", "quota"),
        (429, "", "billing_hard_limit_reached", "quota"),
        (400, "Your credit balance is too low to access the API.", "invalid_request_error", "quota"),
        (403, "Insufficient credits. Add more to continue.", None, "quota"),
        (402, "This request requires more credits, or fewer max_tokens.", "402", "quota"),
        (429, "Rate limit reached for requests", "rate_limit_exceeded", "rate_limited"),
        (429, "Request too large: tokens per min (TPM): Limit 30000, Requested 40000", None, "rate_limited"),
        (429, "Too many tokens, please wait before trying again.", None, "rate_limited"),
        (400, "…", "context_length_exceeded", "context_too_long"),
        (400, "This model's maximum context length is 8192 tokens.", None, "context_too_long"),
        (400, "prompt is too long: 210000 tokens > 200000 maximum", None, "context_too_long"),
        (400, "Input is too long for requested model.", None, "context_too_long"),
        (
            400,
            "The input token count (2000000) exceeds the maximum number of tokens",
            None,
            "context_too_long",
        ),
        (
            500,
            "the request exceeds the available context size",
            "exceed_context_size_error",
            "context_too_long",
        ),
        (400, "max_tokens: 100000 > 64000, the maximum number of output tokens", None, "bad_request"),
        (400, "max_tokens is too large: 100000.", None, "bad_request"),
        (400, "The response was filtered", "content_filter", "content_policy"),
        (400, "rejected as it violates our usage policies", None, "content_policy"),
        (
            403,
            "Your chosen model requires moderation and your input was flagged for violence",
            None,
            "content_policy",
        ),
        (400, "messages.1.content.0: Invalid `signature` in `thinking` block", None, "seal_refused"),
        (
            400,
            "The encrypted content gAAA... could not be verified.",
            "invalid_encrypted_content",
            "seal_refused",
        ),
        (400, "Encrypted content could not be decrypted or parsed.", None, "seal_refused"),
        (400, "Thought signature is not valid.", "400", "seal_refused"),
        (400, "Corrupted thought signature.", "400", "seal_refused"),
        (
            400,
            "`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified.",
            "invalid_request_error",
            "seal_refused",
        ),
        (400, "Invalid schema for function 'get_quota': context is not allowed", None, "bad_request"),
        (404, "The model `gpt-9` does not exist", "model_not_found", "model_gone"),
        (404, "No endpoints found for x/y.", None, "model_gone"),
        (400, "x/y is not a valid model ID", None, "model_gone"),
        (400, "The model `z` has been decommissioned", "model_decommissioned", "model_gone"),
        (400, "API key not valid. Please pass a valid API key.", None, "auth"),
        (401, "Incorrect API key provided", "invalid_api_key", "auth"),
        (503, "", "server_is_overloaded", "overloaded"),
        (500, "", "overloaded_error", "overloaded"),
    ],
)
def test_body_comes_before_the_status(status: int, message: str, code: str | None, kind: str) -> None:
    assert kind_of(status, message, code) == kind


def test_quota_words_with_a_short_wait_are_a_rate_limit() -> None:
    """Gemini words a limit per minute as an exceeded quota, and says how many seconds to wait."""
    facts = ErrorFacts(
        message="You exceeded your current quota", type="RESOURCE_EXHAUSTED", retry_after_seconds=34.4
    )
    failure = classify_status(429, facts)
    assert (failure.kind, failure.retry_after_seconds) == ("rate_limited", 34.4)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, "bad_response"),
        (400, "bad_response"),
        (404, "bad_response"),
        (401, "auth"),
        (403, "auth"),
        (429, "rate_limited"),
        (502, "server_error"),
        (503, "overloaded"),
    ],
)
def test_web_page_is_no_answer_unless_its_status_says_why(status: int, kind: str) -> None:
    assert classify_status(status, ErrorFacts(), html=True).kind == kind


@pytest.mark.parametrize(
    ("failure", "kind", "status"),
    [
        (Failure(kind="stream_error", message="", code="429"), "rate_limited", 429),
        (Failure(kind="stream_error", message="", status=502, code="502"), "server_error", 502),
        (Failure(kind="stream_error", message="", code="overloaded_error"), "overloaded", None),
        (Failure(kind="stream_error", message="", code="insufficient_quota"), "quota", None),
        (Failure(kind="stream_error", message="", code="context_length_exceeded"), "context_too_long", None),
        (Failure(kind="stream_error", message="", code="invalid_request_error"), "bad_request", None),
        (Failure(kind="stream_error", message="", code="api_error"), "server_error", None),
        (Failure(kind="stream_error", message="", detail="prompt is too long"), "context_too_long", None),
        (Failure(kind="stream_error", message="odd"), "stream_error", None),
    ],
)
def test_error_in_a_stream_is_what_its_code_says(failure: Failure, kind: str, status: int | None) -> None:
    refined = refine(failure)
    assert (refined.kind, refined.status) == (kind, status)


def test_other_failures_of_a_decoder_stay_what_they_are() -> None:
    failure = Failure(kind="truncated", message="x", code="429")
    assert refine(failure) is failure


def subclasses(base: type[Exception]) -> set[type[Exception]]:
    return {base}.union(*(subclasses(child) for child in base.__subclasses__()))


def test_every_exception_of_a_call_is_in_the_table() -> None:
    known = {*EXCEPTIONS, HttpError, TimedOutError, UpstreamReplyError}
    assert subclasses(HttpError) | subclasses(UpstreamDataError) == known


def test_every_clock_is_in_the_table() -> None:
    assert set(TIMEOUTS) == {*get_args(errors.Phase), "first_token"}


def test_every_kind_has_a_message() -> None:
    assert set(MESSAGES) == set(get_args(FailureKind))


@pytest.mark.parametrize("kind", [*EXCEPTIONS])
def test_exception_becomes_a_failure_with_our_message(
    kind: type[HttpError] | type[UpstreamDataError],
) -> None:
    failure = classify_exception(kind("internals"))
    assert failure.message
    assert "internals" not in failure.message


def test_error_in_the_body_of_a_200_is_what_it_says() -> None:
    error = UpstreamReplyError(ErrorFacts(message="Provider returned error", code="502", status=502))
    failure = classify_exception(error)
    assert (failure.kind, failure.status) == ("server_error", 502)


@pytest.mark.parametrize(
    ("phase", "kind", "code"),
    [
        ("connect", "unreachable", "connect_timeout"),
        ("first_byte", "timeout", "first_byte"),
        ("idle", "timeout", "idle"),
        ("deadline", "timeout", "deadline"),
    ],
)
def test_timeout_tells_which_clock_ran_out(phase: errors.Phase, kind: str, code: str) -> None:
    failure = classify_exception(TimedOutError(phase))
    assert (failure.kind, failure.code) == (kind, code)


def test_client_reads_the_provider_s_words_only_about_its_own_request() -> None:
    facts = ErrorFacts(message="'messages' must not be empty")
    ours = classify_status(500, facts)
    theirs = classify_status(400, facts)
    assert ours.message == "the provider had an internal error"
    assert theirs.message == "the provider says that the request is not valid: 'messages' must not be empty"
    assert ours.detail == theirs.detail == "'messages' must not be empty"


@given(st.integers(300, 599), st.text(), st.text() | st.none(), st.text() | st.none(), st.booleans())
def test_any_error_has_a_short_printable_message(
    status: int, message: str, code: str | None, type: str | None, html: bool
) -> None:
    failure = classify_status(status, ErrorFacts(message=message, code=code, type=type), html=html)
    assert len(failure.message) <= 400
    assert failure.message.isprintable()
    assert failure.code is None or failure.code.isprintable()


@given(st.text(), st.text(), st.text("abcdefghijklmnop0123456789_.-", min_size=8, max_size=60))
def test_credential_is_never_quoted(before: str, after: str, credential: str) -> None:
    """Wherever the provider quotes the key it was sent, whole or half, in message or code."""
    for quoted in (credential, credential[:8], credential[-8:]):
        facts = ErrorFacts(message=before + quoted + after, code=quoted, type=quoted)
        failure = classify_status(400, facts, credential=credential)
        assert quoted not in f"{failure.detail}"
        assert quoted not in f"{failure.code}"
        assert quoted not in failure.message.removeprefix(MESSAGES["bad_request"])
