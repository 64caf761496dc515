"""Takes a text of tests apart into units: each is run by itself, passes or fails, and counts alike.

A unit is a statement with an `assert`, or a function `test_...`. Of `check(candidate)`, which is how HumanEval writes
its tests, each statement is one. All other statements prepare, and count only where they fail.
"""

import ast
import builtins
from collections.abc import Iterator, Sequence

TESTS = "<tests>"
GOT = "·got"
"""The name under which a failed assertion leaves what it compared. No program can write it: it is no identifier."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


class TestsError(Exception):
    """The tests cannot be used, whatever the program is."""


class Unit:
    """One statement, or one function to be called. `line` is where it stands in the text, `source` its
    lines."""

    def __init__(
        self, statement: ast.stmt, *, lines: Sequence[str], counts: bool, function: Function | None = None
    ) -> None:
        shown: ast.stmt = function or statement
        self.line = shown.lineno
        self.name = function.name if function else ""
        self.counts = counts
        self.source = "\n".join(lines[shown.lineno - 1 : shown.end_lineno]).strip()
        module = ast.Module([ShowsWhatItGot().visit(statement)], type_ignores=[])
        self.code = compile(ast.fix_missing_locations(module), TESTS, "exec", dont_inherit=True)


class ShowsWhatItGot(ast.NodeTransformer):
    """`assert left == right` becomes `assert (got := left) == right`, and so on."""

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        test = node.test
        if isinstance(test, ast.Compare):
            test.left = _kept(test.left)
        elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            test.operand = _kept(test.operand)
        else:
            node.test = _kept(test)
        return node


def take_apart(text: str, entry_point: str | None) -> list[Unit]:
    """The units in their order. Raises `TestsError`."""
    try:
        text = text.replace("\r\n", "\n").replace("\r", "\n")  # as Python counts lines
        tree, lines = ast.parse(text), text.split("\n")
        check = _check_function(tree)
        if check is None:
            units = [unit for statement in tree.body for unit in _units(statement, lines)]
        else:
            units = [*_around(tree, check, lines), *_unrolled(check, _candidate(tree, entry_point), lines)]
    except SyntaxError as error:
        raise TestsError(f"line {error.lineno}: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise TestsError(type(error).__name__) from error
    if not any(unit.counts for unit in units):
        raise TestsError(
            "no test among them; write assert statements, functions test_..., or check(candidate)"
        )
    return units


def free_names(text: str) -> tuple[set[str], set[str]]:
    """The names that the tests use: those that only the program can have, and the built-in ones."""
    used = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    built_in = {name for name in used if hasattr(builtins, name)}
    return used - built_in, built_in


def _kept(value: ast.expr) -> ast.expr:
    return ast.NamedExpr(target=ast.Name(GOT, ast.Store()), value=value)


def _units(statement: ast.stmt, lines: Sequence[str]) -> Iterator[Unit]:
    yield Unit(statement, lines=lines, counts=_asserts(statement))
    if isinstance(statement, Function) and statement.name.startswith("test"):
        if _required(statement):
            raise TestsError(f"line {statement.lineno}: {statement.name} takes arguments, which nobody gives")
        call = f"{statement.name}()"
        if isinstance(statement, ast.AsyncFunctionDef):
            call = f"__import__('asyncio').run({call})"
        yield Unit(ast.parse(call).body[0], lines=lines, counts=True, function=statement)


def _asserts(statement: ast.stmt) -> bool:
    """Whether an assertion stands in it that is run when it is."""
    if isinstance(statement, Function | ast.ClassDef):
        return False
    return isinstance(statement, ast.Assert) or any(_asserts(inner) for inner in _statements_in(statement))


def _returns(statement: ast.stmt) -> bool:
    if isinstance(statement, Function | ast.ClassDef):
        return False
    return isinstance(statement, ast.Return) or any(_returns(inner) for inner in _statements_in(statement))


def _statements_in(statement: ast.AST) -> Iterator[ast.stmt]:
    """Those directly below it, also in its handlers and cases."""
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.stmt):
            yield child
        elif isinstance(child, ast.ExceptHandler | ast.match_case):
            yield from _statements_in(child)


def _required(function: Function) -> bool:
    given = function.args
    return len(given.posonlyargs) + len(given.args) > len(given.defaults) or None in given.kw_defaults


def _check_function(tree: ast.Module) -> ast.FunctionDef | None:
    for statement in tree.body:
        if (
            isinstance(statement, ast.FunctionDef)
            and statement.name == "check"
            and len(statement.args.args) == 1
        ):
            return statement
    return None


def _check_call(statement: ast.stmt) -> ast.expr | None:
    """The argument of a call `check(...)` that stands by itself."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        call = statement.value
        if isinstance(call.func, ast.Name) and call.func.id == "check" and len(call.args) == 1:
            return call.args[0]
    return None


def _candidate(tree: ast.Module, entry_point: str | None) -> ast.expr:
    if entry_point is not None:
        return ast.Name(entry_point, ast.Load())
    for statement in tree.body:
        if (argument := _check_call(statement)) is not None:
            return argument
    raise TestsError("check(candidate) needs to know the candidate: give 'entry_point'")


def _around(tree: ast.Module, check: ast.FunctionDef, lines: Sequence[str]) -> Iterator[Unit]:
    for statement in tree.body:
        if statement is not check and _check_call(statement) is None:
            yield from _units(statement, lines)


def _unrolled(check: ast.FunctionDef, candidate: ast.expr, lines: Sequence[str]) -> Iterator[Unit]:
    """The statements of `check`, one by one; as a whole where it returns early, which only a function can."""
    if any(_returns(statement) for statement in check.body):
        yield Unit(check, lines=lines, counts=False)
        call = ast.Expr(ast.Call(ast.Name("check", ast.Load()), [candidate], []))
        yield Unit(ast.copy_location(call, check), lines=lines, counts=True, function=check)
        return
    given = ast.Assign([ast.Name(check.args.args[0].arg, ast.Store())], candidate)
    yield Unit(ast.copy_location(given, check), lines=lines, counts=False)
    for statement in check.body:
        yield Unit(statement, lines=lines, counts=_asserts(statement))
