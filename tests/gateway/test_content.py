"""What is on disk of prompts and answers after requests through the whole gateway."""

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from tests.gateway.house import everything_in, one_tier, settings_for
from tests.gateway.plain_http import call
from tiercel.domain.settings import ContentKept
from tiercel.gateway.app import running
from tiercel.testing.scripted import Says, ScriptedProvider

ASKED = "my address is canary@example.com, and the heron flies"
ANSWERED = "the heron has landed"


async def ask(folder: Path, kept: ContentKept, *, stream: bool) -> None:
    async with ScriptedProvider() as cheap:
        cheap.default = Says(text=ANSWERED)
        deployment = cheap.deployment("cheap")
        settings = settings_for(folder, deployment)
        storage = msgspec.structs.replace(settings.storage, content=kept)
        settings = msgspec.structs.replace(settings, storage=storage)
        async with running(settings, one_tier((deployment,)), port=0) as gateway:
            question = {"model": "auto", "messages": [{"role": "user", "content": ASKED}], "stream": stream}
            body = msgspec.json.encode(question)
            assert (await call(gateway.base_url, "POST", "/v1/chat/completions", body)).status == 200


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("kept", "texts", "addresses"),
    [
        ("none", False, False),
        ("hashes", False, False),
        ("redacted", True, False),
        ("full", True, True),
    ],
)
async def test_no_more_is_on_disk_than_was_chosen(
    tmp_path: Path, kept: ContentKept, texts: bool, addresses: bool, stream: bool
) -> None:
    """In the journal, the database or anywhere else in the folder."""
    await ask(tmp_path, kept, stream=stream)
    found = b"".join(everything_in(tmp_path))
    assert (b"the heron flies" in found) is texts
    assert (ANSWERED.encode() in found) is texts
    assert (b"canary@example.com" in found) is addresses


async def test_what_is_kept_belongs_to_its_record(tmp_path: Path) -> None:
    await ask(tmp_path, "full", stream=False)
    with closing(sqlite3.connect(tmp_path / "data" / "records.sqlite")) as database:
        places = database.execute(
            "SELECT place FROM contents JOIN records ON id = record_id ORDER BY position"
        ).fetchall()
    assert places == [("message",), ("answer",)]
