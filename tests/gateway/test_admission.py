"""Who may come in: keys where they are configured, else only programs of this machine and no web page."""

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.gateway.house import house
from tests.gateway.plain_http import call
from tiercel.domain.errors import ConfigError
from tiercel.domain.secret import Secret
from tiercel.domain.settings import Listener
from tiercel.gateway.admission import check_listener
from tiercel.testing.scripted import ScriptedProvider

KEY = "a-long-enough-client-key"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "localhost:9"}, 200),
        ({"host": "[::1]:9"}, 200),
        ({"host": "evil.example"}, 403),
        ({"host": "localhost.evil.example"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
        ({"origin": "http://localhost:3000"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"host": "localhost:9", "origin": "http://localhost:9"}, 200),
    ],
)
async def test_without_keys_no_web_page_can_spend_money(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    async with ScriptedProvider() as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        assert (await call(here.url, "GET", "/v1/models", headers=headers)).status == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": f"Bearer {KEY}"}, 200),
        ({"authorization": f"bearer {KEY}"}, 200),
        ({"x-api-key": KEY}, 200),
        ({"api-key": KEY}, 200),
        ({"x-goog-api-key": KEY}, 200),
        ({"authorization": f"Basic {KEY}"}, 401),
        ({"authorization": f"Bearer {KEY}x"}, 401),
        ({"authorization": f"Bearer {KEY[:-1]}"}, 401),
        ({"authorization": "Bearer "}, 401),
        ({"authorization": f"Bearer {KEY}", "origin": "https://app.example"}, 200),
    ],
)
async def test_with_keys_whoever_has_one_comes_in(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    listener = Listener(port=0, keys=(Secret(KEY), Secret("another-key-of-theirs")))
    async with (
        ScriptedProvider() as cheap,
        house(tmp_path, cheap.deployment("cheap"), listener=listener) as here,
    ):
        answer = await call(here.url, "GET", "/v1/models", headers=headers)
        assert answer.status == status
        assert KEY.encode() not in answer.body
        # health says nothing about anybody and needs no key
        assert (await call(here.url, "GET", "/healthz")).status == 200


def test_beyond_loopback_keys_are_required() -> None:
    with pytest.raises(ConfigError, match="loopback"):
        check_listener(Listener(host="0.0.0.0"))
    check_listener(Listener(host="0.0.0.0", keys=(Secret(KEY),)))
    check_listener(Listener(host="::1"))


def test_a_weak_key_is_refused_without_being_shown() -> None:
    with pytest.raises(ConfigError, match="fewer than") as caught:
        check_listener(Listener(keys=(Secret("hunter2"),)))
    assert "hunter2" not in str(caught.value)


def test_keys_of_the_store_open_the_listener_beyond_loopback() -> None:
    check_listener(Listener(host="0.0.0.0"), has_keys=True)


@pytest.mark.parametrize(
    "key",
    ["short-Secret-9", "operator-operator-operator-opera", "a" * 64, "0123456789ab" * 4, "abcabcabd" * 5],
)
def test_an_operators_key_that_could_be_guessed_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match="operator_keys_env: an operator key needs 32 random") as caught:
        check_listener(Listener(operator_keys=(Secret(key),)))
    assert key not in str(caught.value)


@given(key=st.binary(min_size=32, max_size=32).map(lambda raw: raw.hex()))
def test_random_keys_are_good_enough_for_operators(key: str) -> None:
    assume(len(set(key)) >= 12)
    check_listener(Listener(operator_keys=(Secret(key),)))
