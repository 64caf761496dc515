"""How log lines look, and what never stands in one."""

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.gateway.house import one_tier, settings_for
from tests.gateway.plain_http import call
from tiercel.domain.errors import ConfigError
from tiercel.domain.secret import Secret
from tiercel.domain.settings import Log, Telemetry
from tiercel.gateway.app import running
from tiercel.gateway.logs import REQUEST_ID, LineFormatter, secrets_of
from tiercel.testing.scripted import Says, ScriptedProvider

KEY = "our-own-provider-key"


class Lines:
    """A logger that writes what `formatter` makes of it."""

    def __init__(self, formatter: LineFormatter) -> None:
        self.logger = logging.Logger("tiercel.test")
        self._stream = io.StringIO()
        handler = logging.StreamHandler(self._stream)
        handler.setFormatter(formatter)
        self.logger.addHandler(handler)

    @property
    def text(self) -> str:
        return self._stream.getvalue()


@pytest.fixture(name="request_id")
def a_request() -> Iterator[str]:
    token = REQUEST_ID.set("01m7y71et1xagmtcwm7nkm1xj0")
    yield "01m7y71et1xagmtcwm7nkm1xj0"
    REQUEST_ID.reset(token)


def test_each_line_has_the_request_it_is_about(request_id: str) -> None:
    """At its end where it is for people, and once."""
    lines = Lines(LineFormatter("text"))
    lines.logger.warning("slow")
    lines.logger.warning("request %s is slow", request_id)
    first, second = lines.text.splitlines()
    assert first.endswith(f"WARNING tiercel.test: slow [{request_id}]")
    assert second.count(request_id) == 1


def test_json_is_one_object_a_line(request_id: str) -> None:
    """Whatever the message holds."""
    lines = Lines(LineFormatter("json"))
    lines.logger.error('a "quote"\nand a line')
    (line,) = lines.text.splitlines()
    entry = json.loads(line)
    assert entry.pop("time").endswith("Z")
    assert entry == {
        "level": "error",
        "logger": "tiercel.test",
        "message": 'a "quote"\nand a line',
        "request": request_id,
    }


def test_nobody_can_forge_a_line() -> None:
    """Line ends and control characters of a message are shown, not obeyed."""
    lines = Lines(LineFormatter("text"))
    lines.logger.warning("no model %s", "x\n2026-11-21 00:00:00 ERROR forged \x1b[31m")
    assert len(lines.text.splitlines()) == 1
    assert "\x1b" not in lines.text


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize(
    "said",
    [KEY, f"Bearer {KEY}-of-somebody", "sk-proj-0123456789abcdef", "https://user:password@host/"],
)
def test_credentials_are_masked(log_format: str, said: str) -> None:
    """The operator's own by name, those of others by how they look; in messages and in exceptions."""
    formatter = LineFormatter(
        "json" if log_format == "json" else "text", (Secret(KEY),), shows_exceptions=True
    )
    lines = Lines(formatter)
    lines.logger.warning("the header was %s", said)
    try:
        raise ValueError(said)
    except ValueError:
        lines.logger.exception("it broke")
    assert KEY not in lines.text
    assert "0123456789abcdef" not in lines.text
    assert "password" not in lines.text


@pytest.mark.parametrize(("debug", "is_shown"), [(False, False), (True, True)])
def test_what_an_unexpected_exception_quotes_is_shown_on_request_only(debug: bool, is_shown: bool) -> None:
    """Where it happened is always told, also of its cause."""
    lines = Lines(LineFormatter("text", shows_exceptions=debug))
    try:
        try:
            float(" ".join(("own", "words")))  # the line of code itself is always shown
        except ValueError as error:
            raise KeyError(" ".join(("more", "of", "them"))) from error
    except KeyError:
        lines.logger.exception("request broke")
    assert ("own words" in lines.text, "more of them" in lines.text) == (is_shown, is_shown)
    assert lines.text.count('File "') == 2
    assert lines.text.index("ValueError") < lines.text.index("KeyError")


def test_our_own_words_are_always_shown() -> None:
    """An error that is made for operators says what it says."""
    lines = Lines(LineFormatter("text"))
    try:
        raise ConfigError("policy.toml: no such tier")
    except ConfigError:
        lines.logger.exception("refused")
    assert "ConfigError: policy.toml: no such tier" in lines.text


def test_all_credentials_of_the_settings_are_known(tmp_path: Path) -> None:
    """Providers', clients' and the collector's."""
    provider = ScriptedProvider()
    settings = settings_for(tmp_path, provider.deployment("only"))
    settings = msgspec.structs.replace(
        settings,
        listener=msgspec.structs.replace(settings.listener, keys=(Secret("client"),)),
        telemetry=Telemetry(otlp_endpoint="http://h", otlp_headers=(("x", Secret("collector")),)),
        log=Log(format="json"),
    )
    assert {secret.reveal() for secret in secrets_of(settings)} == {"client", "sk-scripted", "collector"}


async def test_a_line_from_within_a_request_names_it(tmp_path: Path) -> None:
    """Whoever logs: here the records, because the journal takes no more."""
    async with ScriptedProvider() as only:
        only.default = Says(text="hi")
        settings = settings_for(tmp_path, only.deployment("only"))
        storage = msgspec.structs.replace(
            settings.storage, journal_limit_bytes=300, segment_bytes=200, when_unwritable="serve"
        )
        settings = msgspec.structs.replace(settings, storage=storage)
        lines = Lines(LineFormatter("json"))
        (handler,) = lines.logger.handlers
        logging.getLogger("tiercel").addHandler(handler)
        try:
            async with running(settings, one_tier((only.deployment("only"),)), port=0) as gateway:
                gateway.recorder.pause_ingest()
                body = b'{"model": "auto", "messages": [{"role": "user", "content": "hush"}]}'
                answer = await call(gateway.base_url, "POST", "/v1/chat/completions", body)
        finally:
            logging.getLogger("tiercel").removeHandler(handler)
    told = [json.loads(line) for line in lines.text.splitlines()]
    about = [entry.get("request") for entry in told if "is lost" in entry["message"]]
    assert about == [answer.headers["x-tiercel-record"]]
    assert "hush" not in lines.text
