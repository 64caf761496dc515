"""No request makes the gateway call an address: only the operator's own files name whom it talks to."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.gateway.house import house
from tests.gateway.plain_http import call
from tiercel.domain.catalog import Capabilities
from tiercel.domain.request import Format
from tiercel.testing.scripted import Raw, Says, ScriptedProvider

HOSTS = (
    "127.0.0.1:{port}",
    "localhost:{port}",
    "LOCALHOST:{port}",
    "localhost.:{port}",
    "ip6-localhost:{port}",
    "[::1]:{port}",
    "[0:0:0:0:0:0:0:1]:{port}",
    "[::]:{port}",
    "[::ffff:127.0.0.1]:{port}",
    "[::ffff:7f00:1]:{port}",
    "[::127.0.0.1]:{port}",
    "[64:ff9b::7f00:1]:{port}",
    "[2002:7f00:1::]:{port}",
    "[::1%25lo]:{port}",
    "127.1:{port}",
    "127.0.1:{port}",
    "127.127.127.127:{port}",
    "0:{port}",
    "0.0.0.0:{port}",
    "2130706433:{port}",
    "0x7f000001:{port}",
    "0x7f.0x0.0x0.0x1:{port}",
    "0x7f.1:{port}",
    "017700000001:{port}",
    "0177.0.0.1:{port}",
    "0177.0.0.01:{port}",
    "127.0.0.1.:{port}",
    "①②⑦.⓪.⓪.①:{port}",
    "127。0。0。1:{port}",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{port}",
    "%31%32%37.0.0.1:{port}",
    "%6cocalhost:{port}",
    "user@127.0.0.1:{port}",
    "user:password@127.0.0.1:{port}",
    "provider.example@127.0.0.1:{port}",
    "127.0.0.1:{port}@provider.example",
    "provider.example\\@127.0.0.1:{port}",
    "127.0.0.1:{port}\\@provider.example",
    "127.0.0.1:{port}#@provider.example",
    "provider.example#@127.0.0.1:{port}",
    "provider.example%2f@127.0.0.1:{port}",
    "127.0.0.1%00.provider.example:{port}",
    "127.0.0.1\t:{port}",
    "127.0.0.1\r\nx: y:{port}",
    "127.0.0.1:{port}/latest/meta-data/",
    "127.0.0.1:{port}/?url=http://127.0.0.1:{port}",
)
WHOLE = (
    "//127.0.0.1:{port}/",
    "\\\\127.0.0.1:{port}\\x",
    "http:127.0.0.1:{port}",
    "http:/127.0.0.1:{port}",
    "http:///127.0.0.1:{port}",
    "http:\\\\127.0.0.1:{port}",
    "HTTP://127.0.0.1:{port}",
    "https://127.0.0.1:{port}",
    " http://127.0.0.1:{port}",
    "ht\ntp://127.0.0.1:{port}",
    "ftp://127.0.0.1:{port}/x",
    "gopher://127.0.0.1:{port}/_GET",
    "dict://127.0.0.1:{port}/x",
    "ldap://127.0.0.1:{port}/x",
    "ws://127.0.0.1:{port}/x",
    "tftp://127.0.0.1:{port}/x",
    "jar:http://127.0.0.1:{port}!/x",
    "url:http://127.0.0.1:{port}",
    "file:///etc/passwd",
    "http://provider.example/../../@127.0.0.1:{port}",
)
HEADERS = (
    "x-upstream",
    "x-base-url",
    "x-api-base",
    "x-tiercel-base-url",
    "x-tiercel-provider",
    "x-portkey-custom-host",
    "x-litellm-api-base",
    "x-openai-base-url",
    "x-forwarded-host",
    "x-forwarded-for",
    "x-original-url",
    "x-rewrite-url",
    "x-webhook-url",
    "forwarded",
    "destination",
    "referer",
    "via",
)
FIELDS = (
    "api_base",
    "base_url",
    "baseUrl",
    "endpoint",
    "url",
    "host",
    "proxy",
    "webhook",
    "webhook_url",
    "callback_url",
    "organization",
    "user",
)
SEES = Capabilities(modalities=("text", "image", "video", "audio", "file"))


def urls(port: int) -> Iterator[str]:
    """At least sixty ways to say: the listener on this machine."""
    for host in HOSTS:
        yield f"http://{host}".replace("{port}", str(port))
    for whole in WHOLE:
        yield whole.replace("{port}", str(port))


def nested(url: str) -> dict[str, Any]:
    """The address in every field in which some gateway once took one, and again inside of others."""
    flat: dict[str, Any] = dict.fromkeys(FIELDS, url)
    return flat | {
        "metadata": {"tiercel.base_url": url, "api_base": url},
        "extra_body": flat,
        "extra_headers": {"host": url},
        "user_config": {"model_list": [flat]},
        "litellm_params": flat,
        "litellm_embedding_config": flat,
        "provider": {"order": [url], "base_url": url},
        "fallbacks": [{"model": "x", "api_base": url}],
    }


def bodies(url: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A request in each client format, with the address also wherever a picture or a file may have one."""
    image = {"type": "image_url", "image_url": {"url": url}}
    yield "/v1/chat/completions", {"messages": [{"role": "user", "content": [image]}]}
    hi = [{"role": "user", "content": "hi"}]
    yield "/v1/chat/completions", nested(url) | {"messages": hi}
    file = {"type": "input_file", "file_url": url}
    picture = {"type": "input_image", "image_url": url}
    yield "/v1/responses", {"input": [{"role": "user", "content": [file, picture]}]}
    source = {"type": "url", "url": url}
    content = [{"type": "image", "source": source}, {"type": "document", "source": source}]
    messages = [{"role": "user", "content": content}]
    yield (
        "/v1/messages",
        {"max_tokens": 9, "messages": messages, "mcp_servers": [{"type": "url", "url": url}]},
    )
    part = {"fileData": {"fileUri": url, "mimeType": "image/png"}}
    yield "/v1beta/models/auto:generateContent", {"contents": [{"role": "user", "parts": [part]}]}
    yield "/v1/embeddings", {"input": url, "api_base": url}


