"""Pictures of messages: a `file://` in an `image_url` part becomes the picture itself.

So a run holds everything that was asked, and an item whose picture was changed is another item.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tiercel.domain.errors import ConfigError
from tiercel.domain.json import Json, JsonObject
from tiercel.evals.files.documents import SCHEME, find_file
from tiercel.wire.data_url import join_data_url, sniffed_type

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".gif", ".webp"))
MOST_BYTES = 5_000_000
"""Of one picture: the least that one of the large providers takes."""
WRITTEN = re.compile(r"(?:data:[^,]{0,100},)?((?:file://|data:image/).*)\Z", re.DOTALL)
"""How a picture is named; promptfoo's prompts put `data:…;base64,` before a variable that stands for one."""

ADDRESS = re.compile(r"[A-Za-z][\w+.-]*:")


class Pictures:
    """Reads pictures, each once: the same screen may stand in a hundred items."""

    def __init__(self) -> None:
        self._urls: dict[Path, str] = {}

    def shown_in(self, messages: Sequence[JsonObject], folder: Path) -> list[JsonObject]:
        """The messages with their pictures in place of the files' names.

        Raises `ConfigError` for a file that is none, is too large, or must not be read.
        """
        return [self._message(message, folder) for message in messages]

    def url(self, named: str, folder: Path) -> str:
        """The picture that `file://…` names, as a data URL. Raises `ConfigError`."""
        path = find_file(named, folder)
        if path not in self._urls:
            self._urls[path] = _read(path, named)
        return self._urls[path]

    def _message(self, message: JsonObject, folder: Path) -> JsonObject:
        content = message.get("content")
        if not isinstance(content, list):
            return message
        return {**message, "content": [self._part(part, folder) for part in content]}

    def _part(self, part: Json, folder: Path) -> Json:
        match part:
            case {"type": "image_url", "image_url": {"url": str(url)} as image}:
                if "{{" in url:  # a prompt's, which an item has still to fill in
                    return part
                named = WRITTEN.match(url)
                if named is None:
                    _require_scheme(url)
                    return part
                url = self.url(named[1], folder) if named[1].startswith(SCHEME) else named[1]
                return {**part, "image_url": {**image, "url": url}}
        return part


def is_picture(value: Json) -> bool:
    """Whether this value of a variable names a picture, or is one."""
    if not isinstance(value, str):
        return False
    return value.startswith("data:image/") or (
        value.startswith(SCHEME) and Path(value).suffix.lower() in SUFFIXES
    )


def read_as_text(messages: Sequence[JsonObject], variables: Mapping[str, Json]) -> str | None:
    """The first variable whose picture stands among the words of a message, where no model would see it."""
    texts = [text for message in messages for text in _texts(message.get("content"))]
    named = ((name, value) for name, value in variables.items() if is_picture(value))
    return next((name for name, value in named if any(str(value) in text for text in texts)), None)


def _texts(content: Json) -> list[str]:
    parts = content if isinstance(content, list) else [content]
    found = (part.get("text") if isinstance(part, dict) else part for part in parts)
    return [text for text in found if isinstance(text, str)]


def _require_scheme(url: str) -> None:
    """Raises `ConfigError` where only a provider would find out that nothing is there."""
    if not ADDRESS.match(url):
        raise ConfigError(f"image_url {url[:60]!r}: is no address; write file://{url[:60]} for a file")


def _read(path: Path, named: str) -> str:
    try:
        size = path.stat().st_size
        raw = path.read_bytes() if size <= MOST_BYTES else b""
    except FileNotFoundError:
        raise ConfigError(f"{named!r}: no such file; pictures lie beside the file that names them") from None
    except OSError as error:
        raise ConfigError(f"{named!r}: cannot be read: {error.strerror}") from error
    if size > MOST_BYTES:
        raise ConfigError(f"{named!r}: {size:,} bytes; the most is {MOST_BYTES:,}: scale it down")
    data = base64.b64encode(raw).decode()
    mime_type = sniffed_type(data)
    if mime_type is None or not mime_type.startswith("image/"):
        raise ConfigError(f"{named!r}: is no PNG, JPEG, GIF or WebP inside; save it as one of these")
    return join_data_url(mime_type, data)
