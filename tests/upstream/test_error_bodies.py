"""Error answers as providers send them, headers and body, through their format's codec into the table of failures.

The shapes and words are those that each provider documents or was seen to send; names and numbers are made up.
"""

import json
from typing import Any

import msgspec
import pytest

from tiercel.domain.failure import Failure, FailureKind
from tiercel.domain.request import Format
from tiercel.upstream.failures import classify_status
from tiercel.upstream.wait_hint import wait_seconds
from tiercel.wire.registry import CODECS

NOW = 1_795_000_000.0


class Sent(msgspec.Struct, frozen=True):
    """One error answer, and what it is."""

    format: Format
    status: int
    body: Any
    kind: FailureKind
    wait: float | None = None
    headers: dict[str, str] = {}


def openai(message: str, type: str | None, code: str | None = None) -> Any:
    return {"error": {"message": message, "type": type, "param": None, "code": code}}


def anthropic(type: str, message: str, **details: str) -> Any:
    error: dict[str, Any] = {"type": type, "message": message}
    if details:
        error["details"] = details
    return {"type": "error", "error": error, "request_id": "req_1"}


def google(code: int, status: str, message: str, *details: Any) -> Any:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


def quota_failure(quota_id: str) -> Any:
    violation = {"quotaMetric": "generate_content_requests", "quotaId": quota_id, "quotaValue": "5"}
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}


def retry_info(delay: str) -> Any:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


RATE_MESSAGE = (
    "Rate limit reached for gpt-x in organization org-1 on tokens per min (TPM): Limit 30000, Used 29000, "
    "Requested 4000. Please try again in 6s."
)
QUOTA_MESSAGE = "You exceeded your current quota, please check your plan and billing details."

