"""The tables `[telemetry]` and `[log]` of tiercel.toml."""

import pytest

from tiercel.domain.errors import ConfigError
from tiercel.domain.secret import Secret
from tiercel.domain.settings import Settings, Telemetry
from tiercel.policy import read_settings

SECRET = "s3cr3t-value-of-a-header"


def read(text: str, **environ: str) -> Settings:
    return read_settings(f"version = 1\n{text}", "tiercel.toml", environ)


def test_nothing_is_sent_and_logs_are_for_people_unless_said() -> None:
    """A file without the tables sends nowhere."""
    settings = read("")
    assert (settings.telemetry, settings.log.format) == (Telemetry(), "text")
    assert settings.telemetry.otlp_endpoint is None


def test_headers_come_from_the_environment() -> None:
    """The variable holds `name=value` pairs, whose values are secrets; the endpoint loses its last slash."""
    text = '[telemetry]\notlp_endpoint = "https://otlp.example.com/"\notlp_headers_env = "OTLP_HEADERS"'
    telemetry = read(text, OTLP_HEADERS=f"x-api-key={SECRET}, x-team = search").telemetry
    assert telemetry.otlp_endpoint == "https://otlp.example.com"
    assert telemetry.otlp_headers == (("x-api-key", Secret(SECRET)), ("x-team", Secret("search")))
    assert SECRET not in repr(telemetry)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('otlp_endpoint = "collector:4318"', "otlp_endpoint: must begin with http:// or https://"),
        ('otlp_endpoint = "http://me:pw@host"', "otlp_endpoint: holds a user name or password"),
        ('otlp_headers_env = "OTLP_HEADERS"', "is of no use without otlp_endpoint"),
        ('otlp_endpoint = "http://h"\notlp_headers_env = "UNSET"', "'UNSET': not set in the environment"),
        ('otlp_endpoint = "http://h"\notlp_headers_env = "BAD"', "the variable BAD is not of the form"),
        ('otlp_endpoint = "http://h"\notlp_headers_env = "x-key=abc"', "is not the name of an environment"),
        ("metrics_seconds = 0", "metrics_seconds: 0 is too small"),
        ('endpoint = "http://h"', "did you mean 'otlp_endpoint'?"),
    ],
)
def test_mistakes_are_named_with_their_fix(text: str, problem: str) -> None:
    """Each says where it stands; none quotes what a header holds."""
    with pytest.raises(ConfigError) as raised:
        read(f"[telemetry]\n{text}", OTLP_HEADERS="a=b", BAD=f"{SECRET} without an equals sign")
    message = "\n".join(raised.value.problems)
    assert problem in message
    assert SECRET not in message


def test_logs_may_be_json() -> None:
    """[log] format takes two words."""
    assert read('[log]\nformat = "json"').log.format == "json"
    with pytest.raises(ConfigError, match="'xml' is not one of"):
        read('[log]\nformat = "xml"')
