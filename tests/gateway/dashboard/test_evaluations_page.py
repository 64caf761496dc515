"""Runs of evaluations: what each came to, answers beside each other, and labels that nobody can tell apart by name."""

import asyncio
import re
from pathlib import Path

import httpx
import msgspec
import pytest

from tests.evals.comparing.runs import items_of, rows
from tests.gateway.dashboard.pages import csrf_in, talking
from tests.gateway.dashboard.test_login import log_in
from tests.gateway.dashboard.test_models_page import text_of
from tests.gateway.dashboard.trying import DATA, LABEL, RUN, eight_items, lay_run, looked_at
from tiercel.domain.keys import AccessKey
from tiercel.evals.labels import Label, add_label, read_labels
from tiercel.evals.run_folder import LABELS
from tiercel.records.key_store import KeyStore

WAIT_SECONDS = 60.0


async def loaded(browser: httpx.AsyncClient, path: str) -> str:
    """The page, once what it shows is worked out."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            page = (await browser.get(path)).text
            if "is at work" not in page:
                return page


async def ready(browser: httpx.AsyncClient, path: str) -> str:
    """The same as words."""
    return text_of(await loaded(browser, path))


async def test_without_runs_it_says_how_to_make_one(tmp_path: Path) -> None:
    async with looked_at(tmp_path) as browser:
        page = text_of((await browser.get("/evaluations")).text)
    assert "No runs yet" in page
    assert "tiercel eval init" in page


async def test_the_list_leads_to_each_run(tmp_path: Path) -> None:
    """What lies there and is none is passed over."""
    lay_run(tmp_path, eight_items())
    (tmp_path / "evals" / "runs" / "broken").mkdir()
    (tmp_path / "evals" / "runs" / "broken" / "run.json").write_text("{")
    async with looked_at(tmp_path) as browser:
        page = (await browser.get("/evaluations")).text
    assert re.findall(r'href="(/evaluations/run[^"]+)"', page) == ["/evaluations/run?run=runs%2Ffirst"]


async def test_a_run_shows_its_verdict_and_the_seven_signals(tmp_path: Path) -> None:
    """As the command says them; the page is there before they are."""
    pytest.importorskip("scipy")
    lay_run(tmp_path, eight_items())
    async with looked_at(tmp_path) as browser:
        page = await ready(browser, RUN)
    assert "Cannot tell whether fast is worse than deep" in page
    assert re.search(r"passed answers that met every expectation 88 % .*, n = 8 50 % ", page)


async def test_answers_stand_beside_each_other_disagreements_first(tmp_path: Path) -> None:
    lay_run(tmp_path, eight_items())
    async with looked_at(tmp_path) as browser:
        page = (await browser.get(RUN)).text
        differing = (await browser.get(RUN + "&show=differ")).text
    names = re.findall(r"<code>(t-\d)</code>", page)
    assert names == ["t-1", "t-2", "t-4", "t-8", "t-3", "t-5", "t-6", "t-7"]
    assert re.findall(r"<code>(t-\d)</code>", differing) == ["t-1", "t-2", "t-4"]
    assert "contains: lacks &#39;yes&#39;" in page


async def test_what_models_said_is_text(tmp_path: Path) -> None:
    lay_run(tmp_path, eight_items("<script>alert(1)</script>"))
    async with looked_at(tmp_path) as browser:
        pages = [await loaded(browser, path) for path in (RUN, LABEL)]
    assert all("&lt;script&gt;alert(1)&lt;/script&gt;" in page for page in pages)


async def test_only_runs_of_the_list_are_opened(tmp_path: Path) -> None:
    lay_run(tmp_path, eight_items())
    async with looked_at(tmp_path) as browser:
        for page in ("run", "report", "label"):
            for run in ("", "nobody", "../evals/runs/first", "runs/../runs/first", "/etc"):
                answer = await browser.get(f"/evaluations/{page}", params={"run": run})
                assert answer.status_code == 404, (page, run)


async def test_the_report_may_run_nothing(tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    lay_run(tmp_path, eight_items())
    async with looked_at(tmp_path) as browser:
        answer = await browser.get("/evaluations/report?run=runs/first")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "deep" in answer.text


async def test_labels_are_blind_and_kept_by_who_says_them(tmp_path: Path) -> None:
    folder = lay_run(tmp_path, eight_items())
    async with looked_at(tmp_path) as browser:
        page = await loaded(browser, LABEL + "&labeller=ana")
        shown = page.partition('<section class="card">')[2].partition("</section>")[0]
        assert "Question" in shown
        sheet = re.search(r'name="sheet" value="(\w+)"', page)
        assert sheet is not None
        form = {"csrf": csrf_in(page), "sheet": sheet[1], "say": "tie"}
        after = (await browser.post(LABEL + "&labeller=ana", data=form)).text
    (label,) = read_labels(folder / LABELS)
    assert (label.label, label.labeller, set(label.pair or ())) == ("tie", "ana", {"deep", "fast"})
    assert "1 of 8 labelled by ana" in text_of(after)
    assert f'value="{sheet[1]}"' not in after


async def test_labelling_answers_at_once_by_one_process_which_ends_with_the_dashboard(tmp_path: Path) -> None:
    """Whatever is labelled elsewhere meanwhile, and answers that came since, are there."""
    folder = lay_run(tmp_path, eight_items())
    async with looked_at(tmp_path) as browser:
        first = await loaded(browser, LABEL + "&labeller=ana")
        (mine,) = talking()
        word = Label(item="t-1", label="tie", pair=("deep", "fast"), labeller="ana")
        add_label(folder / LABELS, word)
        assert "1 of 8 labelled by ana" in await ready(browser, LABEL + "&labeller=ana")
        with (folder / "results.jsonl").open("ab") as results:
            results.write(
                b"".join(
                    msgspec.json.encode(row) + b"\n"
                    for row in rows("deep", "-" * 8, items_of(8), output="said later")
                )
            )
        assert "said later" in await loaded(browser, LABEL + "&labeller=ana")
        assert "said later" not in first
        assert talking() == {mine}
    assert mine not in talking()


async def test_what_cannot_be_said_is_refused_and_nothing_kept(tmp_path: Path) -> None:
    folder = lay_run(tmp_path, eight_items())
    async with looked_at(tmp_path) as browser:
        csrf = csrf_in(await loaded(browser, LABEL))
        for form in ({}, {"say": "nonsense", "sheet": "x"}, {"say": "tie", "sheet": "nobody"}):
            answer = await browser.post(LABEL, data=form | {"csrf": csrf})
            assert answer.status_code == 400, form
    assert not (folder / LABELS).exists()


async def test_these_pages_are_for_operators(tmp_path: Path) -> None:
    """Runs and copies are of all projects; a viewer has one."""
    lay_run(tmp_path, eight_items())
    with KeyStore.open(tmp_path / DATA, make=True) as store:
        key = store.create(AccessKey(role="viewer", project="search"))
    async with looked_at(tmp_path) as browser:
        await log_in(browser, key.text)
        for path in ("/evaluations", RUN, LABEL, "/shadow", "/shadow/pairs"):
            assert (await browser.get(path)).status_code == 403, path
