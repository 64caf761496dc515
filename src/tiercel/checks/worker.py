"""The process that runs what may not end: `python -m tiercel.checks.worker`, spoken to over its standard streams.

A frame is four bytes of length and as many of JSON: `{"kind", "payload"}` in, `{"result"}` or `{"error"}` out. It holds
no secret, opens no file and no connection; whoever started it kills it when it takes too long.
"""

import ast
import os
import re
import struct
import sys
import warnings
from typing import IO

import msgspec

from tiercel.checks.json_text import parse_strict
from tiercel.checks.schemas import Finding, SchemaError, compile_schema, examine
from tiercel.domain.json import Json, JsonObject

MEMORY_BYTES = 512 * 1024 * 1024
CALL_CPU_SECONDS = 5
"""Should the starter die meanwhile, a call that does not end is still ended."""

HEADER = struct.Struct(">I")
MAX_FRAME = 64 * 1024 * 1024
READY = b"ready"

FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE, "a": re.ASCII}


def main() -> None:
    """Answer frames until the input ends."""
    source = sys.stdin.buffer
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # so that nothing printed can end up among the frames
    _limit_memory()
    write_frame(sink, READY)
    while (frame := read_frame(source)) is not None:
        _limit_call()
        write_frame(sink, answer(frame))


def answer(frame: bytes) -> bytes:
    """The reply to one frame."""
    try:
        call = msgspec.json.decode(frame)
        reply = {"result": evaluate(call["kind"], call["payload"])}
    except (ValueError, TypeError, KeyError, re.error, RecursionError, MemoryError) as error:
        reply = {"error": str(error)[:300] or type(error).__name__}
    return msgspec.json.encode(reply)


def evaluate(kind: str, payload: JsonObject) -> Json:
    """`regex`: whether the pattern is found in the text. `schema`: the `Finding` on a JSON text. `python`: what the
    code defines, or why it is none."""
    if kind == "regex":
        return _find(payload)
    if kind == "python":
        return _parse(payload["text"])
    if kind == "schema":
        return _validate(payload)
    raise ValueError(f"no such kind: {kind}")


def compile_pattern(pattern: str, flags: str) -> re.Pattern[str]:
    """A Python regular expression. Raises `re.error`; `KeyError` for an unknown flag."""
    combined = re.RegexFlag(0)
    for flag in flags:
        combined |= FLAGS[flag]
    return re.compile(pattern, combined)


def read_frame(source: IO[bytes]) -> bytes | None:
    """The next frame, or `None` where the stream ended. Raises `ValueError` where it cannot be one."""
    header = source.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    (length,) = HEADER.unpack(header)
    if length > MAX_FRAME:
        raise ValueError("frame too long")
    body = source.read(length)
    return body if len(body) == length else None


def write_frame(sink: IO[bytes], body: bytes) -> None:
    """Send one frame."""
    sink.write(HEADER.pack(len(body)) + body)
    sink.flush()


def _find(payload: JsonObject) -> bool:
    pattern = compile_pattern(payload["pattern"], payload["flags"])
    search = pattern.fullmatch if payload["full"] else pattern.search
    return search(payload["text"]) is not None


def _validate(payload: JsonObject) -> Finding:
    value = parse_strict(payload["text"])
    try:
        validator = compile_schema(payload["schema"])
    except SchemaError:
        validator = compile_schema(payload["schema"], linear=False)
    return examine(validator, value)


def _parse(code: str) -> Json:
    """Parsed only: nothing of it is compiled, folded or run."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(code)
    except SyntaxError as error:
        return {"error": f"line {error.lineno}: {error.msg}"}
    except (ValueError, RecursionError, MemoryError) as error:
        return {"error": f"{type(error).__name__}"}
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {"defines": [node.name for node in tree.body if isinstance(node, kinds)]}


def _limit_memory() -> None:
    if sys.platform == "win32":
        return
    import resource

    for limit, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        try:
            resource.setrlimit(limit, (most, most))
        except (ValueError, OSError):  # not every system lets every limit be set
            continue


def _limit_call() -> None:
    if sys.platform == "win32":
        return
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    soon = int(used.ru_utime + used.ru_stime) + CALL_CPU_SECONDS
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    if most == resource.RLIM_INFINITY or soon < most:
        resource.setrlimit(resource.RLIMIT_CPU, (soon, most))


if __name__ == "__main__":
    main()
