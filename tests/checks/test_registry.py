"""The registry knows our checks and those of installed packages, and says in words what a gate has wrong."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checks.build import PLAIN, response
from tiercel.checks.registry import Registry
from tiercel.checks.run import run_checks
from tiercel.domain.errors import ConfigError
from tiercel.domain.json import JsonObject
from tiercel.domain.policy import Gate

NAMES = ", ".join(info.name for info in Registry.load().infos)

PLUGIN = """
from tiercel.checks.check import CheckInfo
from tiercel.domain.climb import Verdict

class Polite:
    info = CheckInfo(name="polite", summary="says please", options={"word": "the word to find"})
    def problems(self, options):
        return [] if isinstance(options.get("word", ""), str) else ["word is no text: give one"]
    async def measure(self, subject, options, ask):
        found = options.get("word", "please") in subject.choice.text
        return Verdict(check="polite", score=float(found), reason="asked nicely" if found else "rude")

class Touchy(Polite):
    def problems(self, options):
        raise RuntimeError("not today")

class Double(Polite):
    info = CheckInfo(name="finished", summary="already there")

class Silent:
    info = CheckInfo(name="silent", summary="cannot measure")

instance = Polite()
touchy = Touchy()
def make():
    return Polite()
def explode():
    raise OSError("no licence")
number = 3
"""


@pytest.fixture
def plug_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on `sys.path` with a package that can be installed by writing its entry points."""
    (tmp_path / "tiercel_polite.py").write_text(PLUGIN, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("tiercel_polite", None)


def install(folder: Path, *entries: str) -> None:
    """Write the metadata of a package with these entry points."""
    metadata = folder / "tiercel_polite-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: tiercel-polite\nVersion: 1.0\n", "utf-8")
    (metadata / "entry_points.txt").write_text("\n".join(["[tiercel.checks]", *entries]), "utf-8")


@pytest.mark.parametrize(
    "entry",
    ["polite = tiercel_polite:instance", "polite = tiercel_polite:Polite", "polite = tiercel_polite:make"],
    ids=["object", "class", "function"],
)
async def test_a_check_of_an_installed_package_measures(plug_ins: Path, entry: str) -> None:
    install(plug_ins, entry)
    registry = Registry.load()
    gate = registry.resolve(Gate(check="polite"))
    checked = await run_checks([gate], PLAIN, response("please"), registry=registry)
    assert [(verdict.check, verdict.score) for verdict in checked.verdicts] == [("polite", 1.0)]


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (
            "bad = tiercel_nowhere:x",
            "it cannot be imported: ModuleNotFoundError: No module named 'tiercel_nowhere'",
        ),
        ("bad = tiercel_polite:missing", "it cannot be imported: AttributeError"),
        ("bad = tiercel_polite:explode", "it cannot be made: OSError: no licence"),
        ("bad = tiercel_polite:number", "it is neither a check nor a function that makes one"),
        ("bad = tiercel_polite:Silent", "it has no method 'problems'"),
        ("bad = tiercel_polite:Double", "there is already a check 'finished': rename it"),
    ],
)
def test_a_broken_plug_in_is_named_with_its_fault(plug_ins: Path, entry: str, problem: str) -> None:
    install(plug_ins, entry)
    with pytest.raises(ConfigError) as caught:
        Registry.load()
    assert str(caught.value).startswith(f"check plug-in 'bad' ({entry.partition(' = ')[2]}): {problem}")


def test_a_plug_in_that_crashes_over_its_options_is_a_problem_of_the_gate(plug_ins: Path) -> None:
    install(plug_ins, "touchy = tiercel_polite:touchy")
    problems = Registry.load().problems(Gate(check="polite"))
    assert problems == ["gate 'polite': its options could not be examined: RuntimeError: not today"]


@pytest.mark.parametrize(
    ("check", "options", "problem"),
    [
        ("jsn", {}, "gate 'jsn': no such check; did you mean 'json_schema'?"),
        ("regexp", {}, "gate 'regexp': no such check; did you mean 'regex'?"),
        (
            "qqqq",
            {},
            f"gate 'qqqq': no such check; there are {NAMES}",
        ),
        ("regex", {"patern": "a"}, "gate 'regex': no option 'patern'; did you mean 'pattern'?"),
        ("finished", {"x": 1}, "gate 'finished': no option 'x'; it takes none"),
        ("regex", {"pattern": 1}, "gate 'regex': options: Expected `str`, got `int` - at `$.pattern`"),
        (
            "number",
            {"metadata_key": 1},
            "gate 'number': options: Expected `str`, got `int` - at `$.metadata_key`",
        ),
    ],
)
def test_a_gate_that_cannot_be_used_is_explained(check: str, options: JsonObject, problem: str) -> None:
    registry = Registry.load()
    assert registry.problems(Gate(check=check, options=options)) == [problem]
    with pytest.raises(ConfigError) as caught:
        registry.resolve(Gate(check=check, options=options))
    assert str(caught.value) == problem


