"""`tiercel keys`: what it prints, what it keeps, and what it refuses."""

from pathlib import Path

import msgspec
import pytest

from tiercel.cli.main import main
from tiercel.domain.json import JsonObject
from tiercel.policy.key_forms import count, dollars, duration
from tiercel.records.key_secrets import KEY
from tiercel.records.key_store import KeyStore


def run(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["keys", *words, "--data", str(folder)]) == 0
    return capsys.readouterr().out


def as_json(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> JsonObject:
    found: JsonObject = msgspec.json.decode(run(folder, capsys, *words, "--json"))
    return found


def test_a_key_is_shown_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = run(tmp_path, capsys, "create", "--project", "team").splitlines()[0]
    assert KEY.fullmatch(text) is not None
    listed = run(tmp_path, capsys, "list")
    assert text.split("_")[1] in listed
    assert text.split("_", 2)[2] not in listed


def test_everything_said_of_a_key_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        "create --role client --project team --label nightly --task coding --risk high --requests-per-minute 60 "
        "--tokens-per-minute 10000 --concurrent 4 --usd-per-day 5 --usd-per-month $100.50"
    )
    made = as_json(tmp_path, capsys, *words.split())
    assert made.pop("key").startswith(f"tk_{made['id']}_")
    assert as_json(tmp_path, capsys, "list")["keys"] == [made]
    assert {name: made[name] for name in ("state", "usd_per_day", "usd_per_month", "concurrent", "task")} == {
        "state": "active",
        "usd_per_day": "5",
        "usd_per_month": "100.5",
        "concurrent": 4,
        "task": "coding",
    }


def test_a_revoked_key_stays_in_the_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = run(tmp_path, capsys, "create").splitlines()[0]
    # whoever pastes the whole key means its id
    assert run(tmp_path, capsys, "revoke", text) == f"revoked {text.split('_')[1]}\n"
    assert "revoked" in run(tmp_path, capsys, "list")


def test_a_rotation_shows_a_new_secret_of_the_same_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = run(tmp_path, capsys, "create").splitlines()[0]
    new = run(tmp_path, capsys, "rotate", old.split("_")[1], "--overlap", "1h").splitlines()[0]
    assert old.split("_")[1] == new.split("_")[1]
    assert old != new
    with KeyStore.open(tmp_path) as store:
        (stored,) = store.read().keys.values()
    assert len(stored.secrets) == 2


def test_budgets_are_set_and_taken_away(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run(tmp_path, capsys, "budget", "--project", "team", "--usd-per-day", "5")
        == "project team: $5 a day\n"
    )
    key_id = as_json(tmp_path, capsys, "create")["id"]
    run(tmp_path, capsys, "budget", "--key", key_id, "--usd-per-month", "7")
    listed = as_json(tmp_path, capsys, "list")
    assert listed["projects"] == {"team": {"usd_per_day": "5", "usd_per_month": None}}
    assert listed["keys"][0]["usd_per_month"] == "7"
    assert run(tmp_path, capsys, "budget", "--key", key_id) == f"key {key_id}: no limit\n"


def test_without_keys_the_list_says_how_to_make_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, capsys, "list") == "no keys yet: tiercel keys create makes one\n"
    assert list(tmp_path.iterdir()) == []


def test_a_misspelt_tier_is_refused_with_the_nearest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "create", "--allow", "deeep", "--data", str(tmp_path)]) == 2
    assert "--allow deeep: no such tier, model or deployment; did you mean 'deep'?" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["revoke", "rotate"])
def test_an_unknown_key_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert main(["keys", command, "nobody", "--data", str(tmp_path)]) == 2
    assert "there are no keys yet" in capsys.readouterr().err
    run(tmp_path, capsys, "create")
    assert main(["keys", command, "nobody", "--data", str(tmp_path)]) == 2
    assert "nobody: there is no key of this id" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("create", "--project", "two words"),
        ("create", "--project", ""),
        ("create", "--label", "two\nlines"),
        ("create", "--role", "admin"),
        ("create", "--concurrent", "0"),
        ("create", "--usd-per-day", "-1"),
        ("create", "--usd-per-day", "nan"),
        ("create", "--usd-per-day", "1e9"),
        ("create", "--expires", "soon"),
        ("create", "--expires", "0"),
        ("create", "--expires", "0d"),
        ("budget", "--usd-per-day", "1"),
        (),
    ],
)
def test_nonsense_is_refused(tmp_path: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit):
        main(["keys", *words, *(("--data", str(tmp_path)) if words else ())])


def test_words_for_amounts_and_times() -> None:
    assert (dollars("5"), dollars("$0.000000001"), dollars("0")) == (5_000_000_000, 1, 0)
    assert (duration("0"), duration("90s"), duration("24h"), duration("2w")) == (
        0.0,
        90.0,
        86_400.0,
        1_209_600.0,
    )
    assert count("12") == 12


def test_explain_says_what_a_key_leaves_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-made-up")
    (tmp_path / "tiercel.toml").write_text("version = 1\n\n[providers.openrouter]\n", "utf-8")
    assert main(["keys", "create", "--allow", "balanced", "--task", "coding", "--json"]) == 0
    key_id = msgspec.json.decode(capsys.readouterr().out)["id"]
    assert main(["explain", "--key", key_id, "Say hello"]) == 0
    told = capsys.readouterr().out
    assert "key: this key may use balanced only" in told
    assert "coding  (stated)" in told
    assert main(["explain", "--key", "nobody", "Say hello"]) == 2
