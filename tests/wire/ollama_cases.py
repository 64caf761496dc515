"""What the tests of Ollama's format share: a target, and lines as its server writes them."""

import json
from typing import Any

from tiercel.domain.catalog import Capabilities, Deployment, Model, Provider, Target
from tiercel.wire.ollama import Ollama

CODEC = Ollama()
WHEN = "2026-11-20T10:00:00.123456789Z"


def ollama_target(
    capabilities: Capabilities | None = None, base_url: str = "http://127.0.0.1:11434", **decided: Any
) -> Target:
    provider = Provider(name="p", format="ollama", base_url=base_url)
    model = Model(name="m", capabilities=capabilities or Capabilities())
    deployment = Deployment(name="d", model=model, provider=provider, upstream_name="upstream-name")
    return Target(deployment=deployment, **decided)


def lines(*objects: dict[str, Any]) -> bytes:
    """A stream's lines, each with the model and time that Ollama repeats."""
    head = {"model": "qwen3", "created_at": WHEN}
    return b"".join(json.dumps({**head, **source}).encode() + b"\n" for source in objects)


def message(**fields: Any) -> dict[str, Any]:
    """One line in the middle of a stream."""
    return {"message": {"role": "assistant", "content": "", **fields}, "done": False}


def last(reason: str = "stop", **fields: Any) -> dict[str, Any]:
    """The line that says it is done."""
    counts = {"total_duration": 5, "prompt_eval_count": 11, "eval_count": 7}
    return {**message(), "done": True, "done_reason": reason, **counts, **fields}


def read_lines(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]
