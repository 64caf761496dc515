"""What a box is given, and what came of it."""

from typing import Literal

import msgspec


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Blocks of code that make up a program, and the tests it is to pass. Without tests it is only compiled."""

    blocks: tuple[str, ...]
    tests: str | None = None
    entry_point: str | None = None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One test that failed, or with `counts` false a preparation of the tests that did.

    `kind` is the nearest built-in exception. What follows it may quote the answer and the tests.
    """

    line: int
    name: str
    counts: bool
    kind: str
    error: str
    source: str
    got: str
    trace: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a box reported until it ended, by itself or because its time was up.

    `compiled` has complaints about blocks that are no Python, `loaded` about those that failed when they were run, and
    `failures` tell of tests: the first few of each. What did not pass is what is left of `total`.
    `unusable` says what is wrong with the tests themselves, `gone` how the program ended before the tests did.
    """

    ready: bool = False
    compiled: tuple[str, ...] | None = None
    total: int = 0
    loaded: tuple[str, ...] | None = None
    passed: int = 0
    failures: tuple[Failure, ...] = ()
    unusable: str | None = None
    gone: str | None = None
    ended: Literal["whole", "out of time", "broken off"] = "whole"
    seconds: float = 0.0
