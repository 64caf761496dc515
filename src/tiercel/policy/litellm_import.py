"""A LiteLLM `config.yaml` as `tiercel.toml` and `policy.toml`, with a list of what could not be carried over.

Model groups become models, fallbacks become ladders, aliases stay aliases. What decides nothing here, or is always so
here, is passed over; everything else that is not carried over is told with its line.
"""

from collections.abc import Mapping
from secrets import token_urlsafe
from shlex import quote

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.policy.lined_yaml import Node, read_yaml
from tiercel.policy.litellm_models import Drafts, model_name, read_models
from tiercel.policy.litellm_text import AliasesText, ListenerText, policy_text, settings_text
from tiercel.policy.problems import nearest

SECTIONS = (
    "model_list",
    "litellm_settings",
    "router_settings",
    "general_settings",
    "environment_variables",
)
ALWAYS_SO = frozenset(
    ("drop_params", "set_verbose", "telemetry", "modify_params", "enable_pre_call_checks", "allowed_routes")
)
"""What holds here in any case, or means nothing here."""
PREFERENCES = {"latency-based-routing": "fastest", "cost-based-routing": "cheapest"}
FALLBACKS = ("fallbacks", "context_window_fallbacks")
PLACES = ("router_settings", "litellm_settings")
MOST_RETRIES = 100
DAY_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "mo": 30 * 86_400}


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """Both files' texts; `left` says what was not carried over, with its line; `commands` are to be run afterwards;
    `variables` are those that hold keys, with what each is for."""

    settings_text: str
    policy_text: str
    left: tuple[str, ...]
    commands: tuple[str, ...]
    variables: dict[str, str]
    models: int
    deployments: int

    @property
    def stand_in_environment(self) -> dict[str, str]:
        """Keys of no use, to see whether the files are sound where the real ones are not set."""
        return {variable: token_urlsafe(32) for variable in self.variables}


def import_litellm(text: str, name: str, environ: Mapping[str, str]) -> Imported:
    """What this configuration becomes. Raises `ConfigError` where it is not one, or nothing of it can be served."""
    root = read_yaml(text, name)
    model_list = root.at("model_list")
    if root.table is None or model_list is None or model_list.items is None:
        raise ConfigError(f"{name}: there is no model_list, so this is no configuration of LiteLLM's proxy")
    drafts = Drafts(name, environ)
    read_models(model_list, drafts)
    if not drafts.deployments:
        reasons = "; ".join(f"line {line}: {text}" for line, text in drafts.notices)
        raise ConfigError(f"{name}: no model of it can be served here: {reasons or 'model_list is empty'}")
    reader = _Reader(root, drafts)
    aliases, ladders = reader.aliases(), reader.ladders()
    listener = reader.listener()
    policy = policy_text(
        drafts,
        AliasesText(aliases=aliases, ladders=ladders),
        limits=reader.limits(),
        prefer=reader.preference(),
    )
    settings = settings_text(drafts, listener, as_json=reader.logs_are_json())
    commands = reader.commands()
    reader.leave_the_rest()
    left = tuple(f"{name}: line {line}: {text}" for line, text in sorted(set(drafts.notices)))
    return Imported(
        settings_text=settings,
        policy_text=policy,
        left=left,
        commands=commands,
        variables=drafts.variables,
        models=len(drafts.models),
        deployments=len(drafts.deployments),
    )


