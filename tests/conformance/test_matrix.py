"""Every client against every upstream format, in everything that clients do."""

from collections.abc import Iterator

import pytest

from tests.conformance.bench import KEY, Bench, bench
from tests.conformance.cases import CASES, Cell
from tests.conformance.cast import CLIENTS, impossible
from tests.conformance.dialogue import Client

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
    running: Bench, connected: dict[tuple[str, str], Client], client: str, upstream: str, case: str
) -> None:
    reason = impossible(client, upstream, case)
    if reason is not None:
        pytest.skip(f"not possible: {reason}")
    part = CLIENTS[client]
    for key in (KEY, "some-other-key-of-nobody"):
        if (client, key) not in connected:
            connected[client, key] = part.connect(running.url, key)
    wrong = connected[client, "some-other-key-of-nobody"]
    CASES[case](Cell(running, connected[client, KEY], wrong, upstream))
