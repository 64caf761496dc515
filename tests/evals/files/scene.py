"""A folder with an evaluation in it, and the scorers it is read against."""

from pathlib import Path

from tiercel.domain.json import JsonObject
from tiercel.domain.settings import Settings
from tiercel.evals.evaluation import Evaluation, Expectation
from tiercel.evals.files import Surroundings, load_evaluation
from tiercel.evals.files.surroundings import Addresses
from tiercel.evals.scorers.plain import Plain
from tiercel.evals.scorers.scorer import Answer, Scored, Scorer, ScorerInfo
from tiercel.policy import read_policy, read_settings, shipped_policy_text

NAMES = (
    "equals",
    "contains",
    "contains-any",
    "icontains",
    "icontains-any",
    "starts-with",
    "regex",
    "is-json",
    "choice",
    "latency",
    "llm-rubric",
    "human",
)
SETTINGS = """
version = 1
[providers.openai]
key_env = "OPENAI_API_KEY"
[models."gpt-x"]
served_by = { openai = "gpt-x" }
"""


def never(answer: Answer, expectation: Expectation) -> Scored:
    raise AssertionError("reading files measures nothing")


def wants_value(expectation: Expectation) -> list[str]:
    return [] if expectation.value is not None else ["value is missing: give the text to compare with"]


class FewScorers:
    """Scorers by name: those of `NAMES`; `contains` needs a value, `llm-rubric` a judge."""

    def __init__(self) -> None:
        self._scorers: dict[str, Scorer] = {
            name: Plain(
                info=ScorerInfo(
                    name=name, summary=name, options={"repair": "mends it"}, asks=name == "llm-rubric"
                ),
                measure=never,
                find_problems=wants_value if name == "contains" else lambda _: [],
            )
            for name in NAMES
        }

    @property
    def infos(self) -> tuple[ScorerInfo, ...]:
        return tuple(scorer.info for scorer in self._scorers.values())

    def get(self, expectation: Expectation) -> Scorer | None:
        return self._scorers.get(expectation.scorer)


def settings() -> Settings:
    return read_settings(SETTINGS, "tiercel.toml", {"OPENAI_API_KEY": "sk-for-nobody"})


SURROUNDINGS = Surroundings(scorers=FewScorers())


def configured() -> Surroundings:
    """With the model `gpt-x` of a provider `openai`, and the shipped policy."""
    policy = read_policy(shipped_policy_text(), "policy.toml")
    return Surroundings(scorers=FewScorers(), addresses=Addresses(policy, settings().catalog))


def read(folder: Path, files: dict[str, str], surroundings: Surroundings = SURROUNDINGS) -> Evaluation:
    """The evaluation `eval.yaml` beside these files."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return load_evaluation(folder / "eval.yaml", surroundings)


def evaluation(tests: str = "items.jsonl", more: str = "") -> str:
    """An `eval.yaml` with one candidate, and every item measured by whether it contains its target."""
    expectations = "defaultTest: {assert: [{type: contains, value: '{{target}}'}]}\n"
    return f"targets: [auto]\ntests: {tests}\n{expectations}{more}"


def asked(evaluation: Evaluation) -> list[list[JsonObject]]:
    """The messages of each item."""
    return [item.body["messages"] for item in evaluation.items]
