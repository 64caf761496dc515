"""Where calls go and which header carries their credential: by format, or by server where that differs."""

import pytest

from tiercel.domain.catalog import Provider
from tiercel.domain.request import Format
from tiercel.domain.secret import Secret
from tiercel.upstream.auth import call_headers, call_url, credential_headers
from tiercel.upstream.errors import InvalidRequestError
from tiercel.wire.quirks import quirks_named


def provider(format: Format = "openai_chat", quirks: str = "generic", **fields: object) -> Provider:
    base_url = str(fields.get("base_url", "https://api.example.com/v1"))
    return Provider(name="p", format=format, base_url=base_url, key=Secret("sk-1"), quirks=quirks)


@pytest.mark.parametrize(
    ("format", "quirks", "header"),
    [
        ("openai_chat", "openai", ("authorization", "Bearer sk-1")),
        ("openai_responses", "openai", ("authorization", "Bearer sk-1")),
        ("ollama", "generic", ("authorization", "Bearer sk-1")),
        ("anthropic", "anthropic", ("x-api-key", "sk-1")),
        ("gemini", "generic", ("x-goog-api-key", "sk-1")),
        ("gemini", "vertex", ("authorization", "Bearer sk-1")),
        ("openai_chat", "gemini_compat", ("authorization", "Bearer sk-1")),
        ("openai_chat", "azure", ("api-key", "sk-1")),
        ("openai_responses", "azure", ("api-key", "sk-1")),
        ("openai_chat", "azure_deployments", ("api-key", "sk-1")),
    ],
)
def test_the_credential_stands_where_format_and_server_want_it(
    format: Format, quirks: str, header: tuple[str, str]
) -> None:
    assert credential_headers(provider(format, quirks), format) == (header,)


def test_without_a_credential_no_header_pretends_to_one() -> None:
    keyless = Provider(name="p", format="gemini", base_url="http://127.0.0.1:1")
    assert credential_headers(keyless, keyless.format) == ()
    assert "x-goog-api-key" not in dict(call_headers(keyless, (), keyless.format))


@pytest.mark.parametrize(
    ("base_url", "path", "url"),
    [
        ("https://a.example/v1", "/chat", "https://a.example/v1/chat"),
        ("https://a.example/v1/", "/chat?alt=sse", "https://a.example/v1/chat?alt=sse"),
        (
            "https://a.example?api-version=2025-04-01-preview",
            "/chat?api-version=2024-10-21",
            "https://a.example/chat?api-version=2025-04-01-preview",
        ),
        (
            "https://a.example/?api-version=1",
            "/chat?alt=sse",
            "https://a.example/chat?alt=sse&api-version=1",
        ),
    ],
)
def test_the_path_goes_below_the_base_url_whose_query_counts(base_url: str, path: str, url: str) -> None:
    """Azure's version is data, and the operator's own word wins over it."""
    assert call_url(provider(base_url=base_url), path) == url


@pytest.mark.parametrize("path", ["@evil.example/x", ".evil.example/x", ":99/x"])
def test_no_path_leads_to_another_origin(path: str) -> None:
    with pytest.raises(InvalidRequestError):
        call_url(provider(base_url="https://a.example?api-version=1"), path)


def test_azures_default_version_is_in_its_entry() -> None:
    assert quirks_named("azure_deployments").query.startswith("api-version=")
    assert quirks_named("azure").query == ""
