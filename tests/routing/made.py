"""Small catalogs, policies, requests and facts for the tests of routing."""

from typing import Any

import msgspec

from tiercel.domain.catalog import Capabilities, Catalog, Deployment, Model, Prices, Provider
from tiercel.domain.facts import Facts
from tiercel.domain.policy import Gate, Policy, Rule, Tier, When
from tiercel.domain.request import Message, ModelRequest, Text
from tiercel.domain.tokens import TokenEstimate

DOLLAR = 1_000_000_000
CLOUD = Provider(
    name="cloud", format="openai_chat", base_url="https://cloud.example/v1", residency=("us", "eu")
)
HOUSE = Provider(
    name="house", format="openai_chat", base_url="http://127.0.0.1:8000/v1", residency=("local",)
)


def model(
    name: str = "m", *, dollars: float | None = 1.0, speed: float | None = None, **capabilities: Any
) -> Model:
    """A model with one price for input and output, in dollars per million tokens."""
    price = None if dollars is None else int(dollars * DOLLAR)
    return Model(
        name=name,
        capabilities=Capabilities(**capabilities),
        prices=Prices(input=price, output=price),
        tokens_per_second=speed,
    )


def deployment(
    made: Model, provider: Provider = CLOUD, *, name: str | None = None, **other: Any
) -> Deployment:
    """A deployment called like its model unless it is given a name."""
    return Deployment(name=name or made.name, model=made, provider=provider, upstream_name=made.name, **other)


def catalog(*deployments: Deployment) -> Catalog:
    """These deployments, their models and providers."""
    return Catalog(
        providers={d.provider.name: d.provider for d in deployments},
        models={d.model.name: d.model for d in deployments},
        deployments={d.name: d for d in deployments},
    )


def request(text: str = "Hello", **fields: Any) -> ModelRequest:
    """One user message; the model is `auto` unless said otherwise."""
    fields.setdefault("model", "auto")
    return ModelRequest(
        format="openai_chat", messages=(Message(role="user", parts=(Text(text=text),)),), **fields
    )


def facts(tokens: int = 100, **fields: Any) -> Facts:
    """Facts of a request of this size."""
    return Facts(size=TokenEstimate(tokens), **fields)


SMALL = deployment(model("small", dollars=0.2, window=32_000))
QUICK = deployment(
    model("quick", dollars=1.0, window=1_000_000, modalities=("text", "image", "video"), speed=200.0)
)
SOLID = deployment(model("solid", dollars=3.0, window=200_000, modalities=("text", "image"), choices=True))
GREAT = deployment(
    model("great", dollars=15.0, window=200_000, efforts=("low", "medium", "high"), default_effort="medium")
)
OWN = deployment(model("own", dollars=0.0, window=16_000, tools=False), HOUSE)
FIVE = catalog(SMALL, QUICK, SOLID, GREAT, OWN)

POLICY = Policy(
    tiers={
        "fast": Tier(name="fast", members=("quick", "small", "own"), first_token_seconds=30.0),
        "balanced": Tier(name="balanced", members=("solid",)),
        "deep": Tier(name="deep", members=("great@low", "great@high")),
    },
    rules=(
        Rule(name="risky", when=When(risk=("high",)), ladder=("deep",), why="a wrong answer is dear"),
        Rule(name="hard", when=When(task=("coding",), complexity=("hard",)), ladder=("balanced", "deep")),
        Rule(
            name="json",
            when=When(strict_json=True),
            ladder=("fast", "balanced"),
            gates=(Gate(check="table"),),
        ),
        Rule(name="rest", ladder=("fast", "balanced")),
    ),
    gates=(
        Gate(check="finished", needs_whole=False),
        Gate(check="json_schema", re_ask=1, applies="json"),
    ),
    aliases={"gpt-4o": "auto", "cheap": "fast", "best": "deepest", "deepest": "great@high"},
    hash="abc",
)


def policy(**changes: Any) -> Policy:
    """The usual policy with changes."""
    return msgspec.structs.replace(POLICY, **changes)
