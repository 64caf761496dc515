"""Values as JSON, so that two processes that do not trust each other can exchange them.

A plain value goes by value, exactly. Whatever else there is (functions, objects of the program's own classes) stays
where it is and goes as a reference, which `Foreign` makes and finds again. Nothing is unpickled.
"""

import builtins
import math
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeAlias

Encoded: TypeAlias = Any
"""What JSON can hold: a scalar or list as itself, anything else as an object of one key, which names its kind."""

EXACT_INT = 2**53
BY_TEXT = {("decimal", "Decimal"): str, ("fractions", "Fraction"): str}
BY_ISO = {("datetime", "date"), ("datetime", "datetime"), ("datetime", "time")}
SEQUENCES: dict[str, type[Any]] = {"tuple": tuple, "set": set, "frozenset": frozenset}
MAPPINGS = ("Counter", "OrderedDict", "defaultdict")


class Foreign(Protocol):
    """References to what does not go by value."""

    def refer(self, value: object) -> Encoded:
        """A reference to `value`."""
        ...

    def find(self, kind: str, body: Encoded) -> object:
        """What a reference of the other side stands for. Raises `ValueError` where it is none."""
        ...


def encode(value: object, foreign: Foreign) -> Encoded:
    """`value` as JSON. Where it contains itself, or is nested too deep, all of it goes as a reference."""
    try:
        return _encode(value, foreign)
    except RecursionError:
        return foreign.refer(value)


def decode(encoded: Encoded, foreign: Foreign) -> Any:
    """The value again. Raises `ValueError`, `TypeError`, `RecursionError` or `KeyError` for what is none."""
    if isinstance(encoded, list):
        return [decode(item, foreign) for item in encoded]
    if not isinstance(encoded, dict):
        return encoded
    ((kind, body),) = encoded.items()
    if kind in DECODERS:
        return DECODERS[kind](body)
    if kind in SEQUENCES:
        return SEQUENCES[kind](decode(item, foreign) for item in body)
    if kind == "dict" or kind in MAPPINGS:
        return _mapping(kind, [(decode(key, foreign), decode(item, foreign)) for key, item in body])
    if kind == "deque":
        return _collections().deque((decode(item, foreign) for item in body[0]), body[1])
    if kind == "namedtuple":
        name, fields, items = body
        return _collections().namedtuple(name, fields)(*[decode(item, foreign) for item in items])
    return foreign.find(kind, body)


def _encode(value: Any, foreign: Foreign) -> Encoded:
    kind = type(value)
    if value is None or kind in (bool, str):
        return value
    if kind is int:
        return value if -EXACT_INT < value < EXACT_INT else {"int": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if kind is list:
        return [_encode(item, foreign) for item in value]
    if kind in SEQUENCES.values():
        return {kind.__name__: [_encode(item, foreign) for item in value]}
    if kind is dict:
        return {"dict": _items(value.items(), foreign)}
    return _encode_rarer(value, kind, foreign)


def _encode_rarer(value: Any, kind: type, foreign: Foreign) -> Encoded:
    if kind is complex:
        return {"complex": [repr(value.real), repr(value.imag)]}
    if kind in (bytes, bytearray):
        return {kind.__name__: value.hex()}
    if kind is range:
        return {"range": [value.start, value.stop, value.step]}
    if value is Ellipsis or value is NotImplemented:
        return {"builtin": str(value)}
    if kind in (type, types.BuiltinFunctionType):
        name = str(value.__name__)
        if getattr(builtins, name, None) is value:
            return {"builtin": name}
    if kind.__module__ in ("collections", "decimal", "fractions", "datetime"):
        return _encode_standard(value, kind, foreign)
    if kind.__bases__ == (tuple,) and hasattr(kind, "_fields"):
        body = [kind.__name__, list(kind._fields), [_encode(item, foreign) for item in tuple(value)]]
        return {"namedtuple": body}
    return foreign.refer(value)


def _encode_standard(value: Any, kind: type, foreign: Foreign) -> Encoded:
    """Values of the standard library's own classes. A class can claim to be one; what is decoded is one."""
    name = kind.__name__
    if getattr(sys.modules.get(kind.__module__), name, None) is not kind:
        return foreign.refer(value)
    if (kind.__module__, name) in BY_TEXT:
        return {name: str(value)}
    if (kind.__module__, name) in BY_ISO:
        return {name: value.isoformat()}
    if name == "timedelta":
        return {name: [value.days, value.seconds, value.microseconds]}
    if name in MAPPINGS:
        return {name: _items(value.items(), foreign)}
    if name == "deque":
        return {name: [[_encode(item, foreign) for item in value], value.maxlen]}
    return foreign.refer(value)


def _items(items: Iterable[tuple[object, object]], foreign: Foreign) -> list[Encoded]:
    return [[_encode(key, foreign), _encode(item, foreign)] for key, item in items]


def _mapping(kind: str, items: list[tuple[Any, Any]]) -> Any:
    if kind == "dict":
        return dict(items)
    if kind == "defaultdict":
        return _collections().defaultdict(None, items)
    return getattr(_collections(), kind)(dict(items))


def _builtin(name: str) -> object:
    return {"Ellipsis": Ellipsis, "NotImplemented": NotImplemented}.get(name) or getattr(builtins, name)


def _collections() -> Any:
    import collections

    return collections


def _standard(module: str, name: str) -> Any:
    """Only what a program really uses is imported: the box is to start quickly."""
    return getattr(__import__(module), name)


DECODERS: dict[str, Callable[[Any], Any]] = {
    "int": lambda body: int(body, 16),
    "float": float,
    "complex": lambda body: complex(float(body[0]), float(body[1])),
    "bytes": bytes.fromhex,
    "bytearray": bytearray.fromhex,
    "range": lambda body: range(*body),
    "builtin": _builtin,
    "Decimal": lambda body: _standard("decimal", "Decimal")(body),
    "Fraction": lambda body: _standard("fractions", "Fraction")(body),
    "date": lambda body: _standard("datetime", "date").fromisoformat(body),
    "datetime": lambda body: _standard("datetime", "datetime").fromisoformat(body),
    "time": lambda body: _standard("datetime", "time").fromisoformat(body),
    "timedelta": lambda body: _standard("datetime", "timedelta")(*body),
}
