"""The pages for other people's clients: each is on the list, has an example that can be run, and its links lead
somewhere. That the examples work is for `make clients` to say, which needs the package registries."""

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest

from tests.test_docs import FENCE, LINK, script
from tiercel.policy import read_policy

CLIENTS = Path(__file__).parent.parent / "docs" / "clients"
INDEX = CLIENTS / "index.md"
PAGES = sorted(path for path in CLIENTS.glob("*.md") if path != INDEX)
TRIES = script("try_clients")
VERDICT = re.compile(r"^\| \[.+\]\((?P<page>.+)\.md\) \| \S+ \| \S+ \| (?P<verdict>.+) \|$", re.MULTILINE)

every_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)


def test_every_page_is_listed_and_tried_or_said_not_to_be() -> None:
    assert {path.stem for path in PAGES} == {client.page for client in TRIES.CLIENTS}
    text = INDEX.read_text("utf-8")
    assert [path.stem for path in PAGES if f"]({path.name}) | " not in text] == []
    verdicts = {found["page"]: found["verdict"] for found in VERDICT.finditer(text)}
    assert verdicts.keys() == {path.stem for path in PAGES}
    assert [verdict for verdict in verdicts.values() if not verdict.startswith(("ok: ", "untested: "))] == []


@every_page
def test_a_page_has_an_example_to_run(path: Path) -> None:
    examples = TRIES.examples_of(path.stem)
    assert examples
    for example in examples:
        re.compile(example.expect)
        if example.language == "python":
            ast.parse(example.text)


@every_page
def test_the_result_is_of_as_many_examples_as_there_are(path: Path) -> None:
    """Otherwise the page has changed since: run `make clients CLIENTS=NAME`."""
    verdicts = {found["page"]: found["verdict"] for found in VERDICT.finditer(INDEX.read_text("utf-8"))}
    verdict = verdicts[path.stem]
    count = len(TRIES.examples_of(path.stem))
    assert verdict.startswith("untested: ") or verdict == f"ok: {count} of {count} examples"


@pytest.mark.parametrize("path", [*PAGES, INDEX], ids=lambda path: path.stem)
def test_links_and_files_on_the_pages(path: Path) -> None:
    text = path.read_text("utf-8")
    local = [target for target in LINK.findall(FENCE.sub("", text)) if not target.startswith("https://")]
    assert [target for target in local if not (path.parent / target.partition("#")[0]).exists()] == []
    for block in FENCE.finditer(text):
        if block[1] == "toml":
            aliases = tomllib.loads(block[2])["aliases"]
            written = ", ".join(f"{json.dumps(name)} = {json.dumps(to)}" for name, to in aliases.items())
            assert read_policy(WITH_ALIASES.format(written)).aliases == aliases


WITH_ALIASES = """
version = 1
aliases = {{ {} }}

[tiers.fast]
members = ["step-3.7-flash"]

[[rules]]
name = "rest"
ladder = ["fast"]
"""


def test_a_new_result_takes_the_place_of_the_old_row_only() -> None:
    before = TRIES.table({"llm": TRIES.Result("0.1", "ok: 1 of 1 examples")}, "")
    after = TRIES.table({"aider": TRIES.Result("", "untested: no registry")}, before)
    assert "| [llm](llm.md) | 0.1 | " in after
    assert "| untested: no registry |" in after
    assert len(after.splitlines()) == len(TRIES.CLIENTS) + 2
