"""The five tasks: each has one right answer; the gates take it in the forms models give it and refuse near misses."""

from decimal import Decimal
from itertools import permutations

import msgspec
import pytest

from tests.evals.build import said
from tiercel.checks.registry import Registry
from tiercel.evals.judge import judge, prove
from tiercel.evals.suite import Suite, Task, load_suite


@pytest.fixture(scope="module")
def suite(registry: Registry) -> Suite:
    return load_suite(None, registry.resolve)


def task(suite: Suite, name: str) -> Task:
    return next(task for task in suite.tasks if task.name == name)


def test_there_are_five_asked_at_temperature_zero_with_2048_tokens(suite: Suite) -> None:
    bodies = [msgspec.json.decode(task.body("m")) for task in suite.tasks]
    assert [(body["temperature"], body["max_tokens"]) for body in bodies] == [(0, 2048)] * 5


async def test_each_takes_its_own_target_and_refuses_its_own_wrong_answer(
    suite: Suite, registry: Registry
) -> None:
    assert all(task.target and task.wrong for task in suite.tasks)
    await prove(suite, registry)


def test_one_order_alone_meets_all_constraints(suite: Suite) -> None:
    """And it is the target's."""
    jobs = ("audit", "backup", "cleanup", "deploy", "export", "freeze")
    orders = []
    for order in permutations(jobs):
        at = {job: place for place, job in enumerate(order)}
        if (
            at["deploy"] == at["backup"] + 1
            and at["audit"] not in (0, 5)
            and at["freeze"] < at["backup"]
            and abs(at["audit"] - at["cleanup"]) == 2
            and at["export"] > at["deploy"]
            and at["cleanup"] > at["export"]
        ):
            orders.append(", ".join(order))
    target = task(suite, "constraints").target or ""
    assert [f"Answer: {order}" for order in orders] == [target.strip().splitlines()[-1]]


def test_the_token_cost_is_what_the_prices_say(suite: Suite) -> None:
    call = (800 * Decimal("1.50") + 2_400 * Decimal("0.15") + 650 * Decimal("9.00")) / 1_000_000
    month = (48_000 * Decimal("1.05") * call).quantize(Decimal("0.01"))
    assert task(suite, "token-cost").request.annotations == {"expected": str(month)}


FIXED = '''def rolling_sums(values, size, sums=None):
    """The sum of every `size` neighbouring values, from left to right."""
    if sums is None:
        sums = []
    for start in range(len(values) - size + 1):
        sums.append(sum(values[start : start + size]))
    return sums
'''
RIGHT = [
    ("five-bullets", "* {}"),
    ("five-bullets", "• {}"),
    ("constraints", "Answer: freeze, backup, deploy, audit, export, cleanup"),
    ("constraints", "**Answer:** freeze, backup, deploy, audit, export, cleanup."),
    ("constraints", "So:\n\n**Answer: Freeze, Backup, Deploy, Audit, Export, Cleanup**\n"),
    ("bug-fix", f"Two faults: `sums=[]` is shared.\n\n```python\n{FIXED}```\n\nHope it helps."),
    ("bug-fix", FIXED),
    ("bug-fix", f"```py\n{FIXED.replace('len(values) - size + 1', 'len(values) - (size - 1)')}```"),
    ("bug-fix", f"```python\n{FIXED.replace('len(values) - size + 1', '0, len(values) + 1 - size')}```"),
    (
        "bug-fix",
        "```python\n"
        + FIXED.replace(
            "(values, size, sums=None)", "(values: list[int], size: int, sums: list | None = None)"
        )
        + "```",
    ),
    (
        "bug-fix",
        "```python\n"
        + FIXED.replace("    for start", "    count = len(values)\n    for start").replace(
            "len(values) - size + 1", "count - size + 1"
        )
        + "```",
    ),
    ("token-cost", "Per call $0.00741, so 50,400 x 0.00741 = 373.464.\n\n**Answer: $373.46**"),
    ("token-cost", "Answer: 373.46"),
    (
        "strict-json",
        '{"items":[{"quantity":24,"sku":"BP-77"},{"sku":"WS-4","quantity":3}],"customer":"Northfield Cycles",\n'
        '"rush":false,"discount_percent":null,"deliver_on":"2027-03-09"}\n',
    ),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT, ids=[f"{n}-{i}" for i, (n, _) in enumerate(RIGHT)])
async def test_a_right_answer_passes_in_the_forms_models_give_it(
    suite: Suite, registry: Registry, name: str, answer: str
) -> None:
    asked = task(suite, name)
    if name == "five-bullets":
        lines = (asked.target or "").strip().splitlines()
        answer = "\n\n".join(answer.format(line.removeprefix("- ")) for line in lines)
    judged = await judge(asked, said(answer), registry)
    assert (judged.passed, judged.reason) == (True, "")


LONG = "- INC-2207: " + "word " * 20
WRONG = [
    ("five-bullets", "Summary:\n{}", "length: 1 line beside the bullets"),
    ("five-bullets", "{}\n- And one more.", "length: 6 bullets, asked for 5"),
    ("five-bullets", "long", "length: bullet 1 has 21 words, asked for at most 16"),
    ("five-bullets", "no lock", "contains: lacks 'lock'"),
    (
        "constraints",
        "Answer: freeze, backup, deploy, audit, export, cleanup\nAnswer: backup, deploy, freeze, export, cleanup",
        "regex: the last line is not the one right order",
    ),
    (
        "constraints",
        "freeze, backup, deploy, audit, export, cleanup",
        "regex: the last line is not the one right order",
    ),
    ("bug-fix", FIXED.replace(" + 1", ""), "regex: the last window is still left out"),
    ("bug-fix", FIXED.replace("=None", "=[]"), "regex: the default list is still shared by all calls"),
    ("bug-fix", FIXED.replace("sums=None)", "sums=None"), "python: the code does not parse: "),
    ("bug-fix", FIXED.replace("def rolling_sums", "def sums_of"), "python: the code does not define "),
    ("token-cost", "Answer: 373.464", "number: oracle: wrong number"),
    ("token-cost", "Answer: 355.68", "number: oracle: wrong number"),
    ("strict-json", "```json\n{}\n```", "regex: something stands around the JSON"),
    ("strict-json", "Here you are: {}", "regex: something stands around the JSON"),
    ("strict-json", '{"customer": "Northfield Cycles"}', "json_schema: $: required"),
]


@pytest.mark.parametrize(
    ("name", "answer", "reason"), WRONG, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(WRONG)]
)
async def test_a_near_miss_fails_with_its_reason(
    suite: Suite, registry: Registry, name: str, answer: str, reason: str
) -> None:
    asked = task(suite, name)
    target = (asked.target or "").strip()
    if name == "five-bullets":
        rest = target.partition("\n")[2]
        answer = {"long": f"{LONG}\n{rest}", "no lock": target.replace("lock", "latch")}.get(
            answer, answer.replace("{}", target)
        )
    elif name == "strict-json":
        answer = answer.replace("{}", target)
    judged = await judge(asked, said(answer), registry)
    assert not judged.passed
    assert reason in judged.reason
