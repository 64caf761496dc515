"""Objects of the program, as the tests see them: each use of one is asked of the program, which does it.

A program must not be able to pass a test by answering with an object that is equal to everything. So such an object is
never compared with, or added to, a value of the tests; only with other objects of the program.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

Do: TypeAlias = Callable[..., Any]
"""`do(what, object, *arguments)`: has the program do it, and gives the result."""

OPERATORS = (
    *("eq", "ne", "lt", "le", "gt", "ge"),
    *("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor"),
)


class Remote:
    """A reference to an object of the program. `handle` is its number."""

    __slots__ = ("_do", "handle")

    def __init__(self, handle: int, do: Do) -> None:
        object.__setattr__(self, "handle", handle)
        object.__setattr__(self, "_do", do)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._do("call", self, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__name__", "__doc__"):
            raise AttributeError(name)
        return self._do("getattr", self, name)

    def __setattr__(self, name: str, value: object) -> None:
        self._do("setattr", self, name, value)

    def __delattr__(self, name: str) -> None:
        self._do("delattr", self, name)

    def __getitem__(self, key: object) -> Any:
        return self._do("getitem", self, key)

    def __setitem__(self, key: object, value: object) -> None:
        self._do("setitem", self, key, value)

    def __delitem__(self, key: object) -> None:
        self._do("delitem", self, key)

    def __len__(self) -> int:
        return int(self._do("len", self))

    def __bool__(self) -> bool:
        return bool(self._do("bool", self))

    def __int__(self) -> int:
        return int(self._do("int", self))

    def __float__(self) -> float:
        return float(self._do("float", self))

    def __str__(self) -> str:
        return str(self._do("str", self))

    def __repr__(self) -> str:
        return str(self._do("repr", self))

    def __neg__(self) -> Any:
        return self._do("neg", self)

    def __abs__(self) -> Any:
        return self._do("abs", self)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._do("iter", self)) if not self._do("is_iterator", self) else self

    def __next__(self) -> Any:
        return self._do("next", self)

    def __enter__(self) -> Any:
        return self._do("enter", self)

    def __exit__(self, *error: object) -> None:
        self._do("exit", self)

    def __instancecheck__(self, value: object) -> bool:
        return isinstance(value, Remote) and bool(self._do("isinstance", value, self))

    def __hash__(self) -> int:
        return hash(self.handle)

    def __eq__(self, other: object) -> Any:
        return self is other or (self._do("eq", self, other) if isinstance(other, Remote) else NotImplemented)


def _operator(name: str) -> Callable[[Remote, object], Any]:
    def operate(self: Remote, other: object) -> Any:
        return self._do(name, self, other) if isinstance(other, Remote) else NotImplemented

    return operate


for _name in OPERATORS[1:]:
    setattr(Remote, f"__{_name}__", _operator(_name))
