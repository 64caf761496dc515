"""What reads a value, as argparse wants it."""

import argparse
from collections.abc import Callable
from typing import TypeVar

from tiercel.domain.errors import ConfigError

T = TypeVar("T")


def argument(read: Callable[[str], T]) -> Callable[[str], T]:
    """The same, but what it says of a wrong value is argparse's complaint about the argument."""

    def read_argument(text: str) -> T:
        try:
            return read(text)
        except ConfigError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read_argument
