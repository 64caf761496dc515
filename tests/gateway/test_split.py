"""Splits, seen from clients: one well-formed answer whichever arm gives it, the same arm for all of a session, and a
record that tells which one it was and how probable that was."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.faults.clients import CLIENTS, ClientName, sdks
from tests.gateway.house import USER, House, house, two_tiers
from tests.gateway.keyed import ask, issue
from tiercel.domain.catalog import Catalog
from tiercel.domain.climb import Plan
from tiercel.domain.facts import Facts
from tiercel.domain.keys import AccessKey
from tiercel.domain.policy import Arm, Limits, Policy, Rule, Split, SplitBy, Tier
from tiercel.domain.request import ModelRequest
from tiercel.measure.retelling import retell
from tiercel.routing.explain import explain
from tiercel.routing.plan import make_plan
from tiercel.routing.split import Draw, with_arm
from tiercel.testing.scripted import Called, Fails, Says, ScriptedProvider

SESSIONS = [f"session-{number}" for number in range(12)]
WEATHER: Any = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


def policy(by: SplitBy = "session", a_share: float = 0.5) -> Policy:
    """`cheap` or `other` first, then `dear`."""
    arms = (Arm(name="a", use="cheap", share=a_share), Arm(name="b", use="other", share=1 - a_share))
    tiers = {
        "fast": Tier(name="fast", members=("cheap",)),
        "balanced": Tier(name="balanced", members=("dear",)),
    }
    split = Split(name="trial", arms=arms, by=by)
    return two_tiers(
        limits=Limits(retries=0),
        tiers=tiers,
        rules=(Rule(name="any", ladder=("fast", "balanced"), split=split),),
    )


class Trial:
    """Three providers that say who they are, and a gateway whose one rule has a split."""

    def __init__(self, here: House, cheap: ScriptedProvider, other: ScriptedProvider) -> None:
        self.here = here
        self.cheap = cheap
        self.other = other

    async def arms(self, **headers: str) -> tuple[str | None, float | None]:
        raw = await self.here.client.chat.completions.with_raw_response.create(
            model="auto", messages=USER, extra_headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
        record = self.here.record(raw.headers["x-tiercel-record"])
        return record.arm, record.propensity


@asynccontextmanager
async def trial(folder: Path, use: Policy) -> AsyncIterator[Trial]:
    async with ScriptedProvider() as cheap, ScriptedProvider() as other, ScriptedProvider() as dear:
        for name, provider in (("cheap", cheap), ("other", other), ("dear", dear)):
            provider.default = Says(text=f"I am {name}.")
        deployments = (cheap.deployment("cheap"), other.deployment("other"), dear.deployment("dear"))
        async with house(folder, *deployments, policy=use) as here:
            yield Trial(here, cheap, other)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("client", CLIENTS)
async def test_every_client_gets_one_answer_of_the_arm_that_its_record_names(
    client: ClientName, stream: bool, tmp_path: Path
) -> None:
    async with trial(tmp_path, policy("request")) as made, sdks(made.here.url) as to:
        seen_arms = set()
        for _ in range(40):
            seen = await to.ask(client, "auto", stream=stream)
            record = made.here.record(seen.headers["x-tiercel-record"])
            assert (seen.error, seen.text) == (
                None,
                {"a": "I am cheap.", "b": "I am other."}[record.arm or ""],
            )
            assert (record.split, record.propensity, record.arms_out) == ("trial", 0.5, ())
            assert f"rule any, arm {record.arm} (50 %)" in seen.headers["x-tiercel-why"]
            seen_arms.add(record.arm)
            if len(seen_arms) == 2:
                break
        # chance alone fails this once in 2^39 runs
        assert seen_arms == {"a", "b"}


async def test_a_session_keeps_its_arm_through_a_restart(tmp_path: Path) -> None:
    drawn: list[dict[str, str | None]] = []
    for folder in ("one", "two"):
        async with trial(tmp_path / folder, policy()) as made:
            first = {name: (await made.arms(x_tiercel_session=name))[0] for name in SESSIONS}
            again = {name: (await made.arms(x_tiercel_session=name))[0] for name in SESSIONS}
            assert first == again
            drawn.append(first)
    assert drawn[0] == drawn[1]
    assert set(drawn[0].values()) == {"a", "b"}


async def test_the_same_session_id_of_two_keys_is_two_sessions(tmp_path: Path) -> None:
    """Each draws for itself: over a dozen ids the two keys do not get the same arms, and no record has the same
    unit."""
    keys = [issue(tmp_path, AccessKey(project=project)) for project in ("one", "two")]
    async with trial(tmp_path, policy()) as made:
        found = []
        for key in keys:
            own = []
            for session in SESSIONS:
                answer = await ask(made.here, key, metadata={"tiercel.session": session})
                record = made.here.record(answer.headers["x-tiercel-record"])
                own.append((record.arm, record.split_unit))
            found.append(own)
    first, second = found
    assert [arm for arm, _ in first] != [arm for arm, _ in second]
    assert not {unit for _, unit in first} & {unit for _, unit in second}


async def test_the_user_that_a_request_names_keeps_an_arm(tmp_path: Path) -> None:
    async with trial(tmp_path, policy("user")) as made:
        arms: dict[str, set[str | None]] = {}
        for user in ("ann", "bob", "eve", "dan", "joe", "sue", "tim", "zoe"):
            for _ in range(3):
                raw = await made.here.client.chat.completions.with_raw_response.create(
                    model="auto", messages=USER, user=user
                )
                record = made.here.record(raw.headers["x-tiercel-record"])
                arms.setdefault(user, set()).add(record.arm)
                assert record.split_unit is not None
    assert all(len(own) == 1 for own in arms.values())
    assert set().union(*arms.values()) == {"a", "b"}


async def test_an_arm_that_rests_leaves_its_sessions_to_the_other_and_the_record_says_so(
    tmp_path: Path,
) -> None:
    """Its own failures fall back along the ladder, as ever, until its breaker opens; then nobody is given it."""
    async with trial(tmp_path, policy()) as made:
        given = {(await made.arms(x_tiercel_session=name))[0]: name for name in SESSIONS}
        session, record = given["a"], None
        made.cheap.default = Fails(status=503)
        for _ in range(30):
            raw = await made.here.client.chat.completions.with_raw_response.create(
                model="auto", messages=USER, extra_headers={"x-tiercel-session": session}
            )
            record = made.here.record(raw.headers["x-tiercel-record"])
            if record.arm == "b":
                break
            assert raw.parse().choices[0].message.content == "I am dear."
    assert record is not None
    assert (record.arm, record.propensity, record.arms_out) == ("b", 1.0, ("a",))
    assert "a out (failed too often a moment ago)" in record.why
    assert "trial: arm b, probability 1" in retell(record, "now")


async def test_a_failed_arm_falls_back_to_the_rest_of_the_ladder_and_stays_the_arm(tmp_path: Path) -> None:
    """What an arm's failures cost is its own: nobody is moved to the other arm because of one."""
    async with trial(tmp_path, policy(a_share=1.0)) as made:
        made.cheap.default = Fails(status=503)
        raw = await made.here.client.chat.completions.with_raw_response.create(model="auto", messages=USER)
        record = made.here.record(raw.headers["x-tiercel-record"])
    assert [attempt.why for attempt in record.attempts] == ["first", "fallback"]
    assert [attempt.deployment for attempt in record.attempts] == ["cheap", "dear"]
    assert (record.arm, record.propensity, record.arms_out) == ("a", 1.0, ())


