"""Getting connected: addresses, TLS, proxies, and each way in which that fails."""

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.upstream.scripted import Peer, Script, Scripted, answer, replies, scripted, silent
from tiercel.upstream.connection import HttpLimits
from tiercel.upstream.errors import ConnectError, HttpError, ProxyError, ResolveError, TimedOutError, TlsError
from tiercel.upstream.http import HttpClient


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    made = HttpClient({})
    yield made
    await made.aclose()


class Certificate:
    """A certificate for 127.0.0.1 and localhost, which is its own authority."""

    def __init__(self, folder: Path) -> None:
        self.file = str(folder / "cert.pem")
        self._key = str(folder / "key.pem")
        command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        command += "-subj /CN=localhost -addext subjectAltName=DNS:localhost,DNS:models.test,IP:127.0.0.1"
        files = ["-keyout", self._key, "-out", self.file]
        subprocess.run([*command.split(), *files], check=True, capture_output=True)

    @property
    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file, self._key)
        return context


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command makes the test's certificate")
    return Certificate(tmp_path_factory.mktemp("tls"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# Addresses


async def test_refused_connection_says_so(client: HttpClient) -> None:
    with pytest.raises(ConnectError, match="connection refused"):
        await client.request("GET", f"http://127.0.0.1:{free_port()}/")


class Resolving(asyncio.SelectorEventLoop):
    """A loop with a resolver of its own: it knows `models.test` and `other.test` by the addresses given."""

    def __init__(self, *addresses: str) -> None:
        super().__init__()
        self._addresses = addresses

    async def getaddrinfo(  # type: ignore[override]  # fewer spellings of a host than the original takes
        self, host: str, port: int, **options: int
    ) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        if host not in ("models.test", "other.test"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in self._addresses]


def run_resolving(scenario: Callable[[HttpClient], Awaitable[None]], *addresses: str) -> None:
    async def run() -> None:
        client = HttpClient({})
        try:
            await scenario(client)
        finally:
            await client.aclose()

    with asyncio.Runner(loop_factory=lambda: Resolving(*addresses)) as runner:
        runner.run(run())


@pytest.mark.parametrize("host", ["unknown.test", "a" * 70 + ".test"])
def test_name_without_address_says_so(host: str) -> None:
    async def scenario(client: HttpClient) -> None:
        with pytest.raises(ResolveError):
            await client.request("GET", f"http://{host}/")

    run_resolving(scenario)


def test_next_address_is_tried_when_one_refuses() -> None:
    async def scenario(client: HttpClient) -> None:
        async with scripted(replies(answer(b"ok"))) as server:
            response = await client.request("GET", f"http://models.test:{server.port}/")
            assert await response.read() == b"ok"

    run_resolving(scenario, "127.0.0.2", "127.0.0.1")


def test_next_address_is_tried_when_one_dawdles(certificate: Certificate) -> None:
    """The first address accepts and then says nothing; the second answers, and only its connection stays."""

    async def scenario(client: HttpClient) -> None:
        async with (
            scripted(replies(answer(b"ok")), tls=certificate.context) as server,
            scripted(silent, host="127.0.0.2", port=server.port),
        ):
            url = f"https://models.test:{server.port}/"
            response = await client.request("GET", url, ca_file=certificate.file)
            assert (await response.read(), client.open_connections) == (b"ok", 1)

    run_resolving(scenario, "127.0.0.2", "127.0.0.1")


def test_refusal_of_every_address_is_told() -> None:
    async def scenario(client: HttpClient) -> None:
        with pytest.raises(ConnectError, match="connection refused"):
            await client.request("GET", f"http://models.test:{free_port()}/")

    run_resolving(scenario, "127.0.0.1", "127.0.0.2")


async def test_ipv6_address_is_reached_and_named_in_brackets(client: HttpClient) -> None:
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer(b"ok"))
        await reader.read()
        writer.close()

    try:
        server = await asyncio.start_server(serve, "::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    port = server.sockets[0].getsockname()[1]
    response = await client.request("GET", f"http://[::1]:{port}/")
    assert await response.read() == b"ok"
    assert b"Host: [::1]:%d\r\n" % port in heads[0]
    await client.aclose()
    server.close()
    await server.wait_closed()


async def test_connecting_has_its_own_deadline(client: HttpClient) -> None:
    """A TLS handshake that never ends counts as connecting."""
    async with scripted(silent) as server:
        with pytest.raises(TimedOutError) as caught:
            await client.request("GET", f"https://127.0.0.1:{server.port}/", limits=quick_connect())
        assert caught.value.phase == "connect"


def quick_connect() -> HttpLimits:
    return HttpLimits(connect_seconds=0.1)


# TLS


async def test_tls_with_an_own_authority(client: HttpClient, certificate: Certificate) -> None:
    async with scripted(replies(answer(b"1"), answer(b"2")), tls=certificate.context) as server:
        for body in (b"1", b"2"):
            response = await client.request("GET", f"{server.url}/", ca_file=certificate.file)
            assert await response.read() == body
        assert len(server.peers) == 1


async def test_untrusted_certificate_is_refused(client: HttpClient, certificate: Certificate) -> None:
    async with scripted(replies(answer(b"1")), tls=certificate.context) as server:
        with pytest.raises(TlsError, match="not trusted"):
            await client.request("GET", f"{server.url}/")
        assert not any(peer.requests for peer in server.peers)


def test_certificate_for_another_name_is_refused(certificate: Certificate) -> None:
    """A resolver that calls this machine by another name gets past no certificate."""

    async def scenario(client: HttpClient) -> None:
        async with scripted(replies(answer(b"1")), tls=certificate.context) as server:
            with pytest.raises(TlsError, match="not trusted"):
                await client.request("GET", f"https://other.test:{server.port}/", ca_file=certificate.file)

    run_resolving(scenario, "127.0.0.1")


async def test_plain_server_where_tls_is_expected(client: HttpClient) -> None:
    async def script(peer: Peer) -> None:
        await peer.send(answer(b"plain"))
        await peer.gone()

    async with scripted(script) as server:
        with pytest.raises(TlsError):
            await client.request("GET", f"https://127.0.0.1:{server.port}/")


async def test_missing_ca_file_says_so(client: HttpClient) -> None:
    with pytest.raises(TlsError, match="CA file"):
        await client.request("GET", "https://127.0.0.1:1/", ca_file="/does/not/exist.pem")


# Proxies


def tunnel_to(port: int, heads: list[bytes]) -> Script:
    """A proxy that connects every CONNECT to `port` on loopback."""

    async def script(peer: Peer) -> None:
        heads.append(await peer.request())
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await peer.join(reader, writer)

    return script


async def test_https_goes_through_a_tunnel(client: HttpClient, certificate: Certificate) -> None:
    """The proxy sees a CONNECT with its own credential, and nothing of the call."""
    heads: list[bytes] = []
    async with (
        scripted(replies(answer(b"1"), answer(b"2")), tls=certificate.context) as server,
        scripted(tunnel_to(server.port, heads)) as proxy,
    ):
        via = proxy.url.replace("http://", "http://user:p%40ss@")
        for body in (b"1", b"2"):
            response = await client.request("GET", f"{server.url}/x", proxy=via, ca_file=certificate.file)
            assert await response.read() == body
        authority = b"127.0.0.1:%d" % server.port
        assert heads == [
            b"CONNECT %s HTTP/1.1\r\nHost: %s\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n\r\n"
            % (authority, authority)
        ]
        await client.aclose()


async def test_http_goes_through_a_proxy_in_absolute_form(client: HttpClient) -> None:
    async with scripted(replies(answer(b"ok"))) as proxy:
        via = proxy.url.replace("http://", "http://user:pw@")
        response = await client.request("GET", "http://models.example/v1?x=1", proxy=via)
        assert await response.read() == b"ok"
        head = proxy.peers[0].requests[0]
        assert head.startswith(b"GET http://models.example/v1?x=1 HTTP/1.1\r\nHost: models.example\r\n")
        assert b"\r\nProxy-Authorization: Basic dXNlcjpwdw==\r\n" in head


def answers_connect(payload: bytes) -> Script:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(payload)

    return script


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (answer(b"", "407 Proxy Authentication Required"), "credentials"),
        (answer(b"<html>", "403 Forbidden"), "403"),
        (b"SSH-2.0\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000, "not HTTP"),
        (b"", "not HTTP"),
    ],
)
async def test_proxy_that_does_not_connect_us(client: HttpClient, payload: bytes, says: str) -> None:
    async with scripted(answers_connect(payload)) as proxy:
        with pytest.raises(ProxyError, match=says):
            await client.request("GET", "https://models.example/", proxy=proxy.url)


async def test_proxy_that_is_not_there(client: HttpClient) -> None:
    with pytest.raises(ProxyError, match="cannot be reached"):
        await client.request("GET", "https://models.example/", proxy=f"http://127.0.0.1:{free_port()}")


async def test_failed_handshake_behind_a_proxy_leaves_nothing_open(
    client: HttpClient, certificate: Certificate
) -> None:
    async with (
        scripted(replies(answer(b"1")), tls=certificate.context) as server,
        scripted(tunnel_to(server.port, [])) as proxy,
    ):
        with pytest.raises(TlsError, match="not trusted"):
            await client.request("GET", f"{server.url}/", proxy=proxy.url)
        assert client.open_connections == 0


async def test_silent_proxy_ends_with_the_connect_deadline(client: HttpClient) -> None:
    async with scripted(silent) as proxy:
        with pytest.raises(TimedOutError):
            await client.request("GET", "https://models.example/", proxy=proxy.url, limits=quick_connect())


async def test_environment_chooses_the_proxy() -> None:
    async with scripted(replies(answer(b"ok"))) as proxy:
        client = HttpClient({"http_proxy": proxy.url, "NO_PROXY": "other.example"})
        response = await client.request("GET", "http://models.example/")
        assert await response.read() == b"ok"
        with pytest.raises(HttpError):
            await client.request("GET", "http://other.example.invalid/", proxy="")
        await client.aclose()
        assert len(proxy.peers) == 1


def test_tls_and_tunnel_work_on_uvloop(certificate: Certificate) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def scenario() -> bytes:
        client = HttpClient({})
        server: Scripted
        async with (
            scripted(replies(answer(b"ok")), tls=certificate.context) as server,
            scripted(tunnel_to(server.port, [])) as proxy,
        ):
            response = await client.request(
                "GET", f"{server.url}/", proxy=proxy.url, ca_file=certificate.file
            )
            body = await response.read()
            await client.aclose()
            return body

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(scenario()) == b"ok"
