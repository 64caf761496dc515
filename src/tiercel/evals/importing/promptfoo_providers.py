"""promptfoo's providers as candidates: the models of those that can be called, and the request fields they carry."""

from tiercel.domain.json import Json, JsonObject
from tiercel.evals.files.surroundings import Addresses
from tiercel.evals.files.targets import UnknownTarget, find_address, possible_names
from tiercel.evals.importing.imported import Carrying, without_empty
from tiercel.policy.problems import Steps

FIELDS = frozenset(
    (
        "temperature",
        "max_tokens",
        "max_completion_tokens",
        "top_p",
        "stop",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "response_format",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "reasoning_effort",
    )
)
"""Request fields that mean the same here."""
IN_SETTINGS = ("apiKey", "apiKeyEnvar", "apiHost", "apiBaseUrl", "organization", "headers", "basePath")


def read_providers(
    value: JsonObject, addresses: Addresses | None, carrying: Carrying
) -> list[JsonObject | str]:
    """The candidates; of those that are no model it is said."""
    word = "providers" if "providers" in value else "targets"
    providers = value.get(word)
    entries = providers if isinstance(providers, list) else [providers] if providers is not None else []
    found: list[JsonObject | str] = []
    for position, entry in enumerate(entries):
        at: Steps = (word, position) if isinstance(providers, list) else (word,)
        target = _target(entry, at, addresses, carrying)
        if target is not None:
            found.append(target)
    if not found:
        carrying.note("no candidate is left: `targets` is `auto`; name the models to compare")
        return ["auto"]
    return found


def _target(
    entry: Json, at: Steps, addresses: Addresses | None, carrying: Carrying
) -> JsonObject | str | None:
    if isinstance(entry, dict) and len(entry) == 1 and isinstance(next(iter(entry.values())), dict):
        name, inside = next(iter(entry.items()))  # {openai:gpt-x: {config: …}}
        entry = {"id": name, **inside}
    row = {"id": entry} if isinstance(entry, str) else entry
    if not isinstance(row, dict) or not isinstance(row.get("id"), str):
        carrying.leave(at, "a provider without an id")
        return None
    try:
        address = find_address(row["id"], addresses).name
    except UnknownTarget as error:
        if addresses is None or ":" not in row["id"] or "program" in str(error):
            carrying.leave(at, str(error))
            return None
        address = possible_names(row["id"])[-1]
        carrying.leave(at, f"{error}; it stands as {address!r}, to be configured or changed")
    config = _fields(row.get("config"), at, carrying)
    for key in row:
        if key not in ("id", "label", "config"):
            carrying.leave((*at, key), "there is nothing like it here")
    label = row.get("label") if isinstance(row.get("label"), str) else None
    if label is None and not config:
        return address
    return without_empty({"id": label or address, "model": address, "config": config})


def _fields(config: Json, at: Steps, carrying: Carrying) -> JsonObject:
    found: JsonObject = {}
    for key, given in config.items() if isinstance(config, dict) else ():
        if key in FIELDS and not (isinstance(given, str) and given.startswith("file://")):
            found[key] = given
        elif key == "reasoning" and isinstance(given, dict) and isinstance(given.get("effort"), str):
            found["reasoning_effort"] = given["effort"]
        elif key in IN_SETTINGS:
            carrying.leave((*at, "config", key), "belongs into tiercel.toml, below [providers]")
        else:
            carrying.leave((*at, "config", key), "no request field that is known here")
    return found
