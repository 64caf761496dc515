"""`tiercel.toml` into `Settings`. Keys come from the environment only; one that stands in the file is an error."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tiercel.domain.secret import Secret
from tiercel.domain.settings import Dashboard, Listener, Log, Settings, Storage
from tiercel.policy.addresses import key_complaint, variable_complaint
from tiercel.policy.catalog_file import Environment, read_catalog
from tiercel.policy.problems import Problems
from tiercel.policy.settings_tables import DashboardTable, ListenerTable, SettingsFile, StorageTable
from tiercel.policy.shape import find_problems
from tiercel.policy.telemetry_settings import telemetry_of
from tiercel.policy.toml_reader import check_version, content_hash, read_table, read_text

HEADERS = {
    "listener": 1,
    "storage": 1,
    "telemetry": 1,
    "log": 1,
    "dashboard": 1,
    "providers": 2,
    "models": 2,
    "deployments": 2,
}
MEGABYTE = 1_000_000
DATABASE_SCHEMES = ("postgresql://", "postgres://")
LITERAL_KEYS = {"key", "keys", "api_key", "api_keys", "apikey", "token", "secret", "password"}
DATABASE_URLS = {"database_url", "database", "url", "dsn"}


def read_settings(
    text: str, name: str, environ: Mapping[str, str], *, folder: Path | None = None
) -> Settings:
    """The settings that this text describes, with keys from `environ`. Paths in it start from `folder`.

    Raises one `ConfigError` with all problems, each with its fix. A missing key is none: its provider's deployments
    are left out, and the provider is named in `Settings.missing_keys`.
    """
    table = read_table(text, name)
    problems = Problems(name, HEADERS)
    check_version(table, problems)
    refuse_literal_keys(table, problems)
    find_problems(table, SettingsFile, problems)
    problems.raise_if_any()
    file = msgspec.convert(table, SettingsFile)
    environment = Environment(environ, folder)
    listener = listener_of(file.listener, environ, problems)
    storage = storage_of(file.storage, folder, environ, problems)
    telemetry = telemetry_of(file.telemetry, environ, problems)
    catalog, missing_keys = read_catalog(file, environment, problems)
    problems.raise_if_any()
    return Settings(
        listener=listener,
        storage=storage,
        telemetry=telemetry,
        log=Log(format=file.log.format),
        dashboard=dashboard_of(file.dashboard, folder),
        catalog=catalog,
        missing_keys=missing_keys,
        hash=content_hash(table),
    )


def load_settings(path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings in this file, with keys from `environ`; paths in it start from its folder. Raises `ConfigError`."""
    return read_settings(read_text(path), path.name, environ, folder=path.parent)


def load_storage(path: Path, environ: Mapping[str, str]) -> Storage:
    """Only where this file keeps records: whoever reads them needs none of its keys, and of `environ` at most the
    database's URL. Raises `ConfigError`."""
    table = read_table(read_text(path), path.name)
    problems = Problems(path.name, HEADERS)
    storage = {"version": table.get("version"), "storage": table.get("storage", {})}
    check_version(storage, problems)
    find_problems(storage, SettingsFile, problems)
    problems.raise_if_any()
    kept = storage_of(msgspec.convert(storage, SettingsFile).storage, path.parent, environ, problems)
    problems.raise_if_any()
    return kept


def refuse_literal_keys(table: dict[str, Any], problems: Problems) -> None:
    """Says so where a credential is written into the file, and takes it out, so that nothing else can show it."""
    listener = table.get("listener")
    if isinstance(listener, dict):
        for key in LITERAL_KEYS & listener.keys():
            del listener[key]
            problems.add(("listener", key), "keys never stand in this file; name variables in keys_env")
    storage = table.get("storage")
    if isinstance(storage, dict):
        for key in DATABASE_URLS & storage.keys():
            del storage[key]
            problems.add(
                ("storage", key), "a URL has a password in it; name its variable in database_url_env"
            )
    providers = table.get("providers")
    for name, provider in providers.items() if isinstance(providers, dict) else ():
        if not isinstance(provider, dict):
            continue
        for key in LITERAL_KEYS & provider.keys():
            del provider[key]
            path = ("providers", name, key)
            problems.add(path, "keys never stand in this file; name the variable that holds it in key_env")


def listener_of(table: ListenerTable, environ: Mapping[str, str], problems: Problems) -> Listener:
    return Listener(
        host=table.host,
        port=table.port,
        keys=_keys_of("keys_env", table.keys_env, environ, problems),
        operator_keys=_keys_of("operator_keys_env", table.operator_keys_env, environ, problems),
        allowed_hosts=table.allowed_hosts,
        max_body_bytes=round(table.max_body_mb * MEGABYTE),
        drain_seconds=table.drain_seconds,
        write_seconds=table.write_seconds,
        max_in_flight=table.max_in_flight,
    )


def dashboard_of(table: DashboardTable, folder: Path | None) -> Dashboard:
    return Dashboard(
        enabled=table.enabled,
        host=table.host,
        port=table.port,
        allowed_hosts=table.allowed_hosts,
        session_hours=table.session_hours,
        evaluations=None if table.evaluations is None else str((folder or Path()) / table.evaluations),
    )


def _keys_of(
    name: str, variables: tuple[str, ...], environ: Mapping[str, str], problems: Problems
) -> tuple[Secret, ...]:
    """What these variables hold: whether it is too weak is told where it is used."""
    keys = []
    for position, variable in enumerate(variables):
        path = ("listener", name, position)
        value = environ.get(variable, "").strip()
        complaint = variable_complaint(variable)
        if complaint is not None:
            problems.add(path, complaint)
        elif not value:
            problems.add(
                path, "not set in the environment; set it to the key that clients will send", variable
            )
        elif key_complaint(value) is not None:
            problems.add(path, f"the variable {variable} {key_complaint(value)}")
        else:
            keys.append(Secret(value))
    return tuple(keys)


def storage_of(
    table: StorageTable, folder: Path | None, environ: Mapping[str, str], problems: Problems
) -> Storage:
    return Storage(
        folder=str((folder or Path()) / table.folder),
        segment_bytes=round(table.segment_mb * MEGABYTE),
        journal_limit_bytes=round(table.journal_limit_mb * MEGABYTE),
        when_unwritable=table.when_unwritable,
        content=table.content,
        retention_days=table.retention_days,
        project_retention_days=tuple((table.project_retention_days or {}).items()),
        database_url=database_url_of(table.database_url_env, environ, problems),
        when_budgets_unknown=table.when_budgets_unknown,
    )


def database_url_of(variable: str | None, environ: Mapping[str, str], problems: Problems) -> Secret | None:
    """What the variable holds; a URL has a password in it, so it is never shown."""
    if variable is None:
        return None
    path = ("storage", "database_url_env")
    value = environ.get(variable, "").strip()
    if (complaint := variable_complaint(variable)) is not None:
        problems.add(path, complaint)
    elif not value:
        problems.add(
            path, "not set in the environment; set it to postgresql://user:password@host/name", variable
        )
    elif not value.startswith(DATABASE_SCHEMES):
        problems.add(path, f"the variable {variable} holds no URL that begins with postgresql://")
    else:
        return Secret(value)
    return None
