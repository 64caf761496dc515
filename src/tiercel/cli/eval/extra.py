"""What is said where the libraries of the extra `evals` are not installed."""

import sys

from tiercel.cli.eval.exits import USAGE


def without_extra(error: ModuleNotFoundError) -> int:
    """Say what to install; a module of our own that is missing is a fault, and raised again."""
    if (error.name or "").startswith("tiercel"):
        raise error
    print(f"tiercel: {error.name} is not installed: pip install 'tiercel[evals]'", file=sys.stderr)
    return USAGE
