"""The documentation says what is: its tables are the code's, its examples work, its links lead somewhere."""

import importlib.util
import json
import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, get_args

import pytest

from tiercel.checks.check import Check, Subject
from tiercel.checks.registry import Registry
from tiercel.cli.main import COMMANDS
from tiercel.domain.errors import ProblemKind
from tiercel.domain.failure import FailureKind
from tiercel.domain.json import JsonObject
from tiercel.domain.policy import Gate
from tiercel.domain.record import AttemptRecord, Outcome, Record
from tiercel.domain.request import Message, ModelRequest, Text
from tiercel.domain.response import Choice, Finish
from tiercel.gateway.endpoints.answer_headers import answer_lines
from tiercel.gateway.hints import HEADERS
from tiercel.gateway.routes import NAMED_ROUTES, PUBLIC, ROUTES
from tiercel.policy import read_policy, read_settings
from tiercel.policy.claims import ClaimsTable, read_claims
from tiercel.policy.policy_tables import PolicyFile
from tiercel.policy.problems import Problems
from tiercel.policy.schema import policy_schema, settings_schema
from tiercel.policy.settings_tables import SettingsFile
from tiercel.policy.shape import find_problems
from tiercel.records.schema import attempts, feedback, records

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
WITH_TABLES = sorted(path for path in DOCS.rglob("*.md") if "<!-- table: " in path.read_text("utf-8"))
LINKED = [*PAGES, *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "STYLE.md", "CONTRIBUTING.md"))]

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
NOT_IN_A_SLUG = re.compile(r"[^\w\- ]")


class Example(NamedTuple):
    """A fenced block of a page."""

    page: str
    line: int
    text: str


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def examples(language: str) -> list[Any]:
    """Every block in this language, as test parameters named by page and line."""
    found = []
    for path in LINKED:
        text = path.read_text("utf-8")
        for block in FENCE.finditer(text):
            if block[1] == language:
                line = text.count("\n", 0, block.start()) + 1
                found.append(pytest.param(Example(path.name, line, block[2]), id=f"{path.name}:{line}"))
    return found


def without_code(text: str) -> str:
    return FENCE.sub("", text)


def anchors(text: str) -> set[str]:
    """What headings are called in links, as GitHub makes it."""
    return {
        NOT_IN_A_SLUG.sub("", heading.lower()).replace(" ", "-")
        for heading in HEADING.findall(without_code(text))
    }


def schema_keys(schema: JsonObject) -> list[str]:
    """Every key that a file's tables may have, wherever."""
    return [key for table in schema["$defs"].values() for key in table.get("properties", {})]


# ── What the code has is documented ─────────────────────────────────────────────────────────────────────────────────


def test_the_command_line_page_is_what_the_parsers_say() -> None:
    """Otherwise run `python scripts/cli_docs.py`."""
    assert page("cli.md") == script("cli_docs").render()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_section(command: str) -> None:
    assert f"\n## tiercel {command}\n" in page("cli.md")


@pytest.mark.parametrize("path", WITH_TABLES, ids=lambda path: path.relative_to(DOCS).as_posix())
def test_the_tables_are_the_codes(path: Path) -> None:
    """Otherwise run `python scripts/docs_tables.py`."""
    text = path.read_text("utf-8")
    assert text == script("docs_tables").rewritten(text)


def test_every_table_stands_on_some_page() -> None:
    text = "".join(path.read_text("utf-8") for path in WITH_TABLES)
    assert [name for name in script("docs_tables").TABLES if f"<!-- table: {name} -->" not in text] == []


@pytest.mark.parametrize(
    ("name", "keys"),
    [("configuration.md", schema_keys(settings_schema())), ("policy.md", schema_keys(policy_schema()))],
    ids=["tiercel.toml", "policy.toml"],
)
def test_every_key_of_the_files_is_documented(name: str, keys: list[str]) -> None:
    text = page(name)
    assert [key for key in keys if not re.search(rf"[`\[.]{key}\b", text)] == []


def test_every_check_and_option_is_documented() -> None:
    text = page("checks.md")
    for info in Registry.load().infos:
        assert f"**`{info.name}`**" in text
        assert [option for option in info.options if f"| `{info.name}` | `{option}` |" not in text] == []


def test_every_route_is_documented() -> None:
    text = page("api.md")
    routes = [
        (p, m) for table in (PUBLIC, ROUTES, NAMED_ROUTES) for p, methods in table.items() for m in methods
    ]
    shown = [f"`{method} {path}" for path, method in routes if method != "HEAD"]
    assert [route for route in shown if route not in text] == []


