"""What an evaluation's files are read against: which models there are, which scorers, and where traffic comes from.

All handed in: the files themselves know neither the configuration nor the records.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from tiercel.domain.catalog import Catalog
from tiercel.domain.embedding import NOT_EMBEDDING
from tiercel.domain.errors import CallerError
from tiercel.domain.json import JsonObject
from tiercel.domain.policy import Policy
from tiercel.evals.evaluation import Expectation
from tiercel.evals.scorers.scorer import Scorer, ScorerInfo
from tiercel.routing.names import known_models, resolve

FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*\Z")


class Measurers(Protocol):
    """The scorers that there are; `evals.scorers.registry` has them."""

    @property
    def infos(self) -> Iterable[ScorerInfo]:
        """What they say of themselves."""
        ...

    def get(self, expectation: Expectation, /) -> Scorer | None:
        """Who measures this expectation."""
        ...


class KnownScorers:
    """Who can measure, as far as reading a file needs it."""

    def __init__(self, measurers: Measurers) -> None:
        self._measurers = measurers
        self.names = frozenset(info.name for info in measurers.infos)

    def has(self, name: str) -> bool:
        """Whether somebody of this name can measure. Somebody's own `module:function` is looked for before a run."""
        return FUNCTION.match(name) is not None or self._named(name) is not None

    def needs_judge(self, name: str) -> bool:
        """Whether it asks a judge."""
        scorer = self._named(name)
        return scorer is not None and scorer.info.asks

    def problems(self, expectation: Expectation) -> list[str]:
        """What is wrong with what the scorer is given, in words with the fix."""
        scorer = self._measurers.get(expectation)
        return [] if scorer is None else scorer.problems(expectation)

    def _named(self, name: str) -> Scorer | None:
        return self._measurers.get(Expectation(scorer=name))


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """What a name stands for. `helped` is whether the policy's help belongs to it: a rule, a tier, `auto`."""

    name: str
    helped: bool


class Addresses:
    """The names that a client may give as `model`, by the configuration."""

    def __init__(self, policy: Policy, catalog: Catalog) -> None:
        self._policy = policy
        self._catalog = catalog

    def find(self, name: str) -> Address:
        """What it stands for. Raises `CallerError` where it is nothing, with the nearest name."""
        named = resolve(name, self._policy, self._catalog)
        return Address(name=name, helped=named.kind not in ("model", "deployment"))

    def has(self, name: str) -> bool:
        try:
            self.find(name)
        except CallerError:
            return False
        return True

    def embedding_fault(self, name: str) -> str | None:
        """Why texts cannot be embedded by what this name stands for; `None` where they may be: of most models nothing
        says so, of some formats that they cannot."""
        try:
            named = resolve(name, self._policy, self._catalog)
        except CallerError as error:
            return error.message
        if named.kind not in ("model", "deployment") or named.effort is not None:
            return f"{name!r} is no single model without an effort; name one that embeds texts"
        serving = [d for d in self._catalog.deployments.values() if named.name in (d.name, d.model.name)]
        if all(deployment.provider.format in NOT_EMBEDDING for deployment in serving):
            return f"{name!r}: its provider's API has no embeddings; name a model that embeds texts"
        return None

    @property
    def models(self) -> list[str]:
        """The models, for messages and for a first file."""
        return [named.name for named in known_models(self._policy, self._catalog) if named.kind == "model"]


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """Without `addresses` candidates are taken by their word, for looking at a file without a configuration.

    `traffic` gives the items of `traffic://…` as rows. Raises `ConfigError` where it cannot.
    """

    scorers: Measurers
    addresses: Addresses | None = None
    traffic: Callable[[str], Sequence[JsonObject]] | None = None
