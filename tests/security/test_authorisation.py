"""Headers and query parameters that other servers obey, and that give nobody a right here."""

from pathlib import Path

import pytest

from tests.gateway.house import house
from tests.gateway.keyed import issue
from tests.gateway.plain_http import call
from tiercel.domain.keys import AccessKey
from tiercel.testing.scripted import ScriptedProvider

TRICKS: list[dict[str, str]] = [
    {"x-http-method-override": "GET"},
    {"x-method-override": "GET"},
    {"x-original-url": "/healthz"},
    {"x-rewrite-url": "/healthz"},
    {"x-forwarded-prefix": "/healthz"},
    {"x-forwarded-for": "127.0.0.1"},
    {"x-forwarded-host": "localhost"},
    {"x-real-ip": "127.0.0.1"},
    {"forwarded": "for=127.0.0.1;host=localhost"},
    {"x-tiercel-role": "operator"},
    {"x-tiercel-project": "red"},
    {"x-role": "operator"},
    {"x-user": "admin"},
    {"cookie": "role=operator; session=1"},
    {"authorization": "Basic YWRtaW46YWRtaW4="},
    {"authorization": "Bearer null"},
    {"authorization": "Bearer undefined"},
    {"authorization": "Bearer *"},
    {"authorization": "Negotiate"},
    {"origin": "null"},
]
PATHS = ("/metrics", "/v1/records/x", "/v1/models", "/healthz/../metrics", "/metrics?role=operator&admin=1")


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: next(iter(trick)))
async def test_without_a_key_no_header_opens_anything(tmp_path: Path, trick: dict[str, str]) -> None:
    issue(tmp_path)
    async with ScriptedProvider() as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        for path in PATHS:
            for method in ("GET", "POST", "HEAD"):
                assert (await call(here.url, method, path, headers=trick)).status == 401


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: next(iter(trick)))
async def test_with_a_key_no_header_adds_a_right(tmp_path: Path, trick: dict[str, str]) -> None:
    """A client's key beside it, in another header: still a client's."""
    key = issue(tmp_path, AccessKey(project="blue"))
    async with ScriptedProvider() as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        for name in ("authorization", "x-api-key"):
            shown = {name: f"Bearer {key.text}" if name == "authorization" else key.text}
            for path in ("/metrics", "/metrics?role=operator&admin=1"):
                answer = await call(here.url, "GET", path, headers=trick | shown)
                assert answer.status in (401, 403), (path, trick)


async def test_the_first_of_two_keys_counts(tmp_path: Path) -> None:
    """Nobody is let in by a good key that hides behind a bad one."""
    client, operator = issue(tmp_path), issue(tmp_path, AccessKey(role="operator"))
    async with ScriptedProvider() as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        both = {"authorization": f"Bearer {client.text}", "x-api-key": operator.text}
        assert (await call(here.url, "GET", "/metrics", headers=both)).status == 403
        assert (await call(here.url, "GET", f"/metrics?key={operator.text}", headers=both)).status == 403
        bad = {"authorization": "Bearer nobody", "x-api-key": operator.text}
        assert (await call(here.url, "GET", "/metrics", headers=bad)).status == 401
