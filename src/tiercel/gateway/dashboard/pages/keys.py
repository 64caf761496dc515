"""Keys: who may come in, what for, and what they spent; made, rotated and revoked here as by `tiercel keys`.

A change goes straight to the store, where the gateway sees it within a second, as if a command had made it.
"""

import time
from pathlib import Path
from typing import Any, get_args

import msgspec
from starlette.responses import Response

from tiercel.domain.errors import ConfigError
from tiercel.domain.facts import Risk, Task
from tiercel.domain.keys import AccessKey, Budget, Quota, Role
from tiercel.gateway.dashboard.view import PageRoute, Visitor
from tiercel.policy.key_forms import (
    budget_text,
    check_allowed,
    count,
    dollars,
    duration,
    key_id,
    label,
    lifetime,
    limits_text,
    project_name,
    state_of,
)
from tiercel.records.key_store import IssuedKey, KeyReader, KeyStore, StoredKeys
from tiercel.records.owners import key_owner, project_owner
from tiercel.records.spending import Spent, read_spent

OVERLAPS = ("24h", "7d", "30m", "0")
NOTHING = Spent(owner="", day_nano=0, month_nano=0)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A key, whether it is good, its limits in words, and what it spent this UTC day and month."""

    key: AccessKey
    state: str
    limits: str
    spent: Spent


def show(visitor: Visitor) -> Response:
    """The list, and the forms."""
    return _shown(visitor)


def change(visitor: Visitor) -> Response:
    """Does what one of the forms asks for, and shows the list with what came of it."""
    act = {"create": _create, "rotate": _rotate, "revoke": _revoke, "project": _set_project}.get(
        visitor.form.get("act", "")
    )
    if act is None:
        return _shown(visitor, problem="There is nothing to be done.", status=400)
    try:
        return act(visitor)
    except ConfigError as error:
        return _shown(visitor, problem="; ".join(error.problems), status=400)


def _create(visitor: Visitor) -> Response:
    form = _Form(visitor.form)
    if form.chosen("role", get_args(Role)) is None:
        raise ConfigError(f"role: choose one of {', '.join(get_args(Role))}")
    state = visitor.home.runtime.state
    allowed = tuple(dict.fromkeys(visitor.form.get("allow", "").replace(",", " ").split()))
    known = [*state.policy.tiers, *state.settings.catalog.models, *state.settings.catalog.deployments]
    check_allowed(allowed, known, "may use")
    lasts = form.read("expires", lifetime)
    key = AccessKey(
        role=form.chosen("role", get_args(Role)),
        project=form.read("project", project_name) or "",
        label=form.read("label", label) or "",
        expires_at=None if lasts is None else time.time() + lasts,
        allowed=allowed,
        task=form.chosen("task", get_args(Task)),
        risk=form.chosen("risk", get_args(Risk)),
        quota=Quota(
            requests_per_minute=form.read("requests_per_minute", count),
            tokens_per_minute=form.read("tokens_per_minute", count),
            concurrent=form.read("concurrent", count),
        ),
        budget=form.budget(),
    )
    if visitor.home.needs_key or visitor.form.get("first") == "yes":
        with _store(visitor, make=True) as store:
            return _shown(visitor, issued=store.create(key))
    raise ConfigError("this would be the first key: tick that from then on everybody needs one")


def _rotate(visitor: Visitor) -> Response:
    overlap = duration(visitor.form.get("overlap", "24h"))
    with _store(visitor) as store:
        return _shown(visitor, issued=store.rotate(key_id(visitor.form.get("id", "")), overlap))


def _revoke(visitor: Visitor) -> Response:
    if visitor.form.get("sure") != "yes":
        raise ConfigError("tick that you are sure: a key that is revoked never comes back")
    with _store(visitor) as store:
        key = store.revoke(key_id(visitor.form.get("id", "")))
    return _shown(visitor, done=f"Key {key.id} is revoked: nobody comes in with it from now on.")


def _set_project(visitor: Visitor) -> Response:
    form = _Form(visitor.form)
    name = form.read("project", project_name)
    if name is None:
        raise ConfigError("project: say whose budget it is")
    with _store(visitor, make=visitor.home.needs_key) as store:
        store.set_project_budget(name, form.budget())
    return _shown(visitor, done=f"The budget of project {name} is set.")


class _Form:
    """The fields of a form, read as the command line reads its arguments; one left empty is `None`."""

    def __init__(self, fields: dict[str, str]) -> None:
        self._fields = fields

    def read(self, name: str, reading: Any) -> Any:
        text = self._fields.get(name, "").strip()
        if not text:
            return None
        try:
            return reading(text)
        except ConfigError as error:
            raise ConfigError(f"{name.replace('_', ' ')}: {error}") from error

    def chosen(self, name: str, known: tuple[str, ...]) -> Any:
        text = self._fields.get(name, "")
        return text if text in known else None

    def budget(self) -> Budget:
        return Budget(
            day_nano=self.read("usd_per_day", dollars), month_nano=self.read("usd_per_month", dollars)
        )


def _store(visitor: Visitor, *, make: bool = False) -> Any:
    return KeyStore.open(visitor.home.folder, make=make, database_url=visitor.home.database_url)


def _shown(
    visitor: Visitor, *, issued: IssuedKey | None = None, done: str = "", problem: str = "", status: int = 200
) -> Response:
    stored, now = _read(visitor), time.time()
    spent = _spent(visitor)
    rows = [
        Row(
            key=one.key,
            state=state_of(one.key, now),
            limits=limits_text(one.key),
            spent=spent.get(key_owner(one.key.id), NOTHING),
        )
        for one in stored.keys.values()
    ]
    rows.sort(key=lambda row: (row.state != "active", -row.key.created_at))
    return visitor.render(
        "keys.html",
        status=status,
        rows=rows,
        projects=[
            (name, budget_text(budget), spent.get(project_owner(name), NOTHING))
            for name, budget in sorted(stored.projects.items())
        ],
        issued=issued,
        done=done,
        problem=problem,
        is_first=not visitor.home.needs_key,
        roles=get_args(Role),
        tasks=get_args(Task),
        risks=get_args(Risk),
        overlaps=OVERLAPS,
        form=visitor.form if problem else {},
    )


def _spent(visitor: Visitor) -> dict[str, Spent]:
    home = visitor.home
    span = home.runtime.access.budgets.span()
    return {one.owner: one for one in read_spent(home.folder, span, home.database_url)}


def _read(visitor: Visitor) -> StoredKeys:
    reader = KeyReader(Path(visitor.home.storage.folder), database_url=visitor.home.database_url)
    try:
        return reader.poll() or StoredKeys()
    finally:
        reader.close()


KEYS = PageRoute(path="/keys", show=show, title="Keys", operators_only=True)
KEYS_CHANGED = PageRoute(path="/keys", show=change, methods=("POST",), operators_only=True)
