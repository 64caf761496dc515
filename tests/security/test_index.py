"""docs/security.md promises tests by name; they are there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_every_test_that_the_page_names_exists() -> None:
    named = NAMED.findall((ROOT / "docs" / "security.md").read_text(encoding="utf-8"))
    assert len(named) > 40
    assert [f"{path}::{name}" for path, name in named if name not in functions_of(ROOT / path)] == []


def test_every_file_of_this_folder_is_on_the_page() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    here = Path(__file__)
    files = {path.name for path in here.parent.glob("test_*.py")} - {here.name}
    assert {name for name in files if f"tests/security/{name}" not in page} == set()


def functions_of(path: Path) -> set[str]:
    if not path.exists():
        return set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