def test_every_header_is_documented() -> None:
    attempt = AttemptRecord(
        number=1,
        why="first",
        rung="r",
        deployment="r",
        provider="p",
        model="m",
        tier="fast",
        effort="low",
        lost=("seed",),
    )
    record = Record(
        id="1",
        started_at=0.0,
        seconds=1.0,
        outcome="passed",
        attempts=(attempt,),
        delivered=1,
        simulated=True,
    )
    names = [line.partition(":")[0] for line in answer_lines(record).decode().splitlines()]
    names += [f"x-tiercel-{name}" for name in HEADERS]
    text = page("api.md")
    assert [name for name in names if f"`{name}`" not in text] == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ladder.md", get_args(FailureKind)),
        ("api.md", get_args(ProblemKind)),
        ("records.md", get_args(Outcome)),
        ("records.md", [column.name for table in (records, attempts, feedback) for column in table.columns]),
        ("models.md", ClaimsTable.__struct_fields__),
        ("lab.md", ("prompt", "model", "answer", "usage", "latency_seconds", "expected")),
    ],
    ids=["failures", "problems", "outcomes", "columns", "claims", "recorded"],
)
def test_every_word_of_a_table_is_documented(name: str, words: list[str]) -> None:
    text = page(name)
    assert [word for word in words if f"`{word}`" not in text] == []


# ── Examples work ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("example", examples("toml"))
def test_toml_examples_can_be_used(example: Example) -> None:
    """Whole files load; parts have only keys and values that their file may have."""
    table = tomllib.loads(example.text)
    if "project" in table:
        return
    if "claims" in table:
        assert read_claims(example.text, example.page)
        return
    is_policy = bool(table.keys() - SettingsFile.__struct_fields__)
    if "version" in table:
        _ = read_policy(example.text) if is_policy else read_settings(example.text, "tiercel.toml", {})
        return
    rest: dict[str, Any] = {"tiers": {}, "rules": [{"name": "rest", "ladder": ["fast"]}]} if is_policy else {}
    problems = Problems(example.page, {})
    find_problems({"version": 1, **rest, **table}, PolicyFile if is_policy else SettingsFile, problems)
    assert problems.lines == []


@pytest.mark.parametrize("example", examples("toml"))
def test_gates_in_examples_have_options_that_their_check_takes(example: Example) -> None:
    registry = Registry.load()
    for name, gate in tomllib.loads(example.text).get("gates", {}).items():
        check = gate.get("check", name)
        if check != "max_words":  # the example of a check of one's own
            asked = tuple(gate.get("ask", ()))
            assert registry.problems(Gate(check=check, options=gate.get("options", {}), ask=asked)) == []


@pytest.mark.parametrize("example", examples("json"))
def test_json_examples_parse(example: Example) -> None:
    json.loads(example.text)


@pytest.mark.parametrize("example", examples("jsonl"))
def test_lines_of_json_parse(example: Example) -> None:
    for line in example.text.splitlines():
        json.loads(line)


@pytest.mark.parametrize("example", examples("python"))
def test_python_examples_are_python(example: Example) -> None:
    compile(example.text, example.page, "exec")


def defined(page_name: str, name: str) -> Any:
    """What the page's example that defines `name` defines."""
    found = re.compile(rf"^(?:async def|class) {name}\b", re.MULTILINE)
    text = next(p.values[0].text for p in examples("python") if found.search(p.values[0].text))
    module: dict[str, Any] = {"__name__": page_name}
    exec(compile(text, page_name, "exec"), module)
    return module[name]


async def test_the_check_of_ones_own_measures() -> None:
    check: Check = defined("checks.md", "MaxWords")()
    request = ModelRequest(format="openai_chat", model="auto", messages=(Message(role="user", parts=()),))
    choice = Choice(parts=(Text(text="one two three four"),), finish=Finish(reason="stop"))
    verdict = await check.measure(Subject(request=request, choice=choice), {"words": 2}, None)
    assert (verdict.score, verdict.reason) == (0.5, "4 words, wanted at most 2")
    assert check.problems({"words": "many"}) != []


async def test_the_example_of_a_test_passes(tmp_path: Path) -> None:
    await defined("lab.md", "test_an_overloaded_provider_is_tried_again")(tmp_path)


# ── Links lead somewhere ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", LINKED, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    broken = []
    for target in LINK.findall(without_code(path.read_text("utf-8"))):
        if target.startswith(("https://", "http://")):
            continue
        file, _, anchor = target.partition("#")
        to = (path.parent / file).resolve() if file else path
        if not to.exists() or (anchor and anchor not in anchors(to.read_text("utf-8"))):
            broken.append(target)
    assert broken == []


def test_every_page_is_on_the_map() -> None:
    links = {target.partition("#")[0] for target in LINK.findall(page("index.md"))}
    assert [path.name for path in PAGES if path.name not in {*links, "index.md"}] == []
