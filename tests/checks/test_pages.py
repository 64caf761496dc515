"""Each check has a page of its own, which says what must be known before a gate depends on it."""

import re
import tomllib
from pathlib import Path

import pytest

from tiercel.checks.registry import Registry
from tiercel.domain.json import JsonObject
from tiercel.domain.policy import Gate
from tiercel.policy.policy_tables import PolicyFile
from tiercel.policy.problems import Problems
from tiercel.policy.shape import find_problems

DOCS = Path(__file__).parents[2] / "docs"
REGISTRY = Registry.load()
NAMES = [info.name for info in REGISTRY.infos]
TOML = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s#]+)")
SECTIONS = ("What it measures", "What it costs", "When not to use it", "Blind spots")


def page(name: str) -> str:
    return (DOCS / "checks" / f"{name}.md").read_text("utf-8")


@pytest.mark.parametrize("name", [name for name in NAMES if name != "code"])
def test_a_page_says_what_is_measured_what_it_costs_and_what_it_misses(name: str) -> None:
    text = page(name)
    assert text.startswith(f"# The check `{name}`\n")
    assert [section for section in SECTIONS if f"\n## {section}\n" not in text] == []


@pytest.mark.parametrize("where", ["index.md", "checks.md"])
def test_every_page_can_be_found(where: str) -> None:
    text = (DOCS / where).read_text("utf-8")
    assert [name for name in NAMES if f"(checks/{name}.md)" not in text] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_gates_of_a_page_can_be_used(name: str) -> None:
    for example in TOML.findall(page(name)):
        table = tomllib.loads(example)
        problems = Problems(f"{name}.md", {})
        whole: JsonObject = {
            "version": 1,
            "tiers": {},
            "rules": [{"name": "rest", "ladder": ["fast"]}],
            **table,
        }
        find_problems(whole, PolicyFile, problems)
        assert problems.lines == []
        for title, gate in table.get("gates", {}).items():
            checked = Gate(
                check=gate.get("check", title),
                options=gate.get("options", {}),
                ask=tuple(gate.get("ask", ())),
                embed=gate.get("embed"),
            )
            assert REGISTRY.problems(checked) == []


@pytest.mark.parametrize("name", NAMES)
def test_links_of_a_page_lead_somewhere(name: str) -> None:
    targets = [target for target in LINK.findall(page(name)) if not target.startswith("http")]
    assert [target for target in targets if not (DOCS / "checks" / target).exists()] == []
