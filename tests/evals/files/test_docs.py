"""The pages on evaluations: their examples work, their links lead somewhere, every column and word is there."""

import re
from pathlib import Path

import pytest

from tests.evals.importing.scene import surroundings
from tiercel.cli.eval import export, import_files
from tiercel.evals import importing
from tiercel.evals.evaluation import GUARDRAILS
from tiercel.evals.exporting import FORMATS
from tiercel.evals.files import load_evaluation
from tiercel.evals.files.evaluation_file import OTHER_NAMES

PAGES = Path(__file__).parents[3] / "docs" / "evals"
OWN = ("index.md", "eval-yaml.md", "import-export.md")
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def page(name: str) -> str:
    return (PAGES / name).read_text("utf-8")


@pytest.mark.parametrize("name", OWN)
def test_links_lead_somewhere(name: str) -> None:
    assert [link for link in LINK.findall(page(name)) if not (PAGES / link).exists()] == []


def test_the_example_can_be_read(tmp_path: Path) -> None:
    example = YAML.search(page("eval-yaml.md"))
    assert example is not None
    (tmp_path / "eval.yaml").write_text(example[1])
    (tmp_path / "items.jsonl").write_text('{"vars": {"question": "Why?"}, "target": "So."}')
    with surroundings() as around:
        assert len(load_evaluation(tmp_path / "eval.yaml", around).candidates) == 3


def test_the_command_line_knows_every_source_and_form() -> None:
    """It names them itself: `--help` must not load what evaluations need."""
    assert tuple(import_files.SOURCES) == importing.SOURCES
    assert export.FORMATS == FORMATS


def test_every_bound_source_and_form_is_named() -> None:
    text = page("eval-yaml.md")
    assert [name for name in (*GUARDRAILS, *OTHER_NAMES) if f"`{name}`" not in text] == []
    text = page("import-export.md")
    assert [name for name in (*importing.SOURCES, *FORMATS) if f"\n| `{name}` | " not in text] == []
