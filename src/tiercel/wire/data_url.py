"""Base64 data URLs, the way most formats carry a picture inline."""

_MARK = ";base64,"
_HEAD = 200
_SIGNATURES = (
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
    ("JVBERi0", "application/pdf"),
)
"""How the base64 text of a file begins that begins with its type's magic bytes."""


def split_data_url(url: str) -> tuple[str | None, str] | None:
    """The type (with parameters, `None` where it is left out) and the base64 text; `None` for any other URL."""
    if not url.startswith("data:"):
        return None
    mark = url.find(_MARK, 0, _HEAD)
    if mark < 0:
        return None
    return url[len("data:") : mark] or None, url[mark + len(_MARK) :]


def join_data_url(mime_type: str | None, data: str) -> str:
    """The inverse of `split_data_url`."""
    return f"data:{mime_type or ''}{_MARK}{data}"


def sniffed_type(data: str) -> str | None:
    """The type that the first bytes of this base64 text say, where we know it."""
    return next((mime_type for start, mime_type in _SIGNATURES if data.startswith(start)), None)
