"""`tiercel keys`: make, list, rotate and revoke the keys that clients show; a running server sees it within a second.

A key is shown once, when it is made. Limits and budgets stand with it; a project can have a budget of its own.
"""

import argparse
import os
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, get_args

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tiercel.cli.argument import argument
from tiercel.cli.configuration import SETTINGS_FILE, add_file_arguments, load_configuration
from tiercel.domain.facts import Risk, Task
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.keys import AccessKey, Budget, Quota, Role
from tiercel.domain.money import usd_text
from tiercel.domain.settings import Storage
from tiercel.measure.amounts import printable
from tiercel.policy.key_forms import (
    DAY_SECONDS,
    budget_text,
    check_allowed,
    count,
    dollars,
    duration,
    key_id,
    label,
    lifetime,
    limits_text,
    project_name,
    state_of,
)
from tiercel.policy.settings_file import load_storage
from tiercel.records.key_store import IssuedKey, KeyReader, KeyStore, StoredKeys


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser("keys", help="make, list, rotate and revoke keys", description=__doc__)
    commands = parser.add_subparsers(dest="keys_command", metavar="COMMAND", required=True)
    _add_create(commands)
    listing = commands.add_parser(
        "list", help="all keys, without their secrets", description=list_keys.__doc__
    )
    _add_common(listing, list_keys)
    revoke = commands.add_parser(
        "revoke", help="let nobody in with a key any more", description=revoke_key.__doc__
    )
    revoke.add_argument("id", metavar="ID", help="the key's id, as `list` shows it, or the whole key")
    _add_common(revoke, revoke_key)
    rotate = commands.add_parser("rotate", help="a new secret for a key", description=rotate_key.__doc__)
    rotate.add_argument("id", metavar="ID", help="the key's id, as `list` shows it, or the whole key")
    rotate.add_argument(
        "--overlap",
        type=argument(duration),
        default=DAY_SECONDS,
        metavar="TIME",
        help="how long the old secret is still taken: 0, 30m, 24h, 7d (default: 24h)",
    )
    _add_common(rotate, rotate_key)
    budget = commands.add_parser(
        "budget", help="what a key or project may spend", description=set_budget.__doc__
    )
    owner = budget.add_mutually_exclusive_group(required=True)
    owner.add_argument(
        "--project", type=argument(project_name), metavar="NAME", help="of all keys of a project together"
    )
    owner.add_argument("--key", metavar="ID", help="of one key")
    _add_budget(budget)
    _add_common(budget, set_budget)


def _add_create(commands: Any) -> None:
    create = commands.add_parser(
        "create", help="make a key; it is shown once", description=create_key.__doc__
    )
    create.add_argument(
        "--role", choices=get_args(Role), default="client", help="what it is for (default: client)"
    )
    create.add_argument(
        "--project", type=argument(project_name), metavar="NAME", help="whose records it sees"
    )
    create.add_argument(
        "--label", type=argument(label), default="", metavar="TEXT", help="a note for whoever lists keys"
    )
    create.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="NAME",
        help="a tier, model or deployment it may use; repeat it for more (default: all)",
    )
    create.add_argument("--task", choices=get_args(Task), help="the task, where a request does not state it")
    create.add_argument("--risk", choices=get_args(Risk), help="the risk, where a request does not state it")
    create.add_argument(
        "--expires", type=argument(lifetime), metavar="TIME", help="ends after so long: 12h, 30d, 52w"
    )
    create.add_argument(
        "--requests-per-minute", type=argument(count), metavar="N", help="requests in any minute"
    )
    create.add_argument("--tokens-per-minute", type=argument(count), metavar="N", help="tokens in any minute")
    create.add_argument("--concurrent", type=argument(count), metavar="N", help="requests under way at once")
    _add_budget(create)
    _add_common(create, create_key)


def _add_budget(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--usd-per-day", type=argument(dollars), metavar="USD", help="dollars a UTC day")
    parser.add_argument("--usd-per-month", type=argument(dollars), metavar="USD", help="dollars a UTC month")


def _add_common(parser: argparse.ArgumentParser, run: Any) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help=f"the data folder (default: the one that ./{SETTINGS_FILE} names, else {Storage().folder})",
    )
    add_file_arguments(parser)
    parser.set_defaults(func=run)


def create_key(args: argparse.Namespace) -> int:
    """Make a key and print it, once: only a keyed hash of it is kept."""
    _check_allowed(args)
    key = AccessKey(
        role=args.role,
        project=args.project or "",
        label=args.label,
        expires_at=None if args.expires is None else time.time() + args.expires,
        allowed=tuple(dict.fromkeys(args.allow)),
        task=args.task,
        risk=args.risk,
        quota=Quota(
            requests_per_minute=args.requests_per_minute,
            tokens_per_minute=args.tokens_per_minute,
            concurrent=args.concurrent,
        ),
        budget=_budget(args),
    )
    with _store(args, make=True) as store:
        _show_issued(store.create(key), args)
    return 0


