"""The README's promises about itself: its commands are the ones that are run, its dependencies are all there are."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
RUN = "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/tiercel demo"
TEST = "python3 -m venv .venv && .venv/bin/pip install '.[dev]' && .venv/bin/pytest"


def test_the_two_lines_stand_in_the_readme_and_are_what_is_checked() -> None:
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    assert f"\n{RUN}\n" in README
    assert f"\n{TEST}\n" in README
    assert TEST in script
    assert RUN in script


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=!;\[ ]", requirement)[0].lower() for requirement in requirements}


def test_every_dependency_is_named_with_its_reason() -> None:
    table = set(re.findall(r"^\| ([A-Za-z0-9-]+) \| [0-9.]+ MB \|", README, re.MULTILINE))
    assert {name.lower() for name in table} == names(PROJECT["dependencies"])


def test_the_lock_files_pin_every_dependency_with_hashes() -> None:
    for file, wanted in (
        ("requirements.lock", names(PROJECT["dependencies"])),
        ("requirements-dev.lock", names(PROJECT["optional-dependencies"]["dev"])),
    ):
        lock = (ROOT / file).read_text("utf-8")
        entries = re.findall(r"^([a-z0-9-]+)==\S+.*\\\n    --hash=sha256:[0-9a-f]{64}", lock, re.MULTILINE)
        assert wanted <= set(entries)


def test_the_version_is_said_once() -> None:
    source = (ROOT / "src" / "tiercel" / "__init__.py").read_text("utf-8")
    assert f'__version__ = "{PROJECT["version"]}"' in source
