"""The browser that draws pages for tests and for the documentation: this system's Chromium, where there is one."""

from pathlib import Path

CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
MISSING = f"no Chromium on this machine: looked for {', '.join(CHROMIUM)}"


def chromium() -> str | None:
    """Its program."""
    return next((path for path in CHROMIUM if Path(path).exists()), None)