class _Reader:
    """The sections behind the models. What was looked at is remembered, so that the rest can be told."""

    def __init__(self, root: Node, drafts: Drafts) -> None:
        self._root = root
        self._drafts = drafts
        self._seen: set[tuple[str, str]] = set()

    def _take(self, section: str, key: str) -> Node | None:
        self._seen.add((section, key))
        return self._root.at(section, key)

    def _either(self, key: str) -> Node | None:
        """A setting that may stand in the router's settings or in the library's."""
        found = [self._take(section, key) for section in PLACES]
        return next((node for node in found if node is not None), None)

    def aliases(self) -> dict[str, str]:
        """Names that stand for a group. Aliases of aliases are followed, since they are not here."""
        given = self._either("model_group_alias")
        wanted: dict[str, tuple[Node, str]] = {}
        for alias, node in (given.entries if given is not None else {}).items():
            target = node.at("model") if node.table is not None else node
            wanted[alias] = (node, (target.text if target is not None else None) or "")
        aliases = {}
        for alias, (node, _) in wanted.items():
            target_name, steps = alias, 0
            while target_name in wanted and steps <= len(wanted):
                target_name, steps = wanted[target_name][1], steps + 1
            known = model_name(target_name)
            if model_name(alias) != alias:
                self._drafts.note(
                    node, f"alias {alias}: the name is taken by routing, or has a space or an @"
                )
            elif known in self._drafts.models:
                aliases[alias] = known
            else:
                self._drafts.note(
                    node, f"alias {alias}: there is no model {target_name!r}{self._near(known)}"
                )
        return aliases

    def ladders(self) -> dict[str, list[str]]:
        """For each group with fallbacks: the group, then those, in order."""
        ladders: dict[str, list[str]] = {}
        for kind in FALLBACKS:
            for section in PLACES:
                given = self._take(section, kind)
                for item in given.list if given is not None else ():
                    for group, targets in item.entries.items():
                        self._add_ladder(ladders, kind, group, targets)
        given = self._either("default_fallbacks")
        for name in self._names(given, "default_fallbacks") if given is not None else []:
            for group in self._drafts.models:
                ladder = ladders.setdefault(group, [group])
                if name not in ladder:
                    ladder.append(name)
        return {group: ladder for group, ladder in ladders.items() if len(ladder) > 1}

    def _add_ladder(self, ladders: dict[str, list[str]], kind: str, group: str, targets: Node) -> None:
        name = model_name(group)
        if name not in self._drafts.models:
            self._drafts.note(targets, f"{kind}: there is no model {group!r}{self._near(name)}")
            return
        ladder = ladders.setdefault(name, [name])
        found = [target for target in self._names(targets, kind) if target not in ladder]
        ladder += found
        if found and kind == "context_window_fallbacks":
            self._drafts.note(
                targets,
                f"{kind} of {group}: {', '.join(found)} stands on its ladder; what does not fit goes there at once"
                " where the window of the model is written, and it is asked after other failures as well",
            )

    def _names(self, targets: Node, kind: str) -> list[str]:
        names = []
        for node in targets.list or (targets,):
            name = model_name(node.text or "")
            if name in self._drafts.models:
                names.append(name)
            else:
                self._drafts.note(node, f"{kind}: there is no model {node.text!r}{self._near(name)}")
        return names

    def _near(self, name: str) -> str:
        return nearest(name, self._drafts.models)

    def limits(self) -> dict[str, float]:
        limits: dict[str, float] = {}
        retries = self._either("num_retries")
        if retries is not None and retries.number is not None and 0 <= retries.number <= MOST_RETRIES:
            limits["retries"] = int(retries.number)
        elif retries is not None:
            self._drafts.note(retries, f"num_retries is no number from 0 to {MOST_RETRIES}")
        seconds = self._take("router_settings", "timeout") or self._take(
            "litellm_settings", "request_timeout"
        )
        self._seen.add(("litellm_settings", "request_timeout"))
        if seconds is not None and seconds.number is not None and 0 < seconds.number <= DAY_SECONDS["d"]:
            limits["deadline_seconds"] = seconds.number
            self._drafts.note(
                seconds, "the timeout bounds a request with all its attempts here, not each of them"
            )
        elif seconds is not None:
            self._drafts.note(seconds, "the timeout is no number of seconds above 0, of a day at most")
        return limits

    def preference(self) -> str:
        strategy = self._take("router_settings", "routing_strategy")
        if strategy is None:
            return "listed"
        found = PREFERENCES.get(strategy.text or "")
        if found is None:
            self._drafts.note(
                strategy,
                f"routing_strategy {strategy.text}: deployments are asked in the order of weight and file here",
            )
        return found or "listed"

    def listener(self) -> ListenerText:
        key = self._take("general_settings", "master_key")
        if key is None:
            return ListenerText()
        variable = self._drafts.variable_of(key, "LITELLM_MASTER_KEY", "master_key")
        self._drafts.variables.setdefault(variable, "operators, at least 32 random characters")
        return ListenerText(operator_keys_env=variable)

    def logs_are_json(self) -> bool:
        node = self._take("litellm_settings", "json_logs")
        return node is not None and node.scalar is True

    def commands(self) -> tuple[str, ...]:
        """Budgets and limits stand with keys here."""
        commands = []
        for key in ("default_key_generate_params", "default_internal_user_params"):
            given = self._take("litellm_settings", key)
            if given is not None:
                commands.append(f"tiercel keys create {' '.join(self._key_options(given, key))}".strip())
        teams = self._take("litellm_settings", "default_team_settings")
        for team in teams.list if teams is not None else ():
            project = team.at("team_alias") or team.at("team_id")
            options = self._key_options(team, "default_team_settings", ignored=("team_id", "team_alias"))
            budget = [option for option in options if option.startswith("--usd")]
            if project is not None and budget:
                commands.append(
                    f"tiercel keys budget --project {quote(model_name(project.text or ''))} {' '.join(budget)}"
                )
        whole = self._take("litellm_settings", "max_budget")
        self._seen.add(("litellm_settings", "budget_duration"))
        if whole is not None and self._root.at("litellm_settings") is not None:
            options = self._key_options(self._root.entries["litellm_settings"], "max_budget", only=True)
            commands.append(f"tiercel keys budget --project everybody {' '.join(options)}")
            self._drafts.note(
                whole, "max_budget of the whole proxy: give all keys one project, and that a budget"
            )
        return tuple(commands)

    def _key_options(
        self, given: Node, place: str, ignored: tuple[str, ...] = (), *, only: bool = False
    ) -> list[str]:
        """The options of `tiercel keys create` that say the same."""
        options = []
        budget, period = given.at("max_budget"), given.at("budget_duration")
        if budget is not None and budget.number is not None:
            options.append(self._budget_option(budget, (period.text if period is not None else None) or ""))
        if only:
            return options
        for key, option in (
            ("rpm_limit", "requests-per-minute"),
            ("tpm_limit", "tokens-per-minute"),
            ("max_parallel_requests", "concurrent"),
        ):
            node = given.at(key)
            if node is not None and node.number is not None:
                options.append(f"--{option} {int(node.number)}")
        models = given.at("models")
        for node in models.list if models is not None else ():
            if model_name(node.text or "") in self._drafts.models:
                options.append(f"--allow {quote(model_name(node.text or ''))}")
        duration = given.at("duration")
        if duration is not None and duration.text:
            options.append(f"--expires {quote(duration.text)}")
        taken = {
            "max_budget", "budget_duration", "rpm_limit", "tpm_limit", "max_parallel_requests", "models", "duration",
        }  # fmt: skip
        for key, node in given.entries.items():
            if key not in taken and key not in ignored:
                self._drafts.note(node, f"{place}.{key} has no counterpart")
        return options

    def _budget_option(self, budget: Node, period: str) -> str:
        """Budgets are of a day or a month here; a longer or shorter one is told."""
        days = _days(period)
        if days is not None and days <= 1:
            option = "usd-per-day"
        else:
            option = "usd-per-month"
        if days not in (1, 30):
            self._drafts.note(
                budget,
                f"max_budget for {period or 'ever'}: budgets are of a day or a month here; look at --{option}",
            )
        return f"--{option} {budget.number:g}"

    def leave_the_rest(self) -> None:
        """Everything that nobody looked at."""
        for section, node in self._root.entries.items():
            if section not in SECTIONS:
                self._drafts.note(node, f"{section} has no counterpart")
            elif section == "environment_variables":
                for variable, value in node.entries.items():
                    self._drafts.note(value, f"set {variable} in the environment; nothing of it was copied")
            elif section != "model_list":
                for key, value in node.entries.items():
                    if (section, key) not in self._seen and key not in ALWAYS_SO and not value.is_empty:
                        self._drafts.note(value, f"{section}.{key} {_hint(key)}")


