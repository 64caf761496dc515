"""Do the two files fit each other? Every name in the policy must be a tier, model, deployment or check that exists."""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from tiercel.domain.catalog import TOKENS_PER_PRICE, Catalog, Deployment
from tiercel.domain.embedding import NOT_EMBEDDING
from tiercel.domain.money import usd_text
from tiercel.domain.policy import ITSELF, Gate, Policy, Rule
from tiercel.policy.policy_file import AUTO, HEADERS
from tiercel.policy.problems import Problems, Steps, listed, nearest
from tiercel.policy.session_tables import session_notices


class CrossCheck(msgspec.Struct, frozen=True, kw_only=True):
    """`problems` forbid serving; `notices` say what works less well than written, such as a member without a key."""

    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


def cross_check(
    policy: Policy,
    catalog: Catalog,
    check_problems: Callable[[Gate], list[str]],
) -> CrossCheck:
    """Whether the policy can be followed with this catalog. `check_problems` says what is wrong with a gate."""
    return Checker(policy, catalog).run(check_problems)


class Checker:
    """One comparison of a policy with a catalog."""

    def __init__(self, policy: Policy, catalog: Catalog) -> None:
        self.policy = policy
        self.catalog = catalog
        self.problems = Problems(policy.name, HEADERS)
        self.notices = Problems(policy.name, HEADERS)

    def run(self, check_problems: Callable[[Gate], list[str]]) -> CrossCheck:
        for tier in self.policy.tiers.values():
            self.check_tier_name(tier.name)
            for position, member in enumerate(tier.members):
                self.check_entry(member, ("tiers", tier.name, "members", position), tiers=False)
        for rule in self.policy.rules:
            for position, entry in enumerate(rule.ladder):
                self.check_entry(entry, ("rules", rule.name, "ladder", position), tiers=True)
            self.check_second_models(rule)
            for arm in rule.split.arms if rule.split is not None else ():
                self.check_entry(arm.use, ("rules", rule.name, "split", "arms", arm.name, "use"), tiers=True)
            if not any(self.can_be_called(entry) for entry in rule.ladder):
                self.notices.add(("rules", rule.name), "nothing on its ladder can be called")
            self.check_shadow(rule)
            for key, notice in session_notices(rule, self.policy):
                self.notices.add(("rules", rule.name, *key), notice)
        for alias, target in self.policy.aliases.items():
            self.check_alias(alias, target)
        for path, gate in self.gates():
            for problem in check_problems(gate):
                self.problems.add(path, problem)
            for position, entry in enumerate(gate.ask):
                if entry != ITSELF:
                    self.check_entry(entry, (*path, "ask", position), tiers=False)
                    self.check_family(entry, gate, (*path, "ask", position))
            if gate.embed is not None:
                self.check_embedding(gate.embed, (*path, "embed"))
        notices = self.notices.lines
        if not self.catalog.deployments:
            variables = sorted({d.provider.key_env or "" for d in self.catalog.keyless.values()})
            fix = f"set {' or '.join(variables)}" if variables else "name a provider in tiercel.toml"
            notices = [f"nothing can be called: no model has a provider and its key; {fix}"]
        return CrossCheck(problems=tuple(self.problems.lines), notices=tuple(notices))

    def check_second_models(self, rule: Rule) -> None:
        """Whether who reviews or advises exists, and is not the only one who could answer."""
        for key, asked in (("review", rule.review), ("advisor", rule.advisor)):
            if asked is None:
                continue
            path = ("rules", rule.name, key, "by")
            self.check_entry(asked.by, path, tiers=False)
            model = self.model_of(asked.by.partition("@")[0])
            if model is not None and set(self.models_on(rule.ladder)) == {model}:
                self.notices.add(
                    path, "is the only model on the ladder, and never asked about itself", asked.by
                )

    def check_tier_name(self, tier: str) -> None:
        if tier in self.catalog.models or tier in self.catalog.deployments:
            self.problems.add(("tiers", tier), "a model or deployment has this name; rename the tier")

    def check_entry(self, entry: str, path: Steps, *, tiers: bool) -> None:
        """A ladder's entry or a tier's member: does it exist, has it this effort, and can it be called?"""
        name, _, effort = entry.partition("@")
        if tiers and name in self.policy.tiers:
            for member in self.policy.tiers[name].members:
                self.check_effort(member.partition("@")[0], effort, entry, path)
            return
        if not self.exists(name):
            kinds = "tier or model" if tiers else "model or deployment"
            choices = {*self.names(), *(self.policy.tiers if tiers else ())}
            self.problems.add(path, f"no such {kinds}{nearest(name, choices)}", entry)
            return
        self.check_effort(name, effort, entry, path)
        if not self.can_be_called(entry):
            self.notices.add(path, f"is left out: {self.why_not(name)}", entry)

    def check_effort(self, name: str, effort: str, entry: str, path: Steps) -> None:
        model = self.model_of(name)
        if not effort or model is None:
            return
        efforts = self.catalog.models[model].capabilities.efforts
        if effort not in efforts:
            offer = f"it takes {listed(efforts)}" if efforts else "its effort cannot be set"
            self.problems.add(path, f"{model!r} has no effort {effort!r}; {offer}", entry)

    def check_embedding(self, entry: str, path: Steps) -> None:
        """Whether somebody can embed with this model: of most nothing says so, of some formats that they cannot."""
        self.check_entry(entry, path, tiers=False)
        serving = self.catalog.serving(entry) or tuple(
            d for d in (self.catalog.deployments.get(entry),) if d is not None
        )
        if serving and all(deployment.provider.format in NOT_EMBEDDING for deployment in serving):
            self.problems.add(path, "its provider's API has no embeddings; name a model that embeds", entry)

    def check_family(self, entry: str, gate: Gate, path: Steps) -> None:
        """Whether who is asked is of the family of those whose answers are measured."""
        asked = self.model_of(entry.partition("@")[0])
        maker = self.catalog.models[asked].maker if asked in self.catalog.models else ""
        if not maker:
            return
        for rule in self.policy.rules:
            if gate not in (self.policy.gates if rule.gates is None else rule.gates):
                continue
            # several are opinions, which are compared with the first stage's answer; one may be a judge of all
            for model in self.models_on(rule.ladder[:1] if len(gate.ask) > 1 else rule.ladder):
                if model != asked and self.catalog.models[model].maker == maker:
                    reason = "families share errors, and judges prefer their own"
                    self.notices.add(
                        path, f"is of the same maker as {model} on rule {rule.name!r}: {reason}", entry
                    )
                    return

    def models_on(self, ladder: Iterable[str]) -> Iterator[str]:
        """The models of a ladder's entries, tiers opened."""
        for entry in ladder:
            name = entry.partition("@")[0]
            tier = self.policy.tiers.get(name)
            for member in tier.members if tier else (entry,):
                model = self.model_of(member.partition("@")[0])
                if model is not None:
                    yield model

    def check_shadow(self, rule: Rule) -> None:
        """Whether the candidates exist, and what they cost is known: a budget could not be kept with them else."""
        for position, entry in enumerate(rule.shadow.candidates if rule.shadow else ()):
            path = ("rules", rule.name, "shadow", "candidates", position)
            self.check_entry(entry, path, tiers=False)
            name = entry.partition("@")[0]
            own = self.catalog.deployments.get(name)
            serving = self.catalog.serving(name) or (() if own is None else (own,))
            if rule.shadow and serving and (doubt := budget_doubt(serving, rule.shadow.day_nano)):
                self.notices.add(path, doubt, entry)

    def check_alias(self, alias: str, target: str) -> None:
        is_auto = target == AUTO or target.startswith(f"{AUTO}:")
        if is_auto or target in self.policy.tiers or self.exists(target):
            return
        if "@" in target:
            self.check_entry(target, ("aliases", alias), tiers=False)
            return
        choices = {*self.names(), *self.policy.tiers, AUTO}
        self.problems.add(("aliases", alias), f"no such tier or model{nearest(target, choices)}", target)

    def gates(self) -> Iterator[tuple[Steps, Gate]]:
        for position, gate in enumerate(self.policy.gates):
            yield ("defaults", "gates", position), gate
        for rule in self.policy.rules:
            for position, gate in enumerate(rule.gates or ()):
                yield ("rules", rule.name, "gates", position), gate

    def names(self) -> Iterable[str]:
        return {*self.catalog.models, *self.catalog.deployments, *self.catalog.keyless}

    def exists(self, name: str) -> bool:
        return name in self.names()

    def model_of(self, name: str) -> str | None:
        """The model that a model's or deployment's name stands for."""
        if name in self.catalog.models:
            return name
        deployment = self.catalog.deployments.get(name) or self.catalog.keyless.get(name)
        return deployment.model.name if deployment else None

    def can_be_called(self, entry: str) -> bool:
        name = entry.partition("@")[0]
        if name in self.policy.tiers:
            return any(self.can_be_called(member) for member in self.policy.tiers[name].members)
        return name in self.catalog.deployments or bool(self.catalog.serving(name))

    def why_not(self, name: str) -> str:
        """Which variables would make it callable, or that no provider of `tiercel.toml` serves it."""
        variables = {
            deployment.provider.key_env or ""
            for deployment in self.catalog.keyless.values()
            if name in (deployment.name, deployment.model.name)
        }
        if not variables:
            return "no provider of tiercel.toml serves it"
        return f"{' or '.join(sorted(variables))} is not set"


def budget_doubt(
    serving: Iterable[Deployment], budget_nano: int, budget: str = "the day's budget"
) -> str | None:
    """Why copies for these deployments of one model may not fit a budget, where none of them is cheaper."""
    priced = [d for d in serving if d.billing.input is not None and d.billing.output is not None]
    if not priced:
        return "is never tried: its price is unknown, so no budget can be kept"
    longest = [
        most * (deployment.billing.output or 0) // TOKENS_PER_PRICE
        for deployment in priced
        if (most := deployment.model.capabilities.max_output) is not None
    ]
    if not longest:
        return "is tried only where a request says max_tokens, for its longest answer is unknown"
    if min(longest) > budget_nano:
        cost = usd_text(min(longest))
        return f"may cost ${cost} an answer, more than {budget}: only short ones are tried"
    return None
