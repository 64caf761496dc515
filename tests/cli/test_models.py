"""`tiercel models`: claims with their conflicts and sources, measurements beside them, and what bad input is told."""

import argparse
import io
import json
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from tests.measure.samples import FEEDBACK, TABLE, answered
from tests.policy.build import settings
from tiercel.cli.models import add_parser, render, render_one
from tiercel.domain.catalog import Catalog
from tiercel.domain.claims import Claim
from tiercel.domain.errors import ConfigError
from tiercel.domain.record import Record
from tiercel.domain.settings import Storage
from tiercel.measure.model_words import price_text
from tiercel.measure.models import known_models, measured_by_model
from tiercel.policy.builtin import built_in_models
from tiercel.policy.claims import read_claims, reckoned_by_model, shipped_claims
from tiercel.records.recorder import Recorder

CLAIMS = """
version = 1

[[claims]]
model = "haiku"
source = "https://maker.example/prices"
date = "2026-10-01"
note = "List price."
input_usd_per_million = 1.00
output_usd_per_million = 5.00
window = 200_000
benchmarks = { "SWE-bench Pro" = 39.5 }

[[claims]]
model = "haiku"
source = "a blog"
date = "2026-10-02"
unverified = true
output_usd_per_million = 0.0375
tokens_per_second = 97

[[claims]]
model = "open-one"
source = "its readme"
date = "2026-10-03"
open_weights = true
self_host_gb = 120
modalities = ["text", "image"]
"""

OVERVIEW = """\
Tiercel models: 4, 1 conflict among what is published

What is published; prices per million tokens
model       input     output   window  tok/s  weights  sources
haiku       $1.00    ! $5.00  200,000     97        -        2
                   ! $0.0375
open-one  unknown    unknown        -      -     open        1
gemini    unknown    unknown        -      -        -        0
sonnet    unknown    unknown        -      -        -        0

Published benchmark scores; memory to run it oneself
          Terminal-  SWE-bench   MCP-  Browse-  Claw-       least
model     Bench 2.1        Pro  Atlas     Comp   Eval  memory, GB
haiku             -       39.5      -        -      -           -
open-one          -          -      -        -      -         120
gemini            -          -      -        -      -           -
sonnet            -          -      -        -      -           -

Measured on your traffic
Success and cost
                               per                     format
model   requests  success  success  calls  failed       valid
haiku          1      0 %        -      2     0 %    0 % of 1
gemini         0        -        -      1   100 %           -
sonnet         1    100 %    $0.01      1     0 %  100 % of 1
Speed of delivered answers
           latency  latency       TTFT  TTFT     tok/s
model   n      p50      p95  n     p50   p95  n    p50
haiku   1   2.00 s        -  1  400 ms     -  1    125
gemini  0        -        -  0       -     -  0      -
sonnet  1   3.00 s        -  1  1.20 s     -  1    125

SIMULATED: the lab answered, which says nothing of these models
Success and cost
                              per                     format
model  requests  success  success  calls  failed       valid
haiku         1    100 %   $0.001      1     0 %  100 % of 1
Speed of delivered answers
          latency  latency       TTFT  TTFT     tok/s
model  n      p50      p95  n     p50   p95  n    p50
haiku  1   1.00 s        -  1  200 ms     -  1    125

!: published figures differ; first what Tiercel routes and bills by
-: no claim known. `tiercel models NAME` shows every claim with its source
none can be called here: no provider has a key
"""
RECORDS = (TABLE[2], TABLE[1], msgspec.structs.replace(TABLE[0], simulated=True))


def tidy(page: str) -> str:
    return "\n".join(line.rstrip() for line in page.splitlines()) + "\n"


def overview(
    claims: tuple[Claim, ...], records: tuple[Record, ...] = (), catalog: Catalog | None = None
) -> str:
    out = io.StringIO()
    catalog = catalog or Catalog()
    models = known_models(reckoned_by_model(catalog), claims, measured_by_model(records, FEEDBACK))
    render(models, catalog, Console(file=out, width=80, highlight=False))
    return tidy(out.getvalue())


