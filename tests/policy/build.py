"""Short ways to the files under test: a smallest policy and settings, and what is wrong with a text."""

from collections.abc import Mapping

import pytest

from tiercel.domain.errors import ConfigError
from tiercel.domain.settings import Settings
from tiercel.policy import read_policy, read_settings

MINIMAL_POLICY = """
version = 1
[tiers.fast]
members = ["gemini-3.5-flash"]
[[rules]]
name = "all"
ladder = ["fast"]
"""


def policy_problems(text: str) -> list[str]:
    """Everything `read_policy` finds wrong."""
    with pytest.raises(ConfigError) as caught:
        read_policy(text)
    return list(caught.value.problems)


def settings(text: str, environ: Mapping[str, str] | None = None) -> Settings:
    return read_settings(f"version = 1\n{text}", "tiercel.toml", environ or {})


def settings_problems(text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """Everything `read_settings` finds wrong."""
    with pytest.raises(ConfigError) as caught:
        settings(text, environ)
    return list(caught.value.problems)
