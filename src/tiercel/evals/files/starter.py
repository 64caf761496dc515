"""What `tiercel eval init` writes: an evaluation that runs at once, to be changed into one's own."""

from collections.abc import Sequence
from importlib.resources import files

import msgspec

from tiercel.domain.catalog import Catalog, Model
from tiercel.domain.errors import ConfigError
from tiercel.evals.suites import ShippedSuite

EVALUATION = """\
# Which model is better on your own prompts, and may the cheap one take over?
#
#   tiercel eval plan FILE      what it will ask, what that costs, what it can find out; asks nobody
#   tiercel eval run FILE       asks, measures, and keeps every answer below runs/
#   tiercel eval report RUN -o report.html
#
# Every key: docs/evals/eval-yaml.md. The words are promptfoo's where it has them.
description: {description}

# Who is compared: a model, a model at an effort, one of the policy's rules with its ladder, or `auto`.
targets:
{targets}
# The others are compared with this one.
baseline: {baseline}

# Each item says what is asked, the right answer, and what its answers are measured by.
tests: {tests}

# What holds for every item. More kinds: contains, regex, is-json, llm-rubric and others.
{default_test}

# A model that judges what no program can, and the people's verdicts that it is measured by. See labels.example.jsonl.
# judges:
#   j1: {{model: {baseline_model}, labels: labels.jsonl}}

analysis:
  primary: pass        # the share of items that pass; or `score`
  margin: 0.03         # a candidate may be worse by three points; fewer need more items, as `plan` says
  slices: [metadata.task]
  # guardrails: {{cost_per_success: "<= 0.5x", p95_e2e: "<= 1.2x"}}

run:
  concurrency: 4
  repeat: 1
  timeout: 120s
  budget_usd: 1.00     # stops there, and keeps what it has
"""

DEFAULT_TEST = """\
# defaultTest:
#   assert:
#     - {type: not-contains, value: "As an AI"}
#     - {type: latency, value: 20s}\
"""
OF_SUITE = """\
defaultTest:
  metadata: {{task: {name}}}
  # assert: [{{type: latency, value: 20s}}]\
"""

LABELS = """\
{"item": "ticket-size", "candidate": "%s", "label": 1, "labeller": "you"}
{"item": "translate-friday", "pair": ["%s", "%s"], "label": "tie", "labeller": "you"}
"""


ONLY_SIMULATED = ("difficulty", "wrong")
"""Metadata that means something to simulated models alone."""


class Starter(msgspec.Struct, frozen=True, kw_only=True):
    """The files' texts, what the items' file is called, and pictures by name. A shipped suite brings no labels."""

    evaluation: str
    items: str
    items_file: str = "items.jsonl"
    pictures: dict[str, bytes] = {}
    labels: str | None = None


def starter(catalog: Catalog, *, simulated: bool = False, suite: ShippedSuite | None = None) -> Starter:
    """A first evaluation of the models that are configured, of this suite or of a dozen small tasks.

    Raises `ConfigError` where there is no model, or none that takes the suite's pictures. For `simulated` models the
    small tasks say how difficult they are and what a wrong answer is.
    """
    models = list(
        {deployment.model.name: deployment.model for deployment in catalog.deployments.values()}.values()
    )
    if not models:
        raise ConfigError(
            "no model can be called: export a provider's key, or see `tiercel init`; --lab needs no key"
        )
    if suite is not None and suite.pictures:
        models = [model for model in models if "image" in model.capabilities.modalities]
        if not models:
            raise ConfigError(
                f"{suite.name}: no configured model takes pictures; give one that does `modalities` in tiercel.toml"
            )
    chosen = _cheapest_and_dearest(models)
    names = [model.name for model in chosen] if len(chosen) > 1 else [chosen[0].name, "auto"]
    listed = "".join(f"  - {_quoted(name)}\n" for name in names)
    baseline = names[-1] if len(chosen) > 1 else names[0]
    other = next(name for name in names if name != baseline)
    said = {"targets": listed, "baseline": _quoted(baseline), "baseline_model": _quoted(chosen[-1].name)}
    if suite is not None:
        evaluation = EVALUATION.format(
            **said,
            description=_quoted(suite.about),
            tests=suite.file,
            default_test=OF_SUITE.format(name=suite.name),
        )
        return Starter(
            evaluation=evaluation, items=suite.items, items_file=suite.file, pictures=suite.pictures
        )
    evaluation = EVALUATION.format(
        **said,
        description="a dozen small tasks, to be replaced by your own",
        tests="items.jsonl",
        default_test=DEFAULT_TEST,
    )
    return Starter(evaluation=evaluation, items=_items(simulated), labels=LABELS % (other, other, baseline))


def _items(simulated: bool) -> str:
    text = files("tiercel.evals").joinpath("data", "starter", "items.jsonl").read_text("utf-8")
    if simulated:
        return text
    rows = [msgspec.json.decode(line) for line in text.splitlines()]
    for row in rows:
        row["metadata"] = {key: value for key, value in row["metadata"].items() if key not in ONLY_SIMULATED}
    return "".join(msgspec.json.encode(row).decode() + "\n" for row in rows)


def _cheapest_and_dearest(models: Sequence[Model]) -> list[Model]:
    """Two models to begin with, by the price of their output; an unknown price is neither low nor high."""
    priced = sorted(
        (model for model in models if model.prices.output is not None),
        key=lambda model: model.prices.output or 0,
    )
    found = priced if len(priced) > 1 else list(models)
    return [found[0], found[-1]] if len(found) > 1 else found


def _quoted(name: str) -> str:
    """As YAML takes any name."""
    return msgspec.json.encode(name).decode()
