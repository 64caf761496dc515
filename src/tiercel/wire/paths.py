"""Where a call goes below a provider's `base_url`, which people write with or without the API's own beginning."""

from urllib.parse import urlsplit


def path_below(base_url: str, path: str) -> str:
    """`path` without the beginning that `base_url` ends with: `/api/chat` is `/chat` below `http://host/api`."""
    base = urlsplit(base_url).path.rstrip("/")
    segments = path.split("/")
    for count in range(len(segments) - 1, 1, -1):
        beginning = "/".join(segments[:count])
        if base.endswith(beginning):
            return path[len(beginning) :]
    return path
