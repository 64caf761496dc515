"""Every route for every role: exactly what the table says, and nobody sees what is not theirs."""

from pathlib import Path

import pytest

from tests.gateway.house import House, house
from tests.gateway.keyed import ask, issue, message_of, send
from tests.gateway.plain_http import call
from tiercel.domain.keys import AccessKey, Role
from tiercel.domain.secret import Secret
from tiercel.domain.settings import Listener
from tiercel.gateway.routes import NAMED_ROUTES, PUBLIC, ROUTES
from tiercel.testing.scripted import Says, ScriptedProvider

ROLES: tuple[Role, ...] = ("client", "viewer", "operator")
GEMINI_VERBS = (
    "generateContent",
    "streamGenerateContent",
    "countTokens",
    "embedContent",
    "batchEmbedContents",
)

EXPECTED: dict[tuple[str, str], set[str]] = {
    ("POST", "/v1/chat/completions"): {"client", "operator"},
    ("POST", "/v1/responses"): {"client", "operator"},
    ("POST", "/v1/responses/input_tokens"): {"client", "operator"},
    ("POST", "/v1/messages"): {"client", "operator"},
    ("POST", "/v1/messages/count_tokens"): {"client", "operator"},
    ("POST", "/v1/embeddings"): {"client", "operator"},
    ("GET", "/v1/models"): {"client", "viewer", "operator"},
    ("GET", "/v1beta/models"): {"client", "viewer", "operator"},
    ("POST", "/v1/feedback"): {"client", "operator"},
    ("GET", "/metrics"): {"operator"},
    ("GET", "/v1/models/"): {"client", "viewer", "operator"},
    ("GET", "/v1beta/models/"): {"client", "viewer", "operator"},
    ("GET", "/v1/records/"): {"client", "viewer", "operator"},
}
"""Written down once more: a new route fails here until somebody has thought about who may use it."""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def roles_in_the_tables() -> dict[tuple[str, str], frozenset[Role]]:
    plain = {(method, path): route.roles for path, found in ROUTES.items() for method, route in found.items()}
    named = {
        (method, path): route.roles for path, found in NAMED_ROUTES.items() for method, route in found.items()
    }
    return plain | named


def test_every_route_has_the_roles_that_were_thought_about() -> None:
    assert roles_in_the_tables() == EXPECTED
    assert set(PUBLIC) == {"/healthz", "/readyz"}


async def status_of(here: House, key: str | None, method: str, path: str) -> int:
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    return (await call(here.url, method, path, b"{}", headers)).status


async def test_routes_open_for_exactly_their_roles(tmp_path: Path) -> None:
    """Every route with every method and role, without a key, and with a bad one."""
    keys = {role: issue(tmp_path, AccessKey(role=role)) for role in ROLES}
    async with ScriptedProvider() as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        paths = {path: path for path in ROUTES} | {path: path + "x" for path in NAMED_ROUTES}
        for table_path, path in paths.items():
            for method in METHODS:
                assert await status_of(here, None, method, path) == 401
                assert await status_of(here, "not-a-key", method, path) == 401
                for role, key in keys.items():
                    status = await status_of(here, key.text, method, path)
                    if (method, table_path) not in EXPECTED:
                        assert status == 405, (method, path)
                    else:
                        allowed = role in EXPECTED[method, table_path]
                        assert (status != 403) == allowed, (method, path, role)


@pytest.mark.parametrize("verb", GEMINI_VERBS)
async def test_geminis_verbs_are_for_those_who_ask(tmp_path: Path, verb: str) -> None:
    keys = {role: issue(tmp_path, AccessKey(role=role)) for role in ROLES}
    async with ScriptedProvider() as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        path = f"/v1beta/models/cheap:{verb}"
        assert await status_of(here, keys["viewer"].text, "POST", path) == 403
        for role in ("client", "operator"):
            assert await status_of(here, keys[role].text, "POST", path) not in (401, 403)


