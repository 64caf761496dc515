"""The HTML report: one file, nothing from elsewhere, no script, and whatever a model says is text."""

import base64
from html.parser import HTMLParser

import pytest

from tests.evals.comparing.runs import items_of, measured, result, rows, run_of
from tests.evals.reporting.example import example
from tests.evals.reporting.hostile import HOSTILE
from tiercel.evals.comparing.assessment import assess_change, assess_run
from tiercel.evals.evaluation import Item
from tiercel.evals.reporting.html import as_html
from tiercel.evals.reporting.page import MOST_DRAWN, MOST_PICTURE_CHARS
from tiercel.evals.reporting.shown import LONGEST
from tiercel.evals.results import Score
from tiercel.testing.tasks import screenshot_png


class Seen(HTMLParser):
    """Which elements and attributes a browser would find, and the text between."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: dict[str, set[str]] = {}
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value or "")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


OURS = Seen(as_html(assess_run(example()), "tiercel eval report runs/a -o report.html"))


def test_the_report_loads_nothing_and_runs_nothing() -> None:
    assert OURS.tags.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "form", "base", "a"})
    assert OURS.attributes.keys().isdisjoint({"src", "href", "srcset", "action", "style"})
    assert not [name for name in OURS.attributes if name.startswith("on")]
    assert any(value.startswith("default-src 'none'") for value in OURS.attributes["content"])
    assert "url(" not in "".join(OURS.text)
    assert "@import" not in "".join(OURS.text)


@pytest.mark.parametrize("said", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_said_is_shown_as_text_wherever_it_stands(said: str) -> None:
    """As an answer, a question, a target, a reason, an id, a kind of task, a candidate, a version, a name."""
    items = [
        Item(
            id=f"{at} {said}",
            body={"messages": [{"role": said, "content": said}]},
            target=(said,),
            metadata={"task": f"{at} {said}"},
            source=said,
            line=1,
        )
        for at in range(3)
    ]
    score = (Score(name=said, reason=said),)
    results = rows("deep", "+-+", items, output=said, model_returned=said, finish=said)
    results += rows(said, "--+", items, output=said, scores=score, model_returned=said)
    run = measured(results, items, id=said, prices_of=said, tiercel=said)
    seen = Seen(as_html(assess_run(run), said))
    assert seen.tags <= OURS.tags | {"h3"}
    assert seen.attributes.keys() <= OURS.attributes.keys()
    placed = {name for name, values in seen.attributes.items() if any(said in value for value in values)}
    assert placed <= {"aria-label", "data-of"}
    assert not {chr(code) for code in (*range(9), *range(11, 32), 0x2028)} & set("".join(seen.text))


def test_the_text_of_an_answer_is_all_there() -> None:
    said = "a < b && c > d <i>x</i> \"quoted\" 'single'\n\tindented"
    page = as_html(assess_run(run_of({"deep": "+-", "fast": "-+"}, output=said)), "x")
    assert said in "".join(Seen(page).text)


def test_an_answer_of_a_million_characters_is_cut_with_a_mark() -> None:
    page = as_html(assess_run(run_of({"deep": "+" * 9, "fast": "-" * 9}, output="y" * 1_000_000)), "x")
    assert f"[… {1_000_000 - LONGEST:,} more characters]" in page
    assert len(page) < 300_000


def test_a_report_of_many_differences_stays_small_enough_to_open() -> None:
    """2,000 items on which two models differ, with long answers: the first are shown, the rest counted."""
    run = run_of({"deep": "+" * 2_000, "fast": "-" * 2_000}, output="z" * 10_000)
    page = as_html(assess_run(run), "x")
    assert "not fast: 2000" in page
    assert "The first 50 are shown" in page
    assert len(page) < 1_000_000


def test_what_would_be_lost_stands_before_the_signals_and_side_by_side() -> None:
    page = as_html(assess_run(example()), "x")
    lost = page.index("Only deep is right, not fast")
    assert page.index("fast is not worse than deep") < lost < page.index("The signals of each model")
    assert lost < page.index("Only fast is right, not deep")
    assert page.count("<details open>") == 2


def test_every_signal_of_the_seven_stands_in_the_table() -> None:
    text = "".join(Seen(as_html(assess_run(run_of({"m": "+-"})), "x")).text)
    for name in (
        "Latency, p95",
        "Cost per success",
        "Format following",
        "Reasoning reliability",
        "Coding accuracy",
        "Finish reason",
        "Retry rate",
    ):
        assert name in text
    assert "no item has metadata task: reasoning" in text


@pytest.mark.parametrize(
    "marks",
    [
        {"m": "+"},
        {"m": "e"},
        {"deep": "e+", "fast": "+e"},
        {"deep": "++", "fast": "++"},
        {"a": "-", "b": "-", "c": "+"},
    ],
    ids=["one", "error", "no pairs", "same", "three"],
)
def test_a_poor_run_is_reported_all_the_same(marks: dict[str, str]) -> None:
    bare = run_of(marks, cost_nano=None, seconds=None, ttfa_seconds=None, finish=None, calls=())
    assert "</html>" in as_html(assess_run(bare), "x")
    assert "</html>" in as_html(assess_change(bare, run_of(marks)), "x")


def test_two_runs_are_told_as_newly_failing() -> None:
    page = as_html(assess_change(run_of({"fast": "++-"}), run_of({"fast": "+-+"})), "x")
    assert "Newly failing, fast: 1" in page
    assert "Newly passing, fast: 1" in page


def test_repeats_show_what_flips() -> None:
    items = items_of(2)
    results = [result("t-1", "m", mark, at) for at, mark in enumerate("+-+", 1)]
    results += [result("t-2", "m", "+", at) for at in (1, 2, 3)]
    page = as_html(assess_run(measured(results, items)), "x")
    assert "Items that did not agree with themselves: t-1" in page


def shown(url: str, items: int = 1) -> str:
    """The report of items that show this picture, and on which two models differ."""
    asked = {"type": "image_url", "image_url": {"url": url}}
    body = {"messages": [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, asked]}]}
    all_items = [Item(id=str(at), body=body, target=("x",)) for at in range(items)]
    results = rows("deep", "+" * items, all_items) + rows("fast", "-" * items, all_items)
    return as_html(assess_run(measured(results, all_items)), "x")


PICTURE = "data:image/png;base64," + base64.b64encode(screenshot_png()).decode()


def test_a_picture_is_drawn_and_named() -> None:
    page = shown(PICTURE)
    assert Seen(page).attributes["src"] == {PICTURE}
    assert "[image: PNG, 96x64, 1 kB]" in page


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://evil.example/beacon.png", "[image: https://evil.example/beacon.png]"),
        ('data:image/png;base64,AAAA" onerror="alert(1)', "[image: PNG, 1 kB]"),
        ("data:image/svg+xml;base64,PHN2Zy8+", "[image: SVG+XML, 1 kB]"),
        ("data:text/html;base64,PHA+", "[image: TEXT/HTML, 1 kB]"),
        ("data:image/png;base64," + "A" * MOST_PICTURE_CHARS, "[image: PNG, 0x0, 150 kB]"),
    ],
)
def test_what_is_no_small_picture_is_only_named(url: str, words: str) -> None:
    page = shown(url)
    assert "img" not in Seen(page).tags
    assert words in page


def test_only_the_first_items_draw_their_pictures() -> None:
    """A report of fifty screens must still open."""
    assert shown(PICTURE, items=30).count("<img") == MOST_DRAWN