def list_keys(args: argparse.Namespace) -> int:
    """Print every key with its limits, and the budgets of projects."""
    stored = read_keys(_storage(args))
    if args.json:
        keys = [key_json(one.key) for one in stored.keys.values()]
        projects = {project: _budget_json(budget) for project, budget in stored.projects.items()}
        _print_json({"keys": keys, "projects": projects})
    else:
        render(stored, Console(highlight=False))
    return 0


def revoke_key(args: argparse.Namespace) -> int:
    """End a key. It stays in the list; a running server refuses it within a second."""
    with _store(args) as store:
        key = store.revoke(key_id(args.id))
    if args.json:
        _print_json(key_json(key))
    else:
        print(f"revoked {key.id}")
    return 0


def rotate_key(args: argparse.Namespace) -> int:
    """Print a new secret for a key. Its id, limits, budget and records stay; the old secret is taken for a while."""
    with _store(args) as store:
        _show_issued(store.rotate(key_id(args.id), args.overlap), args)
    return 0


def set_budget(args: argparse.Namespace) -> int:
    """Say what a key, or all keys of a project together, may spend. What is left out has no limit any more."""
    budget = _budget(args)
    with _store(args, make=args.key is None) as store:
        if args.key is not None:
            store.change(key_id(args.key), budget=budget)
        else:
            store.set_project_budget(args.project, budget)
    owner = f"key {key_id(args.key)}" if args.key is not None else f"project {args.project}"
    if args.json:
        _print_json({"owner": owner, **_budget_json(budget)})
    else:
        print(f"{owner}: {budget_text(budget) or 'no limit'}")
    return 0


def key_json(key: AccessKey) -> JsonObject:
    """A key as plain JSON values, money in decimal dollars, and whether it is good at this moment."""
    return {
        "id": key.id,
        "state": state_of(key, time.time()),
        "role": key.role,
        "project": key.project,
        "label": key.label,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "allowed": list(key.allowed),
        "task": key.task,
        "risk": key.risk,
        **{field: getattr(key.quota, field) for field in key.quota.__struct_fields__},
        **_budget_json(key.budget),
    }


def render(stored: StoredKeys, console: Console) -> None:
    """Print the keys as a table, then the projects' budgets."""
    if not stored.keys:
        console.print(Text("no keys yet: tiercel keys create makes one"))
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("id", "state", "role", "project", "may use", "limits", "label"):
            table.add_column(heading)
        now = time.time()
        for one in stored.keys.values():
            key = one.key
            cells = (
                key.id,
                state_of(key, now),
                key.role,
                key.project or "-",
                ", ".join(key.allowed) or "all",
            )
            table.add_row(
                *(Text(printable(cell)) for cell in (*cells, limits_text(key) or "none", key.label or "-"))
            )
        console.print(table)
    for project, budget in stored.projects.items():
        console.print(Text(f"project {project}: {budget_text(budget) or 'no limit'}"))


def _budget(args: argparse.Namespace) -> Budget:
    return Budget(day_nano=args.usd_per_day, month_nano=args.usd_per_month)


def read_keys(storage: Storage) -> StoredKeys:
    """Everything in the store, also where that was never made."""
    reader = KeyReader(Path(storage.folder), database_url=storage.database_url)
    try:
        return reader.poll() or StoredKeys()
    finally:
        reader.close()


def _storage(args: argparse.Namespace) -> Storage:
    """A folder that is named stands for itself, without PostgreSQL."""
    if args.data is not None:
        return Storage(folder=str(args.data))
    config: Path = args.config or Path(SETTINGS_FILE)
    found = args.config is not None or config.exists()
    return load_storage(config, os.environ) if found else Storage()


def _store(args: argparse.Namespace, *, make: bool = False) -> AbstractContextManager[KeyStore]:
    storage = _storage(args)
    return KeyStore.open(Path(storage.folder), make=make, database_url=storage.database_url)


def _check_allowed(args: argparse.Namespace) -> None:
    """A key for a tier that is misspelt would be good for nothing. Raises `ConfigError`."""
    if not args.allow:
        return
    loaded = load_configuration(args)
    catalog = loaded.settings.catalog
    names = [*loaded.policy.tiers, *catalog.models, *catalog.deployments]
    check_allowed(args.allow, names)


def _show_issued(issued: IssuedKey, args: argparse.Namespace) -> None:
    if args.json:
        _print_json({"key": issued.text, **key_json(issued.key)})
        return
    key = issued.key
    print(issued.text)
    print()
    print(f"This is key {key.id}, role {key.role}{f', project {key.project}' if key.project else ''}.")
    print("Keep it: it is not shown again. Clients send it where an API key goes.")


def _budget_json(budget: Budget) -> JsonObject:
    return {
        "usd_per_day": None if budget.day_nano is None else usd_text(budget.day_nano),
        "usd_per_month": None if budget.month_nano is None else usd_text(budget.month_nano),
    }


def _print_json(value: Json) -> None:
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