def page_of(
    name: str, claims: tuple[Claim, ...], records: tuple[Record, ...] = (), catalog: Catalog | None = None
) -> str:
    out = io.StringIO()
    catalog = catalog or Catalog()
    models = known_models(reckoned_by_model(catalog), claims, measured_by_model(records, FEEDBACK))
    (one,) = (model for model in models if model.name == name)
    render_one(one, catalog, Console(file=out, width=80, highlight=False))
    return tidy(out.getvalue())


def own() -> tuple[Claim, ...]:
    return read_claims(CLAIMS, "own.toml")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder: no configuration, no records."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*argv: str) -> int:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    args = parser.parse_args(["models", *argv])
    code: int = args.func(args)
    return code


def test_the_whole_overview() -> None:
    """Claims with their conflicts, real measurements, simulated ones apart, and what the marks mean."""
    assert overview(own(), RECORDS) == OVERVIEW


def test_one_model_shows_who_says_what() -> None:
    """Each value with the numbers of its sources; what only second-hand pages say is marked."""
    page = page_of("haiku", own(), RECORDS)
    assert "output price         ! $5.00         [1]\n                     ! $0.0375       [2]" in page
    assert "$0.0375       [2]           unverified" in page
    assert "[1] https://maker.example/prices\n    2026-10-01. List price.\n" in page
    assert "[2] a blog\n    2026-10-02, unverified\n" in page
    assert "BrowseComp           no claim known\n" in page
    assert "cache write price    unknown\n" in page


def test_a_measured_speed_stands_right_below_the_claimed_one() -> None:
    """With its n, and simulated answers marked."""
    lines = page_of("haiku", own(), RECORDS).splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("tokens per second"))
    assert [" ".join(line.split()) for line in lines[at : at + 3]] == [
        "tokens per second 97 [2] unverified",
        "125 your traffic measured, p50 of n 1",
        "125 SIMULATED measured, p50 of n 1",
    ]


def test_without_records_it_says_what_to_do() -> None:
    assert "Measured on your traffic: nothing yet.\nNext: send requests to `tiercel serve`" in overview(own())


def test_a_model_without_a_price_shows_unknown() -> None:
    """Ours that nobody publishes a price of, as any other; never $0."""
    catalog = settings("").catalog
    row = next(
        line
        for line in overview(shipped_claims(), (), catalog).splitlines()
        if line.startswith("gemini-3.5-pro")
    )
    assert row.split()[1:3] == ["unknown", "unknown"]


def test_a_price_of_zero_is_not_unknown() -> None:
    free = Claim(model="m", field="input", value=0, source="s", date="2026-10-01")
    assert "input price          $0.00" in page_of("m", (free,))


@pytest.mark.parametrize("records", [(), RECORDS], ids=["without records", "with records"])
def test_the_shipped_claims_fit_80_columns(records: tuple[Record, ...]) -> None:
    """Addresses may be longer: they are never broken, so that they can be clicked and copied."""
    catalog = settings("[providers.openrouter]\n").catalog
    pages = [overview(shipped_claims(), records, catalog)]
    pages += [page_of(name, shipped_claims(), records, catalog) for name in built_in_models()]
    long = [line for page in pages for line in page.splitlines() if len(line) > 80]
    assert [line for line in long if "https://" not in line] == []


DIFFERENCES = {
    ("gemini-3.5-flash", "input"),
    ("gemini-3.5-flash", "output"),
    ("gemini-3.5-flash", "cached_input"),
    ("gemini-3.5-flash", "window"),
    ("gemini-3.5-flash", "tokens_per_second"),
    ("gemini-3.5-flash", "modalities"),
    ("step-3.7-flash", "output"),
    ("step-3.7-flash", "modalities"),
    ("claude-haiku-4-5", "tokens_per_second"),
    ("claude-opus-4-8", "window"),
    *((f"gpt-5.6-{size}", field) for size in ("luna", "terra", "sol") for field in ("input", "output")),
}
"""Where published claims differ from what Tiercel routes and bills by. Each is shown as a conflict."""


