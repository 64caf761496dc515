"""`tiercel explain`: where a request would go and why, calling nobody; or where one went, told from its record."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from tiercel.checks.registry import Registry
from tiercel.checks.resolve import resolve_policy
from tiercel.cli.configuration import add_file_arguments, load_configuration
from tiercel.cli.report import storage_of
from tiercel.domain.catalog import Catalog
from tiercel.domain.climb import Plan
from tiercel.domain.errors import ConfigError, ProblemError
from tiercel.domain.facts import Facts
from tiercel.domain.keys import ANYBODY, NO_BUDGET, AccessKey
from tiercel.domain.policy import Policy
from tiercel.domain.request import ModelRequest
from tiercel.domain.settings import Storage
from tiercel.gateway.explaining import PASTED, STATED, Pasted, asked
from tiercel.measure.retelling import retell
from tiercel.records.key_store import KeyStore
from tiercel.routing.allowed import bounded, within
from tiercel.routing.explain import render_text
from tiercel.routing.facts import read_facts
from tiercel.routing.plan import make_plan
from tiercel.routing.sessions import in_conversation
from tiercel.routing.split import Draw, with_arm


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser("explain", help="where a request would go and why", description=__doc__)
    parser.add_argument("prompt", nargs="?", help="a prompt; or use --request")
    parser.add_argument(
        "--request",
        type=Path,
        metavar="FILE",
        help="a request's body, of any client's format ('-': standard input)",
    )
    parser.add_argument(
        "--format",
        choices=[form for form in PASTED if form != "prompt"],
        help="the body's format, where it does not tell",
    )
    parser.add_argument("--model", default="auto", help="what the client would send as model (default: auto)")
    for name in STATED:
        parser.add_argument(f"--{name}", help=f"the hint x-tiercel-{name}")
    parser.add_argument(
        "--key", metavar="ID", help="as for the key of this id: what it may use, and its hints"
    )
    parser.add_argument("--record", metavar="ID", help="tell the climb of this record again, step by step")
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="with --record: the data folder, as for `tiercel report`"
    )
    add_file_arguments(parser)
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Print facts, filters, rule, ladder and why; 1 when the request could not be served."""
    if args.record is not None:
        return _retell(args)
    loaded = load_configuration(args)
    policy = resolve_policy(loaded.policy, Registry.load())
    text, form = _text(args)
    try:
        key, has_budget = _key(args, loaded.settings.storage)
        stated = {
            name: (getattr(args, name), f"--{name}") for name in STATED if getattr(args, name) is not None
        }
        request, hints = asked(text, model=args.model, form=form, stated=stated)
        hints = replace(hints, task=hints.task or key.task, risk=hints.risk or key.risk)
        facts = read_facts(request, hints, residency_default=policy.residency_default)
        draw = Draw(
            project=key.project,
            key_id=key.id,
            user=request.user,
            allowed=key.allowed,
            budgeted=has_budget,
        )
        plan = within(_plan(request, facts, policy, loaded.settings.catalog, draw), key.allowed)
        plan = in_conversation(plan, request.messages)
        if has_budget:
            plan, _ = bounded(plan)
    except ProblemError as error:
        print(f"would be refused ({error.kind}): {error.message}")
        return 1
    print(render_text(plan, policy))
    return 0


def _plan(request: ModelRequest, facts: Facts, policy: Policy, catalog: Catalog, draw: Draw) -> Plan:
    """The plan; of a rule with a split along the arm that this request's session or user keeps."""
    plan = make_plan(request, facts, policy, catalog)
    if plan.split is None:
        return plan
    return with_arm(plan, draw, lambda along: make_plan(request, facts, policy, catalog, along=along))


def _retell(args: argparse.Namespace) -> int:
    """Print what happened to a request; 1 where there is no record of it."""
    # SQLAlchemy takes long to load, and nothing else needs it here
    from tiercel.records.pairs import each_pair
    from tiercel.records.query import find_feedback, find_record

    storage = storage_of(args.data)
    folder, url = Path(storage.folder), storage.database_url
    record = find_record(folder, args.record, database_url=url)
    if record is None:
        print(
            f"no record {args.record!r} in {folder}; the header x-tiercel-record of an answer names its own"
        )
        return 1
    when = datetime.fromtimestamp(record.started_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    feedback = find_feedback(folder, args.record, database_url=url)
    pairs = list(each_pair(folder, record_id=args.record, database_url=url))
    print(retell(record, when, feedback, pairs))
    return 0


def _text(args: argparse.Namespace) -> tuple[bytes, Pasted | None]:
    """What is to be explained, and what it is, where that is known."""
    if args.request is not None:
        body = sys.stdin.buffer.read() if str(args.request) == "-" else args.request.read_bytes()
        return body, args.format
    if not args.prompt:
        raise ConfigError("give a prompt, or --request FILE")
    return args.prompt.encode(), "prompt"


def _key(args: argparse.Namespace, storage: Storage) -> tuple[AccessKey, bool]:
    """The key that is asked about, else one that may do everything; and whether it or its project has a budget. Raises
    `ConfigError` where there is no such key."""
    if args.key is None:
        return ANYBODY, False
    with KeyStore.open(Path(storage.folder), database_url=storage.database_url) as store:
        stored = store.read()
    found = stored.keys.get(args.key)
    if found is None:
        raise ConfigError(f"--key {args.key}: there is no key of this id; `tiercel keys list` shows them")
    key = found.key
    return key, key.budget.bounds or stored.projects.get(key.project, NO_BUDGET).bounds