class Listener:
    """Whoever connects to it was fooled."""

    def __init__(self) -> None:
        self.visits = 0
        self.port = 0

    def visit(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        writer.close()


@asynccontextmanager
async def listening() -> AsyncIterator[Listener]:
    listener = Listener()
    server = await asyncio.start_server(listener.visit, "0.0.0.0")
    listener.port = server.sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("upstream", ["openai_chat", "openai_responses", "anthropic", "gemini", "ollama"])
async def test_no_address_in_a_request_is_ever_called(tmp_path: Path, upstream: Format) -> None:
    """Sixty and more spellings, in every field and header, in every format."""
    async with listening() as listener, ScriptedProvider(format=upstream) as provider:
        provider.default = Says(text="fine")
        deployment = provider.deployment("cheap", capabilities=SEES)
        async with house(tmp_path, deployment) as here:
            spellings = list(urls(listener.port))
            assert len(spellings) >= 60
            answers = 0
            for url in spellings:
                safe = json.dumps(url)[1:-1]  # as a header can carry it
                for path, body in bodies(url):
                    raw = json.dumps({"model": "auto"} | body).encode()
                    answer = await call(here.url, "POST", path, raw, dict.fromkeys(HEADERS, safe))
                    assert answer.status < 500, (path, url, answer.body)
                    answers += answer.status == 200
        assert listener.visits == 0
        assert answers > len(spellings)


@pytest.mark.parametrize("name", ["auto", "cheap"])
async def test_a_models_name_is_no_address(tmp_path: Path, name: str) -> None:
    async with listening() as listener, ScriptedProvider() as provider:
        provider.default = Says(text="fine")
        async with house(tmp_path, provider.deployment("cheap")) as here:
            for url in urls(listener.port):
                for model in (url, f"{name}@{url}", f"{name}:{url}", f"openai/{url}", f"{url}/{name}"):
                    body = msgspec.json.encode(
                        {"model": model, "messages": [{"role": "user", "content": "x"}]}
                    )
                    assert (await call(here.url, "POST", "/v1/chat/completions", body)).status in (400, 404)
        assert (listener.visits, provider.requests) == (0, [])


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308])
async def test_a_provider_leads_us_nowhere_else(tmp_path: Path, status: int) -> None:
    """A redirect is a bad answer: the key belongs to one origin."""
    async with listening() as listener, ScriptedProvider() as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here:
            for url in (f"http://127.0.0.1:{listener.port}/v1", f"//127.0.0.1:{listener.port}/", "/v2"):
                head = f"HTTP/1.1 {status} Over there\r\nlocation: {url}\r\nrefresh: 0;url={url}\r\n"
                head += f'alt-svc: h2=":{listener.port}"\r\ncontent-length: 0\r\n\r\n'
                provider.default = Raw(data=head.encode())
                body = b'{"model": "auto", "messages": [{"role": "user", "content": "hi"}]}'
                answer = await call(here.url, "POST", "/v1/chat/completions", body)
                assert answer.status == 502
                assert "location" not in answer.headers
        assert listener.visits == 0
        assert {seen.path for seen in provider.requests} == {"/v1/chat/completions"}
