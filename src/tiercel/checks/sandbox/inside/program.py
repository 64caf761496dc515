"""The process that runs the program under test. It does what the tests ask, and hands over what comes of it.

All that it says may be a lie, as the code it runs can do with it what it likes. It is only ever taken for a value.
"""

import builtins
import operator
import types
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from .channel import Channel, Message
from .contain import contain
from .values import Encoded, decode, encode

ANSWER = "<answer>"
MAX_TEXT = 500
MAX_FRAMES = 6
MUTABLE = (list, dict, set, bytearray)

DOINGS: dict[str, Callable[..., Any]] = {
    **{name: getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge", "add", "sub", "mul")},
    **{
        name: getattr(operator, name)
        for name in ("matmul", "truediv", "floordiv", "mod", "pow", "xor", "neg")
    },
    **{name: getattr(operator, name) for name in ("getitem", "setitem", "delitem")},
    **{
        name: getattr(builtins, name)
        for name in ("getattr", "setattr", "delattr", "len", "bool", "int", "float")
    },
    **{name: getattr(builtins, name) for name in ("str", "repr", "abs", "next", "isinstance")},
    "and": operator.and_,
    "or": operator.or_,
    "call": lambda function, *args, **kwargs: function(*args, **kwargs),
    "iter": list,
    "is_iterator": lambda thing: isinstance(thing, Iterator),
    "enter": lambda thing: thing.__enter__(),
    "exit": lambda thing: thing.__exit__(None, None, None),
    "await": lambda thing: _run(thing),
}


class Program:
    """The program's names and objects, and the doings on them."""

    def __init__(self, source: int, sink: int) -> None:
        self._channel = Channel(source, sink, self._answer)
        self._kept: list[object] = []
        self._numbers: dict[int, int] = {}
        self._handed: dict[object, int] = {}
        module = types.ModuleType("answer")
        module.__dict__.update(exit=_leave, quit=_leave)
        self._names: dict[str, Any] = module.__dict__
        self._lines: dict[str, list[str]] = {}

    def serve(self) -> None:
        """Answer questions until nobody asks any more."""
        self._channel.serve()

    def refer(self, value: object) -> Encoded:
        """As `Foreign`: functions that the tests handed over go back as themselves."""
        if isinstance(value, types.FunctionType) and value in self._handed:
            return {"callback": self._handed[value]}
        if isinstance(value, types.CoroutineType):
            return {"coroutine": self._number(value)}
        return {"handle": self._number(value)}

    def find(self, kind: str, body: Encoded) -> object:
        """As `Foreign`."""
        if kind == "handle":
            return self._kept[body]
        if kind == "callback":
            return self._callback(body)
        raise ValueError(kind)

    def _number(self, value: object) -> int:
        if id(value) not in self._numbers:
            self._numbers[id(value)] = len(self._kept)
            self._kept.append(value)  # also keeps its id from being given to another
        return self._numbers[id(value)]

    def _callback(self, number: int) -> object:
        def callback(*args: Any, **kwargs: Any) -> Any:
            given = [encode(list(args), self), encode(kwargs, self)]
            reply = self._channel.ask({"op": "callback", "number": number, "given": given})
            if "raised" in reply:
                raise getattr(builtins, reply["raised"], RuntimeError)(reply["text"])
            return decode(reply["value"], self)

        self._handed[callback] = number
        return callback

    def _answer(self, question: Message) -> Message:
        doing = {"load": self._load, "compile": self._compile, "names": self._describe, "do": self._do}
        reply, error = contain(lambda: doing[question["op"]](question))
        return self._raised(error) if reply is None else reply

    def _compile(self, question: Message) -> Message:
        """Compile each block; say what is wrong with each that is no Python."""
        problems: list[str] = []
        for number, text in enumerate(question["blocks"]):
            _, error = contain(partial(self._compiled, text, number))
            if error is not None:
                problems.append(_syntax(error))
        return {"value": problems}

    def _compiled(self, text: str, number: int) -> types.CodeType:
        name = ANSWER if number == 0 else f"<answer, block {number + 1}>"
        self._lines[name] = text.splitlines()
        return compile(text, name, "exec", dont_inherit=True)

    def _load(self, question: Message) -> Message:
        """Run the blocks one after the other, like the cells of a notebook: one that fails stops no other."""
        problems: list[Message] = []
        for number, text in enumerate(question["blocks"]):
            code, error = contain(partial(self._compiled, text, number))
            if code is None:
                problems.append({"syntax": _syntax(error)})
                continue
            _, error = contain(partial(exec, code, self._names))
            if error is not None:
                problems.append(self._raised(error))
        return {"value": problems}

    def _describe(self, question: Message) -> Message:
        """What the tests are to know of those names that the program has."""
        return {
            "value": {
                name: self._described(self._names[name]) for name in question["wanted"] if name in self._names
            }
        }

    def _described(self, value: object) -> Encoded:
        if isinstance(value, type) and issubclass(value, BaseException):
            return {"exception": _lineage(value)}
        if isinstance(value, types.ModuleType):
            return {"module": value.__name__}
        return encode(value, self)

    def _do(self, question: Message) -> Message:
        """One doing, and how it left those arguments that it could change in place."""
        args: list[Any] = [decode(item, self) for item in question["args"]]
        kwargs: dict[str, Any] = {name: decode(item, self) for name, item in question["kwargs"].items()}
        result = DOINGS[question["what"]](*args, **kwargs)
        left = [[place, encode(value, self)] for place, value in enumerate(args) if type(value) in MUTABLE]
        changed = [[place, now] for place, now in left if now != question["args"][place]]
        return {"value": encode(result, self), "changed": changed}

    def _raised(self, error: BaseException | None) -> Message:
        assert error is not None
        text, _ = contain(lambda: str(error)[:MAX_TEXT])
        args, _ = contain(lambda: [encode(item, self) for item in error.args])
        return {
            "raised": _lineage(type(error)),
            "text": text or "",
            "args": args or [],
            "trace": self._trace(error),
        }

    def _trace(self, error: BaseException) -> str:
        """Where in the answer it was raised; what stands in between, in the library, is left out."""
        lines: list[str] = []
        step = error.__traceback__
        while step is not None:
            code = step.tb_frame.f_code
            if code.co_filename in self._lines:
                text = self._lines[code.co_filename]
                source = text[step.tb_lineno - 1].strip() if step.tb_lineno <= len(text) else ""
                lines.append(f"{code.co_filename} line {step.tb_lineno}, in {code.co_name}: {source}")
            step = step.tb_next
        return "\n".join(lines[-MAX_FRAMES:])


def _lineage(kind: type) -> list[str]:
    return [base.__name__ for base in kind.__mro__ if base is not object]


def _syntax(error: BaseException | None) -> str:
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}"
    return type(error).__name__


def _leave(*_: object) -> None:
    raise SystemExit


def _run(coroutine: Any) -> Any:
    import asyncio

    return asyncio.run(coroutine)