@pytest.mark.parametrize(
    ("gate", "applies", "needs_whole"),
    [
        (Gate(check="finished"), "always", False),
        (Gate(check="json_schema"), "json", True),
        (Gate(check="json_schema", options={"schema": {"type": "object"}}), "always", True),
        (Gate(check="regex", options={"pattern": "a"}), "always", True),
        (Gate(check="code"), "always", True),
        (Gate(check="code", options={"only_with_tests": True}), "tests", True),
    ],
)
def test_resolving_a_gate_fills_in_what_only_its_check_knows(
    gate: Gate, applies: str, needs_whole: bool
) -> None:
    resolved = Registry.load().resolve(gate)
    assert (resolved.applies, resolved.needs_whole) == (applies, needs_whole)
    assert (resolved.check, resolved.options) == (gate.check, gate.options)


def test_every_check_says_what_it_and_its_options_are_for() -> None:
    for info in Registry.load().infos:
        assert info.summary
        assert all(info.options.values())


def test_the_oracle_is_named_as_one() -> None:
    number = Registry.load().get("number")
    assert number is not None
    assert "ORACLE" in number.info.summary


MEANING: JsonObject = {"to": "request", "measure": "meaning"}


@pytest.mark.parametrize(
    ("gate", "problem"),
    [
        (Gate(check="similarity", options=MEANING), "'embed' is missing: name the model that embeds texts"),
        (Gate(check="similarity", embed="v"), "with these options it has nothing embedded; remove 'embed'"),
        (Gate(check="finished", embed="v"), "with these options it has nothing embedded; remove 'embed'"),
        (Gate(check="finished", ask=("m",)), "with these options it asks no model; remove 'ask'"),
        (
            Gate(check="agreement", ask=("m", "n"), options={"least": 3}),
            "'ask' names 2 of the 3 that its options want at least",
        ),
        (
            Gate(check="confidence", options={"source": "asked"}),
            "'ask' is missing: name the model that says how likely the answer is right, or 'itself'",
        ),
        (
            Gate(check="confidence", options={"source": "decisions"}, ask=("itself",)),
            "'ask' says 'itself', which cannot be asked here; name a model that answers decisions",
        ),
        (
            Gate(check="judge", ask=("itself",)),
            "'ask' says 'itself', which cannot be asked here; name the model that judges",
        ),
        (
            Gate(check="confidence", options={"source": "asked"}, ask=("a", "b")),
            "'ask' names several; name one, and use another gate for another one",
        ),
    ],
)
def test_a_gate_names_whom_its_check_has_called_and_nobody_else(gate: Gate, problem: str) -> None:
    assert Registry.load().problems(gate) == [f"gate {gate.check!r}: {problem}"]


@pytest.mark.parametrize(
    ("gate", "asks", "reads_logprobs", "seconds"),
    [
        (Gate(check="confidence"), "nobody", True, 2.0),
        (Gate(check="confidence", options={"source": "stated"}), "nobody", False, 2.0),
        (Gate(check="confidence", options={"source": "asked"}, ask=("itself",)), "confidence", False, 60.0),
        (Gate(check="confidence", options={"source": "decisions"}, ask=("m",)), "decision", False, 15.0),
        (Gate(check="agreement", ask=("m",), embed="v"), "opinions", False, 15.0),
        (Gate(check="judge", ask=("m",)), "judge", False, 60.0),
        (Gate(check="similarity", options=MEANING, embed="v"), "nobody", False, 15.0),
    ],
)
def test_what_a_check_needs_may_depend_on_its_options(
    gate: Gate, asks: str, reads_logprobs: bool, seconds: float
) -> None:
    resolved = Registry.load().resolve(gate)
    assert (resolved.asks, resolved.reads_logprobs, resolved.seconds) == (asks, reads_logprobs, seconds)
    assert resolved.needs_whole
