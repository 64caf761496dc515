"""Which addresses Google reads by itself, and as what.

Since January 2026 it fetches public and signed https addresses of the types below, up to 100 MB, for all models after
Gemini 2.0 (https://ai.google.dev/gemini-api/docs/file-input-methods, 2026-11-21). It must be told the type; an address
that does not show it is not sent. Nothing is ever fetched here.
"""

from urllib.parse import urlsplit

from tiercel.domain.request import Media

_OWN = ("gs://", "https://generativelanguage.googleapis.com/")
_VIDEO_PAGES = ("https://www.youtube.com/", "https://youtube.com/", "https://youtu.be/")
_TYPES = {
    "bmp": "image/bmp",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "pdf": "application/pdf",
    "json": "application/json",
    "css": "text/css",
    "csv": "text/csv",
    "htm": "text/html",
    "html": "text/html",
    "js": "text/javascript",
    "rtf": "text/rtf",
    "txt": "text/plain",
    "xml": "text/xml",
    "3gp": "video/3gpp",
    "avi": "video/avi",
    "flv": "video/x-flv",
    "mov": "video/quicktime",
    "mp4": "video/mp4",
    "mpeg": "video/mpeg",
    "mpg": "video/mpeg",
    "webm": "video/webm",
    "wmv": "video/wmv",
}
_FETCHED_TYPES = frozenset(_TYPES.values())


def is_video_page(url: str) -> bool:
    """Whether Google reads this page as the video it shows."""
    return url.startswith(_VIDEO_PAGES)


def is_fetched(media: Media) -> bool:
    """Whether Google reads what stands at this address."""
    url = media.url or ""
    if url.startswith(_OWN) or is_video_page(url):
        return True
    return url.startswith("https://") and type_at(media) in _FETCHED_TYPES


def type_at(media: Media) -> str | None:
    """The type of what stands at an address: as the client says, else as the address ends, for pages of none."""
    url = media.url or ""
    if media.mime_type is not None or is_video_page(url) or url.startswith(_OWN):
        return media.mime_type
    try:
        path = urlsplit(url).path
    except ValueError:
        return None
    return _TYPES.get(path.rpartition(".")[2].lower())
