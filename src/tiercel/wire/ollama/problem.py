"""Errors of ours in Ollama's shape: a sentence, and nothing else."""

import msgspec

from tiercel.domain.json import JsonObject
from tiercel.wire.codec import Problem


def encode_problem(problem: Problem) -> bytes:
    """The body of an error answer."""
    return msgspec.json.encode(problem_object(problem))


def problem_object(problem: Problem) -> JsonObject:
    """The same as an object, which inside a stream is its last line."""
    return {"error": problem.message}
