"""Answers measured by what they mean: through a whole gateway, from an embedding model that is paid like a judge."""

from pathlib import Path
from typing import Any

import pytest

from tests.evals.running.build import bench, evaluation, items
from tests.evals.running.speaking import Speaking
from tests.evals.scorers.build import answer, call
from tiercel.checks.registry import Registry
from tiercel.domain.catalog import Catalog, Deployment, Model, Provider
from tiercel.domain.policy import Policy, Tier
from tiercel.evals.evaluation import Expectation, Item
from tiercel.evals.files.surroundings import Addresses
from tiercel.evals.judging.similar import Similar
from tiercel.evals.results import Result
from tiercel.evals.running.run import Ended
from tiercel.evals.scorers.scorer import ScorerError
from tiercel.testing.delivery import Delivery
from tiercel.testing.lab.embeddings import embedded
from tiercel.testing.loopback import SeenRequest

JSON = (("content-type", "application/json"),)
SAID = "the meeting is moved to friday"


class Placing(Speaking):
    """Says always the same, and embeds by the words of a text; first it fails so many times."""

    def __init__(self, failing: int = 0, status: int = 503) -> None:
        super().__init__(lambda model, shown: SAID)
        self.embedded: list[SeenRequest] = []
        self._failing = failing
        self._status = status

    async def _handle(self, seen: SeenRequest) -> Delivery | bytes:
        if not seen.path.endswith("/embeddings"):
            return await super()._handle(seen)
        self.embedded.append(seen)
        if len(self.embedded) <= self._failing:
            return Delivery(status=self._status, headers=JSON, pieces=(b'{"error": {"message": "no"}}',))
        body = embedded(self.format, seen.json["model"], seen.json)
        return Delivery(headers=JSON, pieces=(body,))


async def placed(
    folder: Path, registry: Registry, asked: tuple[Item, ...], provider: Placing, **run: Any
) -> tuple[Ended, list[Result]]:
    async with bench(folder, provider, registry, "scripted", "vectors") as b:
        return await b.ran(evaluation(asked, **run))


def similar(value: Any, **known: Any) -> Expectation:
    return Expectation(scorer="similar", value=value, options={"model": "vectors"}, **known)


@pytest.mark.parametrize(
    ("expectation", "passes"),
    [
        (similar("the meeting is moved to friday"), True),
        (similar("friday is the meeting moved to"), True),
        (similar("apples and pears"), False),
        (similar("apples and pears", negated=True), True),
        (similar(["apples and pears", "the meeting is moved to monday"]), True),
        (similar("the meeting is moved to monday", threshold=0.95), False),
        (similar(None), False),  # the item's target is "4"
    ],
)
async def test_an_answer_passes_from_its_nearness_on(
    expectation: Expectation, passes: bool, tmp_path: Path, registry: Registry
) -> None:
    provider = Placing()
    _, (row,) = await placed(tmp_path, registry, items(1, expectation), provider)
    assert (row.state == "passed") is passes
    assert row.scores[0].reason.endswith("by vectors")
    assert len(provider.embedded) == 1


async def test_embedding_is_paid_for_like_a_judge(tmp_path: Path, registry: Registry) -> None:
    ended, (row,) = await placed(tmp_path, registry, items(1, similar(SAID)), Placing())
    (score,) = row.scores
    assert score.value == pytest.approx(1.0)
    assert score.calls == 1
    assert score.cost_nano > 0
    assert ended.progress.spent_nano == (row.cost_nano or 0) + score.cost_nano


async def test_accidents_are_asked_again(tmp_path: Path, registry: Registry) -> None:
    provider = Placing(failing=1)
    _, (row,) = await placed(tmp_path, registry, items(1, similar(SAID)), provider)
    assert (row.state, row.scores[0].calls, len(provider.embedded)) == ("passed", 2, 2)


async def test_what_cannot_be_embedded_is_not_measured(tmp_path: Path, registry: Registry) -> None:
    """Never the candidate's fault."""
    provider = Placing(failing=9, status=400)
    _, (row,) = await placed(tmp_path, registry, items(1, similar(SAID)), provider)
    assert (row.state, row.kind, len(provider.embedded)) == ("error", "scorer", 1)
    assert "similar: embedding by vectors: the provider says" in row.reason


async def test_a_used_up_budget_embeds_no_more(tmp_path: Path, registry: Registry) -> None:
    """Nor are more answers asked for, which could not be measured."""
    _, (row,) = await placed(tmp_path, registry, items(1, similar(SAID)), Placing())
    of = items(6, similar(SAID))
    ended, found = await placed(
        tmp_path, registry, of, Placing(), budget_nano=3 * (row.cost_nano or 0), concurrency=1
    )
    assert ended.stopped == "budget"
    assert len(found) < len(of)


async def test_no_text_is_near_to_nothing(registry: Registry) -> None:
    """Without asking anybody."""
    for silent in (answer("", similar(SAID)), answer("Moved.", similar(SAID), calls=(call("move"),))):
        found = await Similar().score(silent, similar(SAID))
        assert (found.met, found.calls) == (False, 0)
        assert found.reason.startswith("no text to read: ")


async def test_without_anything_to_compare_with_nothing_is_measured() -> None:
    with pytest.raises(ScorerError, match="nothing to compare with"):
        await Similar().score(answer("a", similar(None)), similar(None))


PROVIDERS = {
    "one": Provider(name="one", format="openai_chat", base_url="http://127.0.0.1:1"),
    "two": Provider(name="two", format="anthropic", base_url="http://127.0.0.1:1"),
}
DEPLOYMENTS = {
    f"{provider}/{model}": Deployment(
        name=f"{provider}/{model}",
        model=Model(name=model),
        provider=PROVIDERS[provider],
        upstream_name=model,
    )
    for provider, model in (("one", "vectors"), ("two", "talker"))
}
POLICY = Policy(
    tiers={"fast": Tier(name="fast", members=("vectors",))}, rules=(), aliases={"near": "vectors"}
)
ADDRESSES = Addresses(POLICY, Catalog(deployments=DEPLOYMENTS))


@pytest.mark.parametrize(
    ("value", "options", "said"),
    [
        ("a", {}, "nobody is named who embeds: add `model: NAME`"),
        ("a", {"provider": "x"}, "no option 'provider'; it takes model"),
        (" ", {"model": "vectors"}, "value is empty"),
        ([], {"model": "vectors"}, "give a list of texts"),
        ("a", {"model": "vectros"}, "did you mean 'vectors'"),
        ("a", {"model": "fast"}, "'fast' is no single model without an effort"),
        ("a", {"model": "talker"}, "'talker': its provider's API has no embeddings"),
    ],
)
def test_what_cannot_be_embedded_is_told_beforehand(value: Any, options: dict[str, Any], said: str) -> None:
    found = Similar(find_fault=ADDRESSES.embedding_fault).problems(
        Expectation(scorer="similar", value=value, options=options)
    )
    assert said in found[0]


@pytest.mark.parametrize("name", ["vectors", "one/vectors", "near"])
def test_a_model_that_may_embed_is_taken_by_each_of_its_names(name: str) -> None:
    assert ADDRESSES.embedding_fault(name) is None
