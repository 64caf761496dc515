"""The text of keys: made, taken apart, and hashed with a secret of this installation, the pepper.

A key is `tk_ID_SECRET`: ten characters that find it, and 256 random bits. Only a keyed hash is stored, so that neither
a copy of the database nor of the pepper alone lets anybody check guesses.
"""

import hmac
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from tiercel.domain.errors import ConfigError

KEY = re.compile(r"tk_([0-9a-hjkmnp-tv-z]{10})_([A-Za-z0-9_-]{43})")
ID_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
ID_CHARS = 10
SECRET_BYTES = 32
PEPPER_VARIABLE = "TIERCEL_KEY_PEPPER"
MIN_PEPPER_CHARS = 32


def new_key_id() -> str:
    """Ten characters, 50 random bits: two keys never share one in practice, and the store refuses it if they do."""
    return "".join(secrets.choice(ID_LETTERS) for _ in range(ID_CHARS))


def new_key_text(key_id: str) -> str:
    """The whole key, to be shown once."""
    return f"tk_{key_id}_{secrets.token_urlsafe(SECRET_BYTES)}"


def key_id_of(text: str) -> str | None:
    """The id in a key's text, `None` where it is not a key of ours."""
    match = KEY.fullmatch(text)
    return None if match is None else match[1]


def hash_of(pepper: bytes, text: str) -> bytes:
    """HMAC-SHA256 of the whole key."""
    return hmac.digest(pepper, text.encode("utf-8", "surrogateescape"), "sha256")


def pepper_path(folder: Path) -> Path:
    return folder / "keys.pepper"


def read_pepper(folder: Path, environ: Mapping[str, str]) -> bytes | None:
    """The pepper: from the environment, else from the data folder, else none yet. Raises `ConfigError`."""
    given = environ.get(PEPPER_VARIABLE, "").strip()
    if given:
        if len(given) < MIN_PEPPER_CHARS:
            raise ConfigError(
                f"{PEPPER_VARIABLE} has fewer than {MIN_PEPPER_CHARS} characters; make one with: "
                "python3 -c 'import secrets; print(secrets.token_hex(32))'"
            )
        return given.encode("utf-8")
    path = pepper_path(folder)
    try:
        pepper = path.read_bytes().strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if len(pepper) < MIN_PEPPER_CHARS:
        raise ConfigError(
            f"{path}: damaged: fewer than {MIN_PEPPER_CHARS} characters; restore it from a backup"
        )
    return pepper


def make_pepper(folder: Path) -> None:
    """Writes a new pepper for its owner alone. Of two processes that do so at once, the first one's holds."""
    path = pepper_path(folder)
    draft = path.with_suffix(f".{secrets.token_hex(4)}.new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_hex(SECRET_BYTES).encode("ascii"))
            file.flush()
            os.fsync(file.fileno())
        # a link fails where the name is taken, and is never seen half written
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
