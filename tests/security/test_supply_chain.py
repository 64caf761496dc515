"""What is installed, what is built, and what the code may not do: few and recent dependencies, nothing that runs by
itself, the same bytes each time, no dangerous call."""

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
IN_THE_SANDBOX = ROOT / "src" / "tiercel" / "checks" / "sandbox" / "inside"
MOST_DEPENDENCIES = 12
LEAST: dict[str, tuple[int, ...]] = {
    "h11": (0, 16, 0),
    "starlette": (1, 0, 1),
    "aiohttp": (3, 14, 4),
    "orjson": (3, 11, 6),
    "httptools": (0, 6, 4),
    "jinja2": (3, 1, 6),
    "urllib3": (2, 8, 0),
    "python-multipart": (0, 0, 34),
}
"""Older ones have known holes, where they are used at all."""
LOCKS = ("requirements.lock", "requirements-dev.lock")
PINNED = re.compile(r"^([A-Za-z0-9_.-]+)==(\S+)", re.MULTILINE)
RUNS_WHAT_IT_READS = {"eval", "exec", "compile", "__import__"}
BANNED_MODULES = {"pickle", "marshal", "shelve", "dill", "xml", "telnetlib", "ftplib"}
WRITES_ONLY = {"Element", "SubElement", "indent", "tostring"}
"""Of the standard library's XML, what reads nothing."""
BANNED_CALLS = {
    ("os", "system"),
    ("os", "popen"),
    ("tempfile", "mktemp"),
    ("ssl", "_create_unverified_context"),
    ("hashlib", "md5"),
    ("hashlib", "sha1"),
    ("yaml", "load"),
    ("yaml", "full_load"),
    ("yaml", "unsafe_load"),
}


def pinned(lock: str) -> dict[str, str]:
    return dict(PINNED.findall((ROOT / lock).read_text()))


def version_of(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))[:3]


def test_few_dependencies_are_named_and_few_are_installed() -> None:
    """At most twelve named for running; what they bring along stands in the lock."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert len(project["dependencies"]) <= MOST_DEPENDENCIES
    assert len(pinned("requirements.lock")) <= 2 * MOST_DEPENDENCIES


@pytest.mark.parametrize("lock", LOCKS)
def test_everything_is_pinned_with_the_hashes_of_its_files(lock: str) -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / lock).read_text().strip())
    loose = [entry.split()[0] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry]
    assert loose == []


@pytest.mark.parametrize("lock", LOCKS)
def test_nothing_with_a_known_hole_is_pinned(lock: str) -> None:
    old = {name: v for name, v in pinned(lock).items() if version_of(v) < LEAST.get(name.lower(), ())}
    assert old == {}


def test_nothing_that_is_needed_runs_at_the_start_of_every_program() -> None:
    """A `.pth` file with an import does; that is how others were broken into."""
    names = pinned("requirements.lock")
    files = [file for name in names if is_installed(name) for file in importlib.metadata.files(name) or ()]
    assert [str(file) for file in files if file.suffix == ".pth"] == []


def is_installed(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:  # for another system
        return False
    return True


@pytest.fixture(scope="module", name="wheels")
def two_builds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    if find_spec("hatchling") is None:
        pytest.skip("hatchling, which builds the package, is not installed")
    built: list[Path] = []
    for number in range(2):
        folder = tmp_path_factory.mktemp(f"build{number}")
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TZ": ("UTC", "Asia/Tokyo")[number]}
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=60)
        built += folder.glob("*.whl")
    return built


def test_two_builds_are_the_same_bytes(wheels: list[Path]) -> None:
    first, second = wheels
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()


def test_the_wheel_has_our_package_and_nothing_that_runs_by_itself(wheels: list[Path]) -> None:
    with zipfile.ZipFile(wheels[0]) as wheel:
        names = wheel.namelist()
    assert [name for name in names if not name.startswith(("tiercel/", "tiercel-"))] == []
    assert [name for name in names if name.endswith((".pth", ".so", ".exe", ".sh"))] == []
    assert "setup.py" not in names
    scripts = [name for name in names if name.endswith("entry_points.txt")]
    assert len(scripts) == 1


def test_no_dependency_names_an_address() -> None:
    """Packages come from the registry that the user chose, not from a URL of ours."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [
        *project["dependencies"],
        *(one for extra in project["optional-dependencies"].values() for one in extra),
    ]
    assert [one for one in named if "@" in one or "://" in one] == []


def faults_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for what in found_in(node):
            yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}: {what}"


def found_in(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in RUNS_WHAT_IT_READS:
            yield f"{name}()"
        case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=name)) if (
            module,
            name,
        ) in BANNED_CALLS:
            yield f"{module}.{name}()"
        case ast.Import(names=names):
            yield from (alias.name for alias in names if alias.name.split(".")[0] in BANNED_MODULES)
        case ast.ImportFrom(module="xml.etree.ElementTree", names=names):
            yield from (f"xml's {alias.name}" for alias in names if alias.name not in WRITES_ONLY)
        case ast.ImportFrom(module=str(module)) if module.split(".")[0] in BANNED_MODULES:
            yield module
        case ast.keyword(arg="shell" | "verify", value=ast.Constant(value=bool(value))):
            if value == (node.arg == "shell"):
                yield f"{node.arg}={value}"


def test_no_code_runs_what_it_reads() -> None:
    """No eval, no pickle, no shell, no weak hash, no unchecked certificate; but in the sandbox, which is for that."""
    assert len(SOURCES) > 100
    served = [path for path in SOURCES if IN_THE_SANDBOX not in path.parents]
    assert [fault for path in served for fault in faults_of(path)] == []


def test_what_runs_programs_is_imported_nowhere_but_in_the_sandbox() -> None:
    """It is started there as a program of its own; no process of the gateway ever has it."""
    folder = ".".join(IN_THE_SANDBOX.relative_to(ROOT / "src").parts)
    importing = [
        path for path in SOURCES if folder in path.read_text("utf-8") and IN_THE_SANDBOX not in path.parents
    ]
    assert len(list(IN_THE_SANDBOX.glob("*.py"))) > 5
    assert importing == []


@pytest.mark.parametrize(
    "code",
    [
        "eval(x)",
        "import pickle",
        "yaml.load(x)",
        "os.system(x)",
        "run(x, shell=True)",
        "get(x, verify=False)",
    ],
)
def test_the_search_finds_what_it_looks_for(code: str) -> None:
    assert [what for node in ast.walk(ast.parse(code)) for what in found_in(node)]


def test_sql_is_nowhere_made_of_pieces() -> None:
    """The linter refuses it, and nobody is exempt: statements are SQLAlchemy's, and every value is a parameter."""
    assert [path.name for path in SOURCES if "noqa: S608" in path.read_text(encoding="utf-8")] == []
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "S" in linter["select"]
    assert not [rule for rule in linter["ignore"] if re.match(r"S\d", rule) and rule != "S101"]


def test_keys_are_compared_in_constant_time() -> None:
    """No `==` and no dictionary of secrets where somebody else's key is looked at."""
    hasty = []
    for name in (
        "gateway/admission.py",
        "gateway/keyring.py",
        "records/key_secrets.py",
        "records/key_store.py",
    ):
        path = ROOT / "src" / "tiercel" / name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare) and re.search(
                r"digest|\.hash\b|reveal\(\) [!=]=", ast.unparse(node)
            ):
                hasty.append(f"{name}:{node.lineno}: {ast.unparse(node)}")
    assert hasty == []
