"""Both files from disk. Everything that is wrong with one is said at once."""

from collections.abc import Mapping
from pathlib import Path

from tiercel.domain.policy import Policy
from tiercel.domain.settings import Settings
from tiercel.policy.builtin import data_text
from tiercel.policy.policy_file import read_policy
from tiercel.policy.settings_file import read_settings
from tiercel.policy.toml_reader import read_text


def load_policy(path: Path) -> Policy:
    """The policy in this file. Raises `ConfigError`."""
    return read_policy(read_text(path), path.name)


def load_settings(path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings in this file, with keys from `environ`; paths in it start from its folder. Raises `ConfigError`."""
    return read_settings(read_text(path), path.name, environ, folder=path.parent)


def shipped_policy_text() -> str:
    """The policy that comes with Tiercel, with its comments."""
    return data_text("policy.toml")


def shipped_policy() -> Policy:
    """The policy that comes with Tiercel."""
    return read_policy(shipped_policy_text(), "policy.toml")
