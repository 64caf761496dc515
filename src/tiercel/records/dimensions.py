"""What many records have in common, kept once: who was called, and by which rule.

A row's number is made from its content, so that several servers write the same rows without asking each other, and
writing one again changes nothing. The numbers stand in databases: how they are made is never changed.
"""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec

from tiercel.domain.record import AttemptRecord, Record

PLAN_FIELDS = ("rule", "ladder", "why", "policy_hash")
RUNG_FIELDS = ("rung", "deployment", "provider", "model", "tier", "effort")

_encode = msgspec.json.Encoder().encode


def content_number(values: tuple[object, ...]) -> int:
    """63 bits of a hash: of ten thousand different rows two share a number once in 10^11 databases."""
    return int.from_bytes(blake2b(_encode(values), digest_size=8).digest(), "big") >> 1


def plan_row(record: Record) -> Mapping[str, Any]:
    """The row of `plans` that this record refers to."""
    return _plan_row(record.rule, record.ladder, record.why, record.policy_hash)


def rung_row(attempt: AttemptRecord) -> Mapping[str, Any]:
    """The row of `rungs` that this attempt refers to."""
    return _rung_row(
        attempt.rung, attempt.deployment, attempt.provider, attempt.model, attempt.tier, attempt.effort
    )


@lru_cache(maxsize=2_000)
def _plan_row(rule: str, ladder: tuple[str, ...], why: str, policy_hash: str) -> Mapping[str, Any]:
    values = (rule, _encode(ladder).decode(), why, policy_hash)
    return dict(zip(PLAN_FIELDS, values, strict=True), number=content_number(values))


@lru_cache(maxsize=2_000)
def _rung_row(*values: str | None) -> Mapping[str, Any]:
    return dict(zip(RUNG_FIELDS, values, strict=True), number=content_number(values))
