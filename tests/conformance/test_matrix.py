"""Every client against every upstream format, in everything that clients do."""

import json
from collections.abc import Callable, Iterator

import pytest

from tests.conformance.bench import KEY, UPSTREAMS, Bench, bench
from tests.conformance.cases import CASES, WITHOUT, Cell
from tests.conformance.cast import CLIENTS, impossible, server
from tests.conformance.dialogue import Client

CELL = "cell"
"""The property of a test's report that says which cell it was."""

NOT_POSSIBLE = "not possible"
NOBODYS_KEY = "some-other-key-of-nobody"
UPSTREAM_FORMATS = ("openai_chat", "openai_responses", "anthropic", "gemini", "ollama")


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("bench")) as here:
        yield here


@pytest.fixture(scope="session")
def connected(running: Bench) -> Iterator[dict[tuple[str, str], Client]]:
    """Clients by name and key, each made when first used."""
    clients: dict[tuple[str, str], Client] = {}
    yield clients
    for client in clients.values():
        client.close()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("upstream", UPSTREAM_FORMATS)
@pytest.mark.parametrize("client", CLIENTS)
def test_matrix(
    running: Bench,
    connected: dict[tuple[str, str], Client],
    record_property: Callable[[str, object], None],
    client: str,
    upstream: str,
    case: str,
) -> None:
    record_property(CELL, json.dumps([client, upstream, case]))
    part = CLIENTS[client]
    for key in (KEY, NOBODYS_KEY):
        if (client, key) not in connected:
            connected[client, key] = part.connect(running.url, key)
    cell = Cell(
        running,
        connected[client, KEY],
        connected[client, NOBODYS_KEY],
        UPSTREAMS[server(client, upstream, case)],
    )
    reason = impossible(client, upstream, case)
    if reason is None:
        CASES[case](cell)
        return
    if case in WITHOUT:
        WITHOUT[case](cell)
    pytest.skip(f"{NOT_POSSIBLE}: {reason}")