def test_the_claims_contradict_our_own_data_only_where_it_shows() -> None:
    """Every difference between claims.toml and models.toml or prices.json is a conflict, and these are all of them."""
    found = {
        (one.name, fact.field)
        for one in known_models(reckoned_by_model(settings("").catalog), shipped_claims(), {})
        for fact in one.facts
        if fact.stated and fact.stated[0].reckoned and fact.conflict
    }
    assert found == DIFFERENCES


def test_the_figures_of_gemini_flash_and_step_flash_show_both(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    assert run() == 0
    page = capsys.readouterr().out
    gemini = page[page.index("gemini-3.5-flash") : page.index("step-3.7-flash")]
    step = page[page.index("step-3.7-flash") : page.index("claude-haiku-4-5")]
    assert [
        m for m in ("! $1.50", "! $0.15", "! $9.00", "! $0.60", "! 200", "! 289") if m not in gemini
    ] == []
    assert [m for m in ("! $1.15", "! $0.80") if m not in step] == []


def test_a_file_of_claims_adds_to_those_that_are_known(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    (here / "own.toml").write_text(
        'version = 1\n[[claims]]\nmodel = "step-3.7-flash"\nsource = "our contract"\ndate = "2026-11-01"\n'
        "output_usd_per_million = 0.99\n"
    )
    assert run("step-3.7-flash", "--claims", "own.toml") == 0
    page = capsys.readouterr().out
    assert [price for price in ("! $1.15", "! $0.80", "! $0.99") if price not in page] == []
    assert "our contract" in page


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("gemini-3.5-flsh",), "gemini-3.5-flsh: no such model; did you mean 'gemini-3.5-flash'"),
        (("nobody",), "nobody: no such model; `tiercel models` lists those that are known"),
        (("--claims", "nothing.toml"), "nothing.toml: no such file; name a file of claims"),
        (("--claims", "."), "is a folder; name the file in it"),
        (("--claims", "bad.toml"), "bad.toml: line 2, column 1: not valid TOML"),
        (("--data", "nowhere"), "nowhere: nothing was recorded here yet"),
    ],
)
def test_bad_input_is_told_with_its_fix(argv: tuple[str, ...], message: str, here: Path) -> None:
    (here / "bad.toml").write_text("version = 1\n= 3")
    with pytest.raises(ConfigError) as caught:
        run(*argv)
    assert message in str(caught.value)


def test_json_has_every_claim_and_measurement_in_dollars(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    recorder = Recorder.open(Storage(folder=str(here / "data")))
    real = msgspec.structs.replace(TABLE[0], attempts=(answered(1, model="step-3.7-flash"),), simulated=False)
    recorder.finished(real)
    recorder.close()
    assert run("step-3.7-flash", "--json", "--data", "data") == 0
    (one,) = json.loads(capsys.readouterr().out)
    output = one["claims"]["output_usd_per_million"]
    assert output["conflict"]
    assert [(v["value"], v["reckoned_with"]) for v in output["values"]] == [("1.15", True), ("0.8", False)]
    assert all(claim["source"] and claim["date"] for value in output["values"] for claim in value["claims"])
    assert one["claims"]["max_output"] == {"conflict": False, "values": []}
    assert one["measured"]["real"]["cost"]["per_success_usd"] == "0.001"
    assert one["measured"]["simulated"] is None


def test_control_characters_of_a_claims_file_stay_out_of_the_terminal() -> None:
    hostile = Claim(
        model="m", field="licence", value="\x1b[2J", source="\x1b]0;x", date="2026-10-01", note="\x07"
    )
    page = page_of("m", (hostile,))
    assert [c for c in page if not c.isprintable() and c != "\n"] == []


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "$0.00"),
        (37_500_000, "$0.0375"),
        (800_000_000, "$0.80"),
        (1_150_000_000, "$1.15"),
        (25_000_000_000, "$25.00"),
        (1_234_000_000_000, "$1,234.00"),
    ],
)
def test_prices_keep_their_digits(nano: int, text: str) -> None:
    assert price_text(nano) == text
