"""The JSON Schemas that editors complete from accept what the reader accepts."""

import tomllib

import jsonschema_rs
import pytest

from tests.policy.build import MINIMAL_POLICY
from tiercel.domain.json import JsonObject
from tiercel.policy import shipped_policy_text
from tiercel.policy.init import propose
from tiercel.policy.schema import policy_schema, settings_schema

PROPOSED = propose({"GEMINI_API_KEY": "k", "OPENROUTER_API_KEY": "k"})


def is_valid(schema: JsonObject, text: str) -> bool:
    return jsonschema_rs.Draft202012Validator(schema).is_valid(tomllib.loads(text))


@pytest.mark.parametrize("text", [shipped_policy_text(), PROPOSED.policy_text, MINIMAL_POLICY])
def test_policies_are_accepted(text: str) -> None:
    assert is_valid(policy_schema(), text)


def test_settings_are_accepted() -> None:
    assert is_valid(settings_schema(), PROPOSED.settings_text)


@pytest.mark.parametrize(
    "text",
    [
        MINIMAL_POLICY.replace("version = 1", "version = 2"),
        MINIMAL_POLICY + "[limits]\ndeadline = 3\n",
        MINIMAL_POLICY + '[defaults]\nprefer = "cheap"\n',
        MINIMAL_POLICY.replace('["fast"]', '"fast"'),
    ],
    ids=["version", "unknown key", "not one of", "not a list"],
)
def test_wrong_policies_are_rejected(text: str) -> None:
    assert not is_valid(policy_schema(), text)


@pytest.mark.parametrize(
    "text", ["version = 1\n[providers.x]\napi_key = 3", 'version = 1\n[listener]\nport = "x"']
)
def test_wrong_settings_are_rejected(text: str) -> None:
    assert not is_valid(settings_schema(), text)


@pytest.mark.parametrize("schema", [policy_schema(), settings_schema()], ids=["policy", "settings"])
def test_every_key_is_described(schema: JsonObject) -> None:
    """An editor shows what each key means; tables are described by themselves."""
    undescribed = [
        f"{table}.{key}"
        for table, definition in schema["$defs"].items()
        for key, value in definition["properties"].items()
        if "description" not in value and "$ref" not in value
    ]
    assert undescribed == []