async def test_a_key_that_may_not_use_an_arm_is_never_given_it(tmp_path: Path) -> None:
    key = issue(tmp_path, AccessKey(allowed=("other", "dear")))
    async with trial(tmp_path, policy()) as made:
        for session in SESSIONS:
            answer = await ask(made.here, key, metadata={"tiercel.session": session})
            record = made.here.record(answer.headers["x-tiercel-record"])
            assert (record.arm, record.propensity, record.arms_out) == ("b", 1.0, ("a",))


async def test_in_an_unfinished_tool_loop_the_same_model_is_kept(tmp_path: Path) -> None:
    """Also where nothing tells the session, so that each request would draw for itself."""
    calls = Says(
        calls=(Called(name="weather", arguments='{"city": "Bern"}', id="call_abc"),), finish="tool_calls"
    )
    async with trial(tmp_path, policy("request")) as made:
        made.cheap.default = made.other.default = calls
        asked: Any = [{"role": "user", "content": "What is the weather in Bern?"}]
        first = await made.here.client.chat.completions.create(model="auto", messages=asked, tools=[WEATHER])
        made.cheap.default, made.other.default = Says(text="I am cheap."), Says(text="I am other.")
        message: Any = first.choices[0].message.model_dump(exclude_none=True)
        result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "sunny"}
        conversation: Any = [*asked, message, result]
        for _ in range(12):
            raw = await made.here.client.chat.completions.with_raw_response.create(
                model="auto", messages=conversation, tools=[WEATHER]
            )
            record = made.here.record(raw.headers["x-tiercel-record"])
            assert raw.headers["x-tiercel-model"] == first.model
            assert (record.arm, record.propensity) == ({"cheap": "a", "other": "b"}[first.model], 0.5)


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_stream_whose_arm_fails_is_taken_over_unseen(client: ClientName, tmp_path: Path) -> None:
    """As without a split: the client sees one well-formed stream, and the arm stays the one that was drawn."""
    async with trial(tmp_path, policy(a_share=1.0)) as made, sdks(made.here.url) as to:
        made.cheap.default = Fails(status=503)
        seen = await to.ask(client, "auto", stream=True)
        record = made.here.record(seen.headers["x-tiercel-record"])
    assert (seen.error, seen.text, record.arm) == (None, "I am dear.", "a")


