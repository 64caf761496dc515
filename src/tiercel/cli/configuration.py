"""Where a command's configuration comes from: the files named, the files here, or the environment's keys alone."""

import argparse
import os
from pathlib import Path

import msgspec

from tiercel.domain.policy import Policy
from tiercel.domain.settings import Settings
from tiercel.policy import load_policy, load_settings, read_policy, read_settings, shipped_policy_text
from tiercel.policy.init import propose

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
    notices: tuple[str, ...] = ()
    policy_text = shipped_policy_text()
    if config is not None:
        settings = load_settings(config, os.environ)
    else:
        proposal = propose(os.environ)
        settings = read_settings(proposal.settings_text, f"(proposed {SETTINGS_FILE})", os.environ)
        policy_text = proposal.policy_text
        notices = tuple(proposal.notices)
    return Loaded(
        settings=settings,
        policy=load_policy(policy) if policy is not None else read_policy(policy_text, "(shipped policy)"),
        settings_source=str(config) if config else "keys in the environment (tiercel init writes a file)",
        policy_source=str(policy) if policy else "the shipped policy",
        notices=notices,
    )


def _here(name: str) -> Path | None:
    path = Path(name)
    return path if path.exists() else None
