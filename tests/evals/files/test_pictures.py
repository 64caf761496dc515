"""Items with pictures: how they are named, and what is said of one that cannot be sent."""

import base64
from pathlib import Path

import pytest

from tests.evals.files.scene import evaluation, read
from tiercel.domain.errors import ConfigError
from tiercel.domain.json import Json, JsonObject
from tiercel.evals.evaluation import Evaluation, Item
from tiercel.evals.files.pictures import MOST_BYTES
from tiercel.testing.tasks import screenshot_png, swatch_png

PNG = screenshot_png()
SHOWN = "data:image/png;base64," + base64.b64encode(PNG).decode()
ITEM = """\
- id: one
  input:
    - role: user
      content:
        - {{type: text, text: "What is this?"}}
        - {{type: image_url, image_url: {{url: "{url}", detail: low}}}}
  target: a button
"""
PROMPT = """\
prompts:
  - id: file://look.yaml
"""
LOOK = """\
- role: user
  content:
    - {{type: text, text: "What is {{{{what}}}}?"}}
    - {{type: image_url, image_url: {{url: "{url}"}}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a screen in `screens/one.png`."""
    (tmp_path / "screens").mkdir()
    (tmp_path / "screens" / "one.png").write_bytes(PNG)
    return tmp_path


def item(folder: Path, url: str) -> Evaluation:
    return read(folder, {"eval.yaml": evaluation("items.yaml"), "items.yaml": ITEM.format(url=url)})


def prompted(folder: Path, url: str, variables: str) -> Item:
    """An item of a prompt whose picture has this address."""
    files = {
        "eval.yaml": evaluation("items.yaml", PROMPT),
        "look.yaml": LOOK.format(url=url),
        "items.yaml": f"- {{id: one, target: a button, vars: {{what: this, {variables}}}}}\n",
    }
    return read(folder, files).items[0]


def address(item: Item) -> Json:
    """Of the picture that the item's message shows."""
    part: JsonObject = item.body["messages"][0]["content"][1]
    return part["image_url"]["url"]


def problem(folder: Path, url: str) -> str:
    with pytest.raises(ConfigError) as caught:
        item(folder, url)
    return "\n".join(caught.value.problems)


def test_a_file_becomes_the_picture_and_the_rest_of_its_part_stays(folder: Path) -> None:
    (found,) = item(folder, "file://screens/one.png").items
    assert found.body["messages"][0]["content"][1]["image_url"] == {"url": SHOWN, "detail": "low"}


@pytest.mark.parametrize("url", [SHOWN, "https://example.org/one.png"])
def test_what_needs_no_file_stays_as_it_is(folder: Path, url: str) -> None:
    assert address(item(folder, url).items[0]) == url


@pytest.mark.parametrize(
    ("url", "variables"),
    [
        ("file://screens/one.png", "a: b"),
        ("file://screens/{{name}}.png", "name: one"),
        ("{{picture}}", "picture: 'file://screens/one.png'"),
        ("{{picture}}", f"picture: '{SHOWN}'"),
        ("data:image/jpeg;base64,{{picture}}", "picture: 'file://screens/one.png'"),
        ("data:image/png;base64,{{picture}}", f"picture: {SHOWN.partition(',')[2]}"),
    ],
)
def test_prompts_show_pictures_as_promptfoos_do(folder: Path, url: str, variables: str) -> None:
    assert address(prompted(folder, url, variables)) == SHOWN


def test_a_variable_keeps_the_files_name(folder: Path) -> None:
    """A run would else hold each picture twice."""
    found = prompted(folder, "{{picture}}", "picture: 'file://screens/one.png'")
    assert found.variables["picture"] == "file://screens/one.png"


def test_a_changed_picture_is_an_edited_evaluation(folder: Path) -> None:
    before = item(folder, "file://screens/one.png")
    (folder / "screens" / "one.png").write_bytes(swatch_png())
    after = item(folder, "file://screens/one.png")
    assert before.hash != after.hash
    assert before.items[0].id == after.items[0].id


def test_a_picture_among_words_is_refused(folder: Path) -> None:
    """Its file's name, or a megabyte of letters, is no picture to any model."""
    files = {
        "eval.yaml": evaluation("items.yaml", "prompts: ['Look: {{picture}}']\n"),
        "items.yaml": "- {target: a, vars: {picture: 'file://screens/one.png'}}\n",
    }
    with pytest.raises(ConfigError, match=r"line 1: \[0\]\.vars\.picture: a picture among the words"):
        read(folder, files)


@pytest.mark.parametrize(
    ("url", "content", "said"),
    [
        ("file://screens/two.png", None, "'file://screens/two.png': no such file; pictures lie beside"),
        ("file://screens", None, "'file://screens': cannot be read: Is a directory"),
        ("file://notes.png", b"no picture", "is no PNG, JPEG, GIF or WebP inside; save it as one"),
        ("file://empty.png", b"", "is no PNG, JPEG, GIF or WebP inside"),
        ("file://paper.png", b"%PDF-1.7 and so on", "is no PNG, JPEG, GIF or WebP inside"),
        ("file://huge.png", PNG + bytes(MOST_BYTES), "bytes; the most is 5,000,000: scale it down"),
        ("file://../other.png", None, "lies outside the evaluation's folder"),
        ("screens/one.png", None, "is no address; write file://screens/one.png for a file"),
    ],
)
def test_what_cannot_be_sent_is_told_with_file_line_and_fix(
    folder: Path, url: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (folder / url.removeprefix("file://")).write_bytes(content)
    told = problem(folder, url)
    assert told.startswith("items.yaml: line 1: [0]: ")
    assert said in told