async def test_explain_names_the_arm_that_a_session_is_given(tmp_path: Path) -> None:
    """The same pure functions, in another process and without a server: what they say is what happens."""
    use = policy()
    async with trial(tmp_path, use) as made:
        given = {name: (await made.arms(x_tiercel_session=name))[0] for name in SESSIONS}
        catalog = made.here.gateway.runtime.state.settings.catalog
    request = ModelRequest(format="openai_chat", model="auto", messages=())
    for name, arm in given.items():
        facts = Facts(session=name)
        planned = partial(planned_along, request, facts, use, catalog)
        told = explain(with_arm(make_plan(request, facts, use, catalog), Draw(), planned))
        assert told.split[0] == f"trial: arm {arm}, kept by this session"


def planned_along(
    request: ModelRequest, facts: Facts, use: Policy, catalog: Catalog, along: tuple[str, ...]
) -> Plan:
    return make_plan(request, facts, use, catalog, along=along)


@pytest.mark.parametrize(("model", "is_in"), [("auto:any", True), ("fast", False), ("cheap", False)])
async def test_only_requests_that_leave_the_choice_to_the_rule_are_in_its_split(
    model: str, is_in: bool, tmp_path: Path
) -> None:
    async with trial(tmp_path, policy()) as made:
        raw = await made.here.client.chat.completions.with_raw_response.create(model=model, messages=USER)
        record = made.here.record(raw.headers["x-tiercel-record"])
    assert (record.split is not None) is is_in


async def test_tokens_can_be_counted_under_a_split(tmp_path: Path) -> None:
    async with trial(tmp_path, policy()) as made, sdks(made.here.url) as to:
        counted = await to.anthropic.messages.count_tokens(model="auto", messages=USER)
        assert counted.input_tokens > 0
