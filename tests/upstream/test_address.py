"""URLs and the choice of a proxy."""

import pytest

from tiercel.upstream.address import Origin, parse_url
from tiercel.upstream.errors import InvalidRequestError, ProxyError
from tiercel.upstream.proxy import choose_proxy, parse_proxy


@pytest.mark.parametrize(
    ("url", "authority", "host_header", "target"),
    [
        ("https://api.example.com/v1/chat", "api.example.com:443", "api.example.com", "/v1/chat"),
        ("http://API.example.com", "api.example.com:80", "api.example.com", "/"),
        ("http://127.0.0.1:8000/v1?a=b", "127.0.0.1:8000", "127.0.0.1:8000", "/v1?a=b"),
        ("http://[::1]:8000/v1", "[::1]:8000", "[::1]:8000", "/v1"),
        ("https://[2001:db8::1]/v1", "[2001:db8::1]:443", "[2001:db8::1]", "/v1"),
        ("https://münchen.example/", "xn--mnchen-3ya.example:443", "xn--mnchen-3ya.example", "/"),
    ],
)
def test_url_is_taken_apart(url: str, authority: str, host_header: str, target: str) -> None:
    endpoint = parse_url(url)
    origin = endpoint.origin
    assert (origin.authority, origin.host_header, endpoint.target) == (authority, host_header, target)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example.com/v1",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https://",
        "https://user:secret@example.com/",
        "https://good.example\\@evil.example/",
        "https://.example.com/",
        "https://exa mple.com/",
        "https://example.com:99999/",
        "https://example.com:x/",
        "https://[::1/",
        "https://example.com/a b",
        "https://example.com/ü",
    ],
)
def test_anything_but_a_plain_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_url(url)
    assert "secret" not in str(caught.value)


def chosen(
    host: str, environ: dict[str, str], configured: str | None = None, scheme: str = "https"
) -> str | None:
    origin = parse_url(f"{scheme}://{host}/").origin
    proxy = choose_proxy(origin, configured, environ)
    return proxy.origin.host if proxy else None


BOTH = {"HTTPS_PROXY": "http://secure:3128", "HTTP_PROXY": "http://plain:3128"}


@pytest.mark.parametrize(
    ("host", "environ", "expected"),
    [
        ("api.example.com", {}, None),
        ("api.example.com", BOTH, "secure"),
        ("api.example.com", {"https_proxy": "lower:1", "HTTPS_PROXY": "upper:1"}, "lower"),
        ("api.example.com", {**BOTH, "NO_PROXY": "*"}, None),
        ("api.example.com", {**BOTH, "no_proxy": "other.com, example.com"}, None),
        ("api.example.com", {**BOTH, "NO_PROXY": ".example.com"}, None),
        ("api.example.com", {**BOTH, "NO_PROXY": "*.example.com"}, None),
        ("notexample.com", {**BOTH, "NO_PROXY": "example.com"}, "secure"),
        ("api.example.com:8443", {**BOTH, "NO_PROXY": "example.com:443"}, "secure"),
        ("api.example.com:8443", {**BOTH, "NO_PROXY": "example.com:8443"}, None),
        ("10.1.2.3", {**BOTH, "NO_PROXY": "10.0.0.0/8"}, None),
        ("11.1.2.3", {**BOTH, "NO_PROXY": "10.0.0.0/8, nonsense/99"}, "secure"),
        ("[2001:db8::1]", {**BOTH, "NO_PROXY": "2001:db8::1"}, None),
        ("[2001:db8::1]:8443", {**BOTH, "NO_PROXY": "[2001:db8::1]:8443"}, None),
        ("localhost:8000", BOTH, None),
        ("127.0.0.1:8000", BOTH, None),
        ("[::1]:8000", BOTH, None),
    ],
)
def test_environment_says_which_proxy(host: str, environ: dict[str, str], expected: str | None) -> None:
    assert chosen(host, environ) == expected


def test_plain_http_has_its_own_proxy() -> None:
    assert chosen("api.example.com", BOTH, scheme="http") == "plain"


@pytest.mark.parametrize(("configured", "expected"), [("http://own:1", "own"), ("", None), (None, "secure")])
def test_provider_s_own_setting_wins(configured: str | None, expected: str | None) -> None:
    assert chosen("api.example.com", {**BOTH, "NO_PROXY": "example.org"}, configured) == expected


@pytest.mark.parametrize("url", ["socks5://x:1", "http://", "http://x:99999", "http://[::1"])
def test_proxy_url_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(ProxyError):
        parse_proxy(url)


def test_proxy_s_credential_is_not_printed() -> None:
    proxy = parse_proxy("http://user:secret@proxy.example:3128")
    assert (proxy.origin, repr(proxy)) == (
        Origin(scheme="http", host="proxy.example", port=3128),
        "Proxy(proxy.example:3128)",
    )
