"""`tiercel schema`: the JSON Schemas of tiercel.toml and policy.toml, so that an editor completes them."""

import argparse
import json
from typing import Any

from tiercel.policy.schema import policy_schema, settings_schema


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser("schema", help="print the JSON Schema of a file", description=__doc__)
    parser.add_argument("file", choices=("tiercel", "policy"), help="which file's schema")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Print the schema."""
    schema = settings_schema() if args.file == "tiercel" else policy_schema()
    print(json.dumps(schema, indent=2))
    return 0