SENT: dict[str, Sent] = {
    # rate limits
    "openai, a rate": Sent(
        "openai_chat", 429, openai(RATE_MESSAGE, "tokens", "rate_limit_exceeded"), "rate_limited", 6.0
    ),
    "openai, a rate in milliseconds": Sent(
        "openai_responses",
        429,
        openai("Rate limit reached. Please try again in 250ms.", "requests", "rate_limit_exceeded"),
        "rate_limited",
        0.25,
    ),
    "openai, the header before the words": Sent(
        "openai_chat",
        429,
        openai(RATE_MESSAGE, "tokens", "rate_limit_exceeded"),
        "rate_limited",
        9.0,
        {"retry-after": "9"},
    ),
    "anthropic, a rate": Sent(
        "anthropic",
        429,
        anthropic("rate_limit_error", "This request would exceed your organization's rate limit."),
        "rate_limited",
        20.0,
        {"anthropic-ratelimit-requests-reset": "2026-11-18T11:07:00Z"},
    ),
    "gemini, a rate per minute in words of a quota": Sent(
        "gemini",
        429,
        google(
            429,
            "RESOURCE_EXHAUSTED",
            QUOTA_MESSAGE,
            quota_failure("GenerateRequestsPerMinutePerProjectPerModel"),
            retry_info("34.4s"),
        ),
        "rate_limited",
        34.4,
    ),
    # money and quotas
    "openai, no quota": Sent(
        "openai_chat", 429, openai(QUOTA_MESSAGE, "insufficient_quota", "insufficient_quota"), "quota"
    ),
    "openai, a hard limit": Sent(
        "openai_responses",
        400,
        openai("Billing hard limit has been reached.", "invalid_request_error", "billing_hard_limit_reached"),
        "quota",
    ),
    "openai, no credit": Sent(
        "openai_chat", 429, openai("", "insufficient_quota", "credit_balance_exhausted"), "quota"
    ),
    "anthropic, no credit as a 400": Sent(
        "anthropic",
        400,
        anthropic("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
        "quota",
    ),
    "anthropic, a bill": Sent("anthropic", 402, anthropic("billing_error", "Payment required."), "quota"),
    "anthropic, a spend limit": Sent(
        "anthropic",
        429,
        anthropic("rate_limit_error", "Limit reached.", error_code="enforced_spend_limit_reached"),
        "quota",
    ),
    "openrouter, no credits": Sent(
        "openai_chat",
        402,
        {"error": {"code": 402, "message": "Insufficient credits. Add more using the settings page."}},
        "quota",
    ),
    # overload
    "openai, overloaded": Sent(
        "openai_responses", 503, openai("Overloaded.", "server_error", "server_is_overloaded"), "overloaded"
    ),
    "openai, slow down": Sent(
        "openai_chat", 503, openai("Slow down.", "server_error", "slow_down"), "overloaded"
    ),
    "anthropic, overloaded": Sent(
        "anthropic", 529, anthropic("overloaded_error", "Overloaded"), "overloaded", 3.0, {"retry-after": "3"}
    ),
    "gemini, unavailable": Sent(
        "gemini",
        503,
        google(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
        "overloaded",
    ),
    "gemini, unavailable in a list": Sent(
        "gemini", 503, [google(503, "UNAVAILABLE", "The model is overloaded.")], "overloaded"
    ),
    "ollama, busy": Sent(
        "ollama",
        503,
        {"error": "server busy, please try again.  maximum pending requests exceeded"},
        "overloaded",
    ),
    # the server itself
    "openai, an error": Sent(
        "openai_chat",
        500,
        openai("The server had an error while processing your request.", "server_error"),
        "server_error",
    ),
    "anthropic, an error": Sent(
        "anthropic", 500, anthropic("api_error", "Internal server error"), "server_error"
    ),
    "anthropic, too slow": Sent(
        "anthropic", 504, anthropic("timeout_error", "Request timed out"), "server_error"
    ),
    "gemini, an error": Sent(
        "gemini", 500, google(500, "INTERNAL", "An internal error has occurred."), "server_error"
    ),
    "gemini, too slow": Sent(
        "gemini", 504, google(504, "DEADLINE_EXCEEDED", "Deadline expired."), "server_error"
    ),
    "openai, in conflict": Sent("openai_chat", 409, openai("Conflict.", "conflict_error"), "server_error"),
    "a dependency that failed": Sent(
        "openai_chat", 424, {"error": {"message": "Failed dependency"}}, "server_error"
    ),
    # credentials
    "openai, a key": Sent(
        "openai_chat",
        401,
        openai("Incorrect API key provided: sk-...abc.", "invalid_request_error", "invalid_api_key"),
        "auth",
    ),
    "anthropic, a key": Sent(
        "anthropic", 401, anthropic("authentication_error", "invalid x-api-key"), "auth"
    ),
    "anthropic, no permission": Sent(
        "anthropic", 403, anthropic("permission_error", "Your API key lacks permission."), "auth"
    ),
    "gemini, a key as a 400": Sent(
        "gemini",
        400,
        google(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
        "auth",
    ),
    "gemini, no permission": Sent(
        "gemini", 403, google(403, "PERMISSION_DENIED", "Permission denied."), "auth"
    ),
    # models
    "openai, no model": Sent(
        "openai_chat",
        404,
        openai(
            "The model `gpt-x` does not exist or you do not have access to it.",
            "invalid_request_error",
            "model_not_found",
        ),
        "model_gone",
    ),
    "anthropic, no model": Sent(
        "anthropic", 404, anthropic("not_found_error", "model: claude-x"), "model_gone"
    ),
    "gemini, no model": Sent(
        "gemini",
        404,
        google(404, "NOT_FOUND", "models/gemini-x is not found for API version v1beta."),
        "model_gone",
    ),
    "azure, no deployment": Sent(
        "openai_chat",
        404,
        {
            "error": {
                "code": "DeploymentNotFound",
                "message": "The API deployment for this resource does not exist.",
            }
        },
        "model_gone",
    ),
    "openrouter, no endpoints": Sent(
        "openai_chat", 404, {"error": {"code": 404, "message": "No endpoints found for x/y."}}, "model_gone"
    ),
    "ollama, no model": Sent("ollama", 404, {"error": "model 'llama-x' not found"}, "model_gone"),
    # too long
    "openai, too long": Sent(
        "openai_chat",
        400,
        openai(
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
            "invalid_request_error",
            "context_length_exceeded",
        ),
        "context_too_long",
    ),
    "responses, too long": Sent(
        "openai_responses",
        400,
        openai(
            "Your input exceeds the context window of this model.",
            "invalid_request_error",
            "context_length_exceeded",
        ),
        "context_too_long",
    ),
    "anthropic, too long": Sent(
        "anthropic",
        400,
        anthropic("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
        "context_too_long",
    ),
    "anthropic, too large": Sent(
        "anthropic",
        413,
        anthropic("request_too_large", "Request exceeds the maximum size"),
        "context_too_long",
    ),
    "gemini, too long": Sent(
        "gemini",
        400,
        google(
            400,
            "INVALID_ARGUMENT",
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        ),
        "context_too_long",
    ),
    "llama.cpp, too long": Sent(
        "openai_chat",
        400,
        {
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size, try increasing it",
                "type": "exceed_context_size_error",
            }
        },
        "context_too_long",
    ),
    "vllm, too long": Sent(
        "openai_chat",
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
            "type": "BadRequestError",
            "code": 400,
        },
        "context_too_long",
    ),
    # policies
    "azure, filtered": Sent(
        "openai_chat",
        400,
        {
            "error": {
                "code": "content_filter",
                "message": "The response was filtered due to the prompt triggering the content management policy.",
                "innererror": {"code": "ResponsibleAIPolicyViolation"},
            }
        },
        "content_policy",
    ),
    "openai, against the policy": Sent(
        "openai_responses",
        400,
        openai("Invalid prompt.", "invalid_request_error", "content_policy_violation"),
        "content_policy",
    ),
    # thinking of others
    "openai, encrypted elsewhere": Sent(
        "openai_responses",
        400,
        openai(
            "The encrypted content for item rs_1 could not be verified.",
            "invalid_request_error",
            "invalid_encrypted_content",
        ),
        "seal_refused",
    ),
    "anthropic, signed elsewhere": Sent(
        "anthropic",
        400,
        anthropic("invalid_request_error", "messages.1.content.0: Invalid `signature` in `thinking` block"),
        "seal_refused",
    ),
    "gemini, signed elsewhere": Sent(
        "gemini", 400, google(400, "INVALID_ARGUMENT", "Thought signature is not valid."), "seal_refused"
    ),
    # the request itself
    "openai, a parameter": Sent(
        "openai_chat",
        400,
        openai("Unsupported parameter: 'temperature'.", "invalid_request_error", "unsupported_parameter"),
        "bad_request",
    ),
    "anthropic, a field": Sent(
        "anthropic",
        400,
        anthropic("invalid_request_error", "max_tokens: 100000 > 64000, the maximum number of output tokens"),
        "bad_request",
    ),
    "gemini, a field": Sent(
        "gemini",
        400,
        google(400, "INVALID_ARGUMENT", 'Invalid JSON payload received. Unknown name "foo".'),
        "bad_request",
    ),
    "mistral, a field": Sent(
        "openai_chat",
        422,
        {
            "object": "error",
            "message": {"detail": [{"loc": ["body"], "msg": "extra"}]},
            "type": "invalid_request_error",
        },
        "bad_request",
    ),
}


def failure_of(sent: Sent) -> Failure:
    """As the upstream call reads it."""
    body = json.dumps(sent.body).encode()
    facts = CODECS[sent.format].decode_error(sent.status, sent.headers, body)
    from_headers = wait_seconds(sent.headers, body.decode(), NOW)
    return classify_status(sent.status, msgspec.structs.replace(facts, retry_after_seconds=from_headers))


@pytest.mark.parametrize("sent", SENT.values(), ids=SENT)
def test_an_error_is_what_its_body_says(sent: Sent) -> None:
    failure = failure_of(sent)
    assert (failure.kind, failure.retry_after_seconds) == (sent.kind, sent.wait)


@pytest.mark.parametrize("status", [520, 521, 522, 523, 524, 502, 504])
@pytest.mark.parametrize("format", CODECS)
def test_pages_of_a_proxy_in_between_are_the_servers_trouble(format: Format, status: int) -> None:
    facts = CODECS[format].decode_error(status, {}, b"<html><body>error code: 520</body></html>")
    assert classify_status(status, facts, html=True).kind == "server_error"
