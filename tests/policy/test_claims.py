"""Claims files: what they hold, and what is said about each mistake in one."""

from pathlib import Path

import pytest

from tests.policy.build import settings
from tiercel.domain.claims import BENCHMARK, FIELDS, Claim, Value, agree
from tiercel.domain.errors import ConfigError
from tiercel.policy.builtin import built_in_models
from tiercel.policy.claims import (
    BUILT_IN_SOURCE,
    OWN_SOURCE,
    PRICE_KEYS,
    ClaimsTable,
    load_claims,
    read_claims,
    reckoned,
    shipped_claims,
)

HEAD = '[[claims]]\nmodel = "m"\nsource = "s"\ndate = "2026-10-01"\n'
ENTRY = HEAD + "window = 1000\n"

BAD = {
    "not TOML": ("claims = [", "own.toml: end of file: not valid TOML: "),
    "no version": ("claims = []", "own.toml: 'version' is missing; write `version = 1` as the first line"),
    "no claims": ("version = 1", "own.toml: 'claims' is missing: What each source says about a model."),
    "unknown key": (
        f"version = 1\n{ENTRY}windows = 3",
        "own.toml: [[claims]] number 1 windows: no such key; did you mean 'window'?",
    ),
    "no source": (
        'version = 1\n[[claims]]\nmodel = "m"\ndate = "2026-10-01"\nwindow = 1',
        "own.toml: [[claims]] number 1: 'source' is missing: The address or name of who says so.",
    ),
    "no date": (
        'version = 1\n[[claims]]\nmodel = "m"\nsource = "s"\nwindow = 1',
        "own.toml: [[claims]] number 1: 'date' is missing: The day it was published",
    ),
    "no such day": (
        f"version = 1\n{ENTRY}{ENTRY.replace('10-01', '10-32')}",
        "own.toml: [[claims]] number 2 date '2026-10-32': the calendar has no such day;",
    ),
    "price as text": (
        f'version = 1\n{HEAD}input_usd_per_million = "$1"',
        "own.toml: [[claims]] number 1 input_usd_per_million: expected a number, not text",
    ),
    "negative price": (
        f"version = 1\n{HEAD}input_usd_per_million = -1",
        "own.toml: [[claims]] number 1 input_usd_per_million: -1 is too small; the least is 0",
    ),
    "modality misspelt": (
        f'version = 1\n{HEAD}modalities = ["txt"]',
        "own.toml: [[claims]] number 1 modalities[0]: 'txt' is not one of",
    ),
    "claims nothing": (
        f"version = 1\n{HEAD}",
        "own.toml: [[claims]] number 1: claims nothing; add a figure, or remove the entry",
    ),
    "assumed and not claimed": (
        f'version = 1\n{ENTRY}assumed = ["windov"]',
        "own.toml: [[claims]] number 1 assumed[0] 'windov': is not claimed here; did you mean 'window'?",
    ),
}


@pytest.mark.parametrize(("text", "said"), BAD.values(), ids=BAD)
def test_a_mistake_is_told_with_file_place_and_fix(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_claims(text, "own.toml")
    assert any(problem.startswith(said) for problem in caught.value.problems), caught.value.problems


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        read_claims(f"version = 1\n{HEAD}window = 0\nlicence = 3\nprices = 1", "own.toml")
    assert len(caught.value.problems) == 3


def test_a_missing_file_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file; name a file of claims"):
        load_claims(tmp_path / "nothing.toml")


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "claims.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8 at byte 0; save it as UTF-8"):
        load_claims(path)


def test_an_entry_becomes_one_claim_for_each_figure() -> None:
    """Prices in nano-dollars; source, date and marks on every claim, `assumed` on those that it names."""
    text = f"""version = 1
{HEAD}unverified = true
assumed = ["window"]
note = "n"
input_usd_per_million = 0.0375
window = 1000
open_weights = false
benchmarks = {{ "SWE-bench Pro" = 56.3 }}
"""
    found = {claim.field: claim for claim in read_claims(text, "own.toml")}
    assert {field: claim.value for field, claim in found.items()} == {
        "input": 37_500_000,
        "window": 1000,
        "open_weights": False,
        f"{BENCHMARK}SWE-bench Pro": 56.3,
    }
    assert found["window"] == Claim(
        model="m",
        field="window",
        value=1000,
        source="s",
        date="2026-10-01",
        assumed=True,
        unverified=True,
        note="n",
    )
    assert not found["input"].assumed


def test_every_field_can_be_claimed() -> None:
    keys = set(ClaimsTable.__struct_fields__)
    assert {PRICE_KEYS.get(field, field) for field in FIELDS} <= keys


def test_every_shipped_claim_has_source_and_date_and_is_of_a_known_model() -> None:
    claims = shipped_claims()
    assert {claim.model for claim in claims} == set(built_in_models())
    assert all(claim.source and claim.date for claim in claims)


@pytest.mark.parametrize(
    ("model", "field", "values"),
    [
        ("gemini-3.5-flash", "input", {150_000_000, 1_500_000_000}),
        ("gemini-3.5-flash", "output", {600_000_000, 9_000_000_000}),
        ("gemini-3.5-flash", "tokens_per_second", {200, 289}),
        ("step-3.7-flash", "output", {800_000_000, 1_150_000_000}),
    ],
)
def test_figures_known_to_contradict_each_other_are_all_there(
    model: str, field: str, values: set[float]
) -> None:
    assert {c.value for c in shipped_claims() if (c.model, c.field) == (model, field)} == values


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (200, 200.0, True),
        (1_000_000, 1_048_576, False),
        (("text", "image"), ("image", "text"), True),
        (("text",), ("text", "image"), False),
        ("apache-2.0", "Apache-2.0", True),
        (True, False, False),
    ],
)
def test_when_two_values_agree(one: Value, other: Value, same: bool) -> None:
    assert agree(one, other) is same


def test_what_tiercel_reckons_with_says_where_it_comes_from() -> None:
    """The price list's price, its own data, and what the operator's file corrects; doubts stay marked."""
    models = settings(
        '[providers.openrouter]\n[models."gemini-3.5-flash"]\nwindow = 5000\n'
        "prices = { input_usd_per_million = 1, output_usd_per_million = 2 }\n"
    ).catalog.models
    corrected, untouched = reckoned(models["gemini-3.5-flash"]), reckoned(models["step-3.7-flash"])
    assert (corrected["window"].value, corrected["window"].source) == (5000, OWN_SOURCE)
    assert (corrected["input"].value, corrected["input"].source) == (1_000_000_000, OWN_SOURCE)
    assert corrected["tokens_per_second"].source == BUILT_IN_SOURCE
    assert corrected["tokens_per_second"].assumed
    assert untouched["output"].source.startswith("genai-prices")
    assert untouched["window"].date == built_in_models()["step-3.7-flash"].checked


def test_an_unknown_price_is_not_reckoned_with() -> None:
    assert "input" not in reckoned(settings("").catalog.models["gemini-3.5-pro"])
