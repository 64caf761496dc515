"""`agreement` by what answers mean, where somebody embeds them; and long answers keep nobody else waiting."""

import asyncio
import time
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.checks.build import Nobody, choice, saying
from tiercel.checks.agreement import Agreement
from tiercel.checks.check import Embedded, Opinion, Subject
from tiercel.checks.comparing.meaning import Meaning, cosine
from tiercel.domain.catalog import Model
from tiercel.domain.embedding import Vector
from tiercel.domain.errors import CheckError
from tiercel.domain.json import JsonObject

MODEL = Model(name="vectors")
A = "You can return the cup within a month if you keep the receipt, and we will send you the money."
B = "Returns are fine for some weeks after buying: bring the bill along and you get back what you paid."
C = "The cup is made of thick clay, fired twice in our own kiln, and it may be washed by a machine."


class Table(Nobody):
    """Embeds from a table; what is not in it cannot be embedded."""

    def __init__(self, vectors: Mapping[str, Vector], cut: int = 0) -> None:
        self.vectors = vectors
        self.cut = cut
        self.asked: list[tuple[str, ...]] = []

    async def embed(self, texts: Sequence[str], /) -> Embedded:
        self.asked.append(tuple(texts))
        try:
            return Embedded(vectors=tuple(self.vectors[text] for text in texts), by=MODEL, cut=self.cut)
        except KeyError:
            raise CheckError("not in the table") from None


def subject(answer: str, *opinions: str) -> Subject:
    said = tuple(
        Opinion(attempt=number, by=Model(name=f"m{number}"), choice=choice(text))
        for number, text in enumerate(opinions, start=2)
    )
    return Subject(request=saying("What about returns?"), choice=choice(answer), opinions=said)


TABLE = {A: (1.0, 0.0), B: (0.9, 0.1), C: (0.0, 1.0)}


@pytest.mark.parametrize(
    ("same_meaning", "score"), [(0.9, 0.5), (0.99, 0.5), (0.999, 0.0)], ids=["above", "near", "below"]
)
async def test_from_the_threshold_on_texts_mean_the_same(same_meaning: float, score: float) -> None:
    """The cosine of A and B is 0.994."""
    options: JsonObject = {"same_meaning": same_meaning}
    assert (await Agreement().measure(subject(A, B, C), options, Table(TABLE))).score == score


async def test_without_a_model_that_embeds_words_are_counted() -> None:
    verdict = await Agreement().measure(subject(A, B), {}, None)
    assert verdict.score == 0.0
    assert verdict.reason == "0 of 1 agree (compared as text)"


@pytest.mark.parametrize(
    ("first", "second", "score"),
    [
        ("It is 12, since 12 is what is left.", "What is left is 12, and that is all.", 1.0),
        ("It is 12, since 13 is what is left.", "What is left is 12, and that is all.", 0.0),
        ("It is not 12 that is left here.", "It is 12 that is left here, all in all.", 0.0),
    ],
    ids=["a number once more", "another number", "a denial"],
)
async def test_near_texts_have_the_same_numbers_and_as_many_denials(
    first: str, second: str, score: float
) -> None:
    table = Table({first: (1.0, 0.0), second: (1.0, 0.0)})
    verdict = await Agreement().measure(subject(first, second), {"kind": "text"}, table)
    assert verdict.score == score


async def test_texts_that_were_cut_are_told() -> None:
    verdict = await Agreement().measure(subject(A, B), {}, Table(TABLE, cut=2))
    assert verdict.reason.endswith("; by meaning (vectors); 2 text(s) cut to what the model takes")


async def test_all_texts_go_in_one_call_and_silence_is_not_embedded() -> None:
    table = Table(TABLE)
    verdict = await Agreement().measure(subject(A, " ", B), {"kind": "text"}, table)
    assert table.asked == [(A, B)]
    assert verdict.score == 0.5


async def test_other_kinds_are_compared_as_ever() -> None:
    table = Table({})
    assert (await Agreement().measure(subject("42", "42.0"), {}, table)).score == 1.0
    assert table.asked == []


async def test_what_cannot_be_embedded_is_an_error() -> None:
    with pytest.raises(CheckError, match="not in the table"):
        await Agreement().measure(
            subject(A, "something else that is said at some length, of no use here"), {}, Table(TABLE)
        )


@pytest.mark.parametrize("options", [{"same_meaning": 0}, {"same_meaning": 1.1}, {"same_text": 0}])
def test_thresholds_that_make_no_sense_are_refused(options: JsonObject) -> None:
    assert len(Agreement().problems(options)) == 1


async def test_long_answers_are_compared_while_others_go_on() -> None:
    """The loop gets its turn between beginning and end, again and again."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    long = " ".join(f"word{number} and so on" for number in range(8_000))
    counting = asyncio.create_task(count())
    verdict = await Agreement().measure(subject(long, f"{long} indeed", long), {"kind": "text"}, None)
    counting.cancel()
    assert verdict.score == 1.0
    assert turns > 2


async def test_a_megabyte_is_compared_in_bounded_time() -> None:
    text = " ".join(map(str, range(200_000)))
    started = time.process_time()
    await Agreement().measure(subject(text, text + "x", text + "y"), {}, Table(TABLE))
    assert time.process_time() - started < 10


VECTORS = st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3)


@given(VECTORS, VECTORS, st.floats(0.001, 1e3))
def test_a_cosine_is_symmetric_bounded_and_knows_no_length(
    a: list[float], b: list[float], factor: float
) -> None:
    found = cosine(a, b)
    assert -1 <= found <= 1
    assert found == pytest.approx(cosine(b, a))
    assert found == pytest.approx(cosine([number * factor for number in a], b), abs=1e-6)


def test_nothing_is_near_what_has_no_length_or_no_vector() -> None:
    meaning = Meaning(vectors={0: (0.0, 0.0), 1: (1.0, 0.0), 2: (-1.0, 0.0)}, same=0.9)
    assert meaning.between(0, 1) == 0.0
    assert meaning.between(1, 2) == 0.0
    assert meaning.between(1, 3) is None
