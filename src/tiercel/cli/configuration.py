"""Where a command's configuration comes from: the files named, the files here, or the environment's keys alone."""

import argparse
import os
from pathlib import Path

import msgspec

from tiercel.domain.policy import Policy
from tiercel.domain.settings import Settings
from tiercel.policy.init import propose
from tiercel.policy.policy_file import load_policy, read_policy
from tiercel.policy.settings_file import load_settings, read_settings

SETTINGS_FILE = "tiercel.toml"
POLICY_FILE = "policy.toml"


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration and where it came from, for the banner."""

    settings: Settings
    policy: Policy
    settings_source: str
    policy_source: str
    notices: tuple[str, ...] = ()


def add_file_arguments(parser: argparse.ArgumentParser) -> None:
    """`--config` and `--policy`, alike for every command that needs a configuration."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"settings (default: ./{SETTINGS_FILE}, else the environment)",
    )
    parser.add_argument(
        "--policy",
        type=Path,
        metavar="FILE",
        help=f"policy file (default: ./{POLICY_FILE}, else the shipped policy)",
    )


def load_configuration(args: argparse.Namespace) -> Loaded:
    """Read both files, or what `tiercel init` would write where there are none. Raises `ConfigError`."""
    config: Path | None = args.config or _here(SETTINGS_FILE)
    policy: Path | None = args.policy or _here(POLICY_FILE)
    proposal = propose(os.environ) if config is None or policy is None else None
    notices: list[str] = []
    if config is not None:
        settings = load_settings(config, os.environ)
    else:
        assert proposal is not None
        settings = read_settings(proposal.settings_text, f"(proposed {SETTINGS_FILE})", os.environ)
        notices.extend(proposal.notices)
    if policy is not None:
        loaded_policy = load_policy(policy)
    else:
        assert proposal is not None
        loaded_policy = read_policy(proposal.policy_text, f"(proposed {POLICY_FILE})")
    return Loaded(
        settings=settings,
        policy=loaded_policy,
        settings_source=str(config) if config else "keys in the environment (tiercel init writes a file)",
        policy_source=str(policy) if policy else "the shipped policy",
        notices=tuple(notices),
    )


def _here(name: str) -> Path | None:
    path = Path(name)
    return path if path.exists() else None
