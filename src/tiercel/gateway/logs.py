"""How log lines look: for people or as JSON, each with the request it is about, none with a secret or a prompt.

Nothing in this project logs content. What is left is the text of an unexpected exception, which may quote the value it
stumbled over; it is withheld unless the operator asks for it with the level `debug`.
"""

import logging
import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from traceback import format_tb
from typing import Literal, TypeAlias

import msgspec

from tiercel.domain.errors import TiercelError
from tiercel.domain.secret import Secret
from tiercel.domain.settings import Settings

REQUEST_ID: ContextVar[str] = ContextVar("tiercel_request_id", default="")
"""The request that the running task answers."""
MASK = "***"
CREDENTIALS = re.compile(
    r"\b(?:Bearer|Basic)\s+[^\s\"']+|\b(?:sk|rk|tk|gsk|xai)[-_][\w-]{8,}|\bAIza[\w-]{8,}|(?<=://)[^\s/@]+@",
    re.IGNORECASE,
)
"""What looks like one, wherever it comes from; the operator's own are masked by name."""
MIN_SECRET_CHARS = 4
Format: TypeAlias = Literal["text", "json"]


def configure_logs(level: str, settings: Settings | None = None) -> None:
    """Log to standard error from now on, as the settings say; may be called again with others."""
    secrets = () if settings is None else secrets_of(settings)
    log_format: Format = "text" if settings is None else settings.log.format
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(log_format, secrets, shows_exceptions=level.upper() == "DEBUG"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def secrets_of(settings: Settings) -> tuple[Secret, ...]:
    """Every credential that these settings hold."""
    providers = settings.catalog.providers.values()
    return (
        *settings.listener.keys,
        *settings.listener.operator_keys,
        *(provider.key for provider in providers if provider.key is not None),
        *(value for _, value in settings.telemetry.otlp_headers),
    )


class LineFormatter(logging.Formatter):
    """One line for each entry; in the form for people a traceback follows on lines of its own."""

    def __init__(
        self, log_format: Format, secrets: Iterable[Secret] = (), *, shows_exceptions: bool = False
    ) -> None:
        super().__init__()
        self._as_json = log_format == "json"
        # the longest first, because one may be a part of another
        known = sorted({secret.reveal() for secret in secrets}, key=len, reverse=True)
        self._secrets = tuple(secret for secret in known if len(secret) >= MIN_SECRET_CHARS)
        self._shows_exceptions = shows_exceptions

    def format(self, record: logging.LogRecord) -> str:
        message = self._clean(record.getMessage())
        error = record.exc_info[1] if record.exc_info else None
        trace = self._clean("".join(self._trace(error))) if error is not None else ""
        request = REQUEST_ID.get()
        if self._as_json:
            return _json_line(record, message, request, trace)
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        about = f" [{request}]" if request and request not in message else ""
        line = f"{stamp},{int(record.msecs):03d} {record.levelname:<7} {record.name}: {_one_line(message)}{about}"
        return f"{line}\n{trace.rstrip()}" if trace else line

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return CREDENTIALS.sub(MASK, text)

    def _trace(self, error: BaseException) -> Iterator[str]:
        """Where it happened and what it is called, causes first; what it says only where that cannot be content."""
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if cause is not None:
            yield from self._trace(cause)
        yield from format_tb(error.__traceback__)
        is_ours = isinstance(error, TiercelError | OSError)
        said = f": {_one_line(str(error))}" if is_ours or self._shows_exceptions else ""
        yield f"{type(error).__name__}{said}\n"


def _json_line(record: logging.LogRecord, message: str, request: str, trace: str) -> str:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    entry = {
        "time": f"{stamp}.{int(record.msecs):03d}Z",
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": message,
    }
    if request:
        entry["request"] = request
    if trace:
        entry["exception"] = trace.rstrip()
    return msgspec.json.encode(entry).decode("utf-8", "replace")


def _one_line(text: str) -> str:
    """Without line ends and control characters, which could pass for another entry."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