@pytest.mark.parametrize(
    "path",
    [
        "//v1/records/x",
        "/v1/../v1/records/x",
        "/V1/models",
        "/v1/models;x",
        "/v1%2fchat/completions",
        "/v1/models.",
        "/metrics/",
        "/%6detrics",
        "/v1/chat/completions/",
    ],
)
async def test_a_path_spelt_otherwise_opens_no_more(tmp_path: Path, path: str) -> None:
    viewer = issue(tmp_path, AccessKey(role="viewer"))
    async with ScriptedProvider() as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        for method in ("GET", "POST"):
            assert await status_of(here, None, method, path) in (400, 401)
            assert await status_of(here, viewer.text, method, path) in (400, 403, 404, 405)


async def test_records_are_shown_to_those_they_concern(tmp_path: Path) -> None:
    mine = issue(tmp_path, AccessKey(project="red"))
    colleague = issue(tmp_path, AccessKey(project="red"))
    viewer = issue(tmp_path, AccessKey(project="red", role="viewer"))
    stranger = issue(tmp_path, AccessKey(project="blue"))
    foreign_viewer = issue(tmp_path, AccessKey(project="blue", role="viewer"))
    operator = issue(tmp_path, AccessKey(role="operator"))
    async with (
        ScriptedProvider(Says(text="hello")) as cheap,
        house(tmp_path, cheap.deployment("cheap")) as here,
    ):
        record_id = (await ask(here, mine)).headers["x-tiercel-record"]
        record = here.record(record_id)
        assert (record.project, record.key_id) == ("red", mine.key.id)
        path = f"/v1/records/{record_id}"
        seen = {
            name: await send(here, key, "GET", path)
            for name, key in {
                "mine": mine,
                "colleague": colleague,
                "viewer": viewer,
                "stranger": stranger,
                "foreign viewer": foreign_viewer,
                "operator": operator,
            }.items()
        }
        assert {name: answer.status for name, answer in seen.items()} == {
            "mine": 200,
            "colleague": 404,
            "viewer": 200,
            "stranger": 404,
            "foreign viewer": 404,
            "operator": 200,
        }
        # in the same words as for a record that does not exist
        nothing = await send(here, stranger, "GET", "/v1/records/nothing")
        assert message_of(seen["stranger"]) == message_of(nothing)


async def test_nobody_gives_feedback_on_anothers_answer(tmp_path: Path) -> None:
    mine = issue(tmp_path, AccessKey(project="red"))
    stranger = issue(tmp_path, AccessKey(project="blue"))
    async with (
        ScriptedProvider(Says(text="hello")) as cheap,
        house(tmp_path, cheap.deployment("cheap")) as here,
    ):
        record_id = (await ask(here, mine)).headers["x-tiercel-record"]
        said = {"record": record_id, "verdict": "rejected"}
        assert (await send(here, stranger, "POST", "/v1/feedback", said)).status == 404
        assert (await send(here, mine, "POST", "/v1/feedback", said)).status == 201


async def test_keys_of_the_environment_go_on_beside_those_of_the_store(tmp_path: Path) -> None:
    issued = issue(tmp_path)
    listener = Listener(
        port=0,
        keys=(Secret("a-long-enough-client-key"),),
        operator_keys=(Secret("zQ8v3-kT1xW7nB5mL0pR9sD2fG4hJ6yU"),),
    )
    async with (
        ScriptedProvider() as cheap,
        house(tmp_path, cheap.deployment("cheap"), listener=listener) as here,
    ):
        for key in (issued.text, "a-long-enough-client-key", "zQ8v3-kT1xW7nB5mL0pR9sD2fG4hJ6yU"):
            assert await status_of(here, key, "GET", "/v1/models") == 200


async def test_the_first_key_shuts_the_door_of_a_running_gateway(tmp_path: Path) -> None:
    async with ScriptedProvider() as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        assert await status_of(here, None, "GET", "/v1/models") == 200
        key = issue(tmp_path)
        runtime = here.gateway.runtime
        runtime.access.keyring.look()
        assert await status_of(here, None, "GET", "/v1/models") == 401
        assert await status_of(here, key.text, "GET", "/v1/models") == 200