HINTS = {
    "callbacks": "has no counterpart; Prometheus finds /metrics, OpenTelemetry is [telemetry] in tiercel.toml",
    "success_callback": "has no counterpart; Prometheus finds /metrics, OpenTelemetry is [telemetry] in tiercel.toml",
    "failure_callback": "has no counterpart; Prometheus finds /metrics, OpenTelemetry is [telemetry] in tiercel.toml",
    "cache": "has no counterpart; answers are not cached",
    "cache_params": "has no counterpart; answers are not cached",
    "database_url": "is not carried over: records need no database; keys are made with tiercel keys create",
    "allowed_fails": "has no counterpart; five failures in a row let a deployment rest",
    "cooldown_time": "has no counterpart; five failures in a row let a deployment rest",
    "content_policy_fallbacks": 'has no counterpart for each model; [defaults] on_refusal = "escalate" is for all',
    "max_parallel_requests": "has no counterpart for the whole; keys have --concurrent, [listener] max_in_flight",
    "global_max_parallel_requests": "has no counterpart under this name; see [listener] max_in_flight",
}


def _hint(key: str) -> str:
    return HINTS.get(key, "has no counterpart")


def _days(period: str) -> float | None:
    """`30d` as days; `None` for what is no period."""
    for unit in sorted(DAY_SECONDS, key=len, reverse=True):
        number = period.removesuffix(unit)
        if number != period and number.isdigit():
            return int(number) * DAY_SECONDS[unit] / DAY_SECONDS["d"]
    return None
