"""Two users of different keys send the same session id: two sessions, wherever sessions are counted."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.gateway.keyed import ask, issue
from tests.gateway.test_shadow import copies, pair_of_models
from tests.gateway.test_split import policy, trial
from tiercel.cli.main import main
from tiercel.domain.keys import AccessKey
from tiercel.testing.scripted import Says, ScriptedProvider

RUN = {"tiercel.session": "run-1"}


def told(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """What a command prints of the records of the gateway in this folder."""
    capsys.readouterr()
    assert main([*words, "--json", "--data", str(folder / "data")]) == 0
    return msgspec.json.decode(capsys.readouterr().out)


async def test_reports_and_pairs_keep_them_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ada, bob = (issue(tmp_path, AccessKey(project="search")) for _ in range(2))
    async with (
        ScriptedProvider() as live,
        ScriptedProvider() as other,
        pair_of_models(tmp_path, live, other) as here,
    ):
        live.default = other.default = Says(text="hello")
        for key in (ada, ada, bob, bob, bob):
            assert (await ask(here, key, metadata=RUN)).status == 200
        await copies(here, 5)
    rows = told(tmp_path, capsys, "report", "--by", "session")["rows"]
    assert [(row["name"], row["project"], row["key_id"], row["requests"]) for row in rows] == [
        ("run-1", "search", bob.key.id, 3),
        ("run-1", "search", ada.key.id, 2),
    ]
    (numbers,) = told(tmp_path, capsys, "shadow", "status")["pairs"]
    assert (numbers["pairs"], numbers["clusters"]) == (5, 2)
    assert main(["report", "--by", "session", "--data", str(tmp_path / "data")]) == 0
    page = "".join(capsys.readouterr().out.split())
    assert f"run-1(search,{ada.key.id})" in page


async def test_the_arms_of_a_split_have_observations_of_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where each request draws for itself, what a session's requests have in common is still counted once."""
    keys = [issue(tmp_path, AccessKey(project="search")) for _ in range(2)]
    # by chance alone arm a lacks one of the keys once in 10^9 runs
    async with trial(tmp_path, policy("request", a_share=0.999)) as made:
        for key in keys:
            for _ in range(3):
                assert (await ask(made.here, key, metadata=RUN)).status == 200
    (split,) = told(tmp_path, capsys, "split", "status")["splits"]
    assert split["arms"][0]["figures"]["success"]["clusters"] == 2
