"""The limits that keep the house readable: size, nesting, parameters, broad excepts, what modules say."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "tiercel"
FILES = sorted(SOURCE.rglob("*.py"))
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60
MAX_PARAMETERS = 8
MAX_NESTING = 4
BROAD_EXCEPT_ALLOWED = {
    "gateway/app.py",
    "engine/supervise.py",
    "checks/run.py",
    "checks/sandbox/inside/contain.py",  # around programs from outside, in the sandbox
}
FORBIDDEN_NAMES = {"utils.py", "helpers.py", "common.py", "misc.py"}

Function = ast.FunctionDef | ast.AsyncFunctionDef
NESTING = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def functions(tree: ast.Module) -> list[Function]:
    return [node for node in ast.walk(tree) if isinstance(node, Function)]


def depth(node: ast.AST, level: int = 0) -> int:
    """The deepest nesting of blocks below `node`; an `elif` does not count as deeper than its `if`."""
    deepest = level
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and child in node.orelse
        deeper = isinstance(child, NESTING) and not is_elif
        deepest = max(deepest, depth(child, level + 1 if deeper else level))
    return deepest


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_file_keeps_the_limits(path: Path) -> None:
    """A file tells one story in under 500 lines, its functions are short, shallow and take few parameters."""
    tree = parse(path)
    problems = []
    lines = len(path.read_text("utf-8").splitlines())
    if lines > MAX_FILE_LINES:
        problems.append(f"{lines} lines")
    for function in functions(tree):
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        arguments = function.args
        names = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        count = len([a for a in names if a.arg not in ("self", "cls")])
        if length > MAX_FUNCTION_LINES:
            problems.append(f"{function.name}: {length} lines")
        if count > MAX_PARAMETERS:
            problems.append(f"{function.name}: {count} parameters")
        if depth(function) > MAX_NESTING:
            problems.append(f"{function.name}: nested {depth(function)} deep")
    assert problems == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_module_says_what_it_is_for(path: Path) -> None:
    """Each module opens with a docstring."""
    assert ast.get_docstring(parse(path))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_broad_excepts_live_in_few_files(path: Path) -> None:
    """`except Exception` (or broader) stands only at the named boundaries."""
    if name_of(path) in BROAD_EXCEPT_ALLOWED:
        return
    broad = []
    for node in ast.walk(parse(path)):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        names = {c.id for c in caught if isinstance(c, ast.Name)}
        if node.type is None or names & {"Exception", "BaseException"}:
            broad.append(node.lineno)
    assert broad == []


def test_no_drawer_modules() -> None:
    """A helper lives beside its caller or gets a real name."""
    assert [name_of(path) for path in FILES if path.name in FORBIDDEN_NAMES] == []
