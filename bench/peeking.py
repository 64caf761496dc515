"""How often a run that is looked at after every pair says something false: `python -m bench.peeking --streams N`.

Real pairs (GSM8K, four models' recorded answers) are drawn into streams, and the product's own sequential verdict is
read after each pair. Two questions of which the truth is known:

- signs of the differences flipped at random: nothing is *better* or *worse*;
- signs drawn so that the true difference is exactly minus the margin, and ties added until the models differ on 27,
  16, 5 or 3 % of pairs: *not worse* is false.

Beside it what is usual: a z-test read after every pair, and the asymptotic confidence sequence. And how many pairs it
takes until *not worse* when the two are equal, beside the stops that were published for this design.
"""

import argparse
import csv
import gzip
import itertools
import json
import statistics
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tiercel.evals.statistics.sequential import Evidence, Registration, SequentialVerdict, observe, verdict
from tiercel.evals.statistics.values import Array

DATA = Path(__file__).parents[1] / ".." / "shared/data/evalsets/gsm8k/correct_by_model.csv.gz"
FLIPPED_LENGTH = 2_000
LENGTH = 3_000
FIRST_LOOK = 30
"""The usual tests are read from here on; the bets from the first pair."""
TUNED_TO = 300
"""The n at which the asymptotic sequence is tightest."""
ALPHA = 0.05


class Setting(NamedTuple):
    """How often the two differ, the margin, and the median stop under equality that evals.md, section 2.3, lists."""

    discordance: float
    margin: float
    listed: int

    @property
    def name(self) -> str:
        return f"{100 * self.discordance:g} % discordant, margin {100 * self.margin:g} points"


SETTINGS = (
    Setting(0.27, 0.05, 832),
    Setting(0.16, 0.05, 450),
    Setting(0.16, 0.03, 1_345),
    Setting(0.05, 0.02, 824),
    Setting(0.03, 0.02, 488),
)
FLIPPED = "signs flipped"


def main() -> None:
    """Print the table, or with --json one object; exit 2 where the data is absent."""
    arguments = _arguments()
    if not arguments.data.exists():
        print(f"skipped: {arguments.data} is not there", file=sys.stderr)
        raise SystemExit(2)
    found = measure(arguments.data, streams=arguments.streams, seed=arguments.seed)
    print(json.dumps(found, indent=2) if arguments.json else _table(found))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=400, help="for each setting")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def measure(data: Path, *, streams: int, seed: int) -> dict[str, object]:
    """Rates of false verdicts by setting, ours and the usual ones, and our median stops under equality."""
    rng = np.random.default_rng(seed)
    pairs = paired_outcomes(data)
    flipped = [flipped_stream(pairs[turn % len(pairs)], rng) for turn in range(streams)]
    ours = {FLIPPED: _rate([stop(one, 0.03, ("better", "worse")) for one in flipped])}
    z_test = {FLIPPED: _rate([z_stop(one) for one in flipped])}
    usual = {FLIPPED: _rate([asymptotic_stop(one, 0.0, both=True) for one in flipped])}
    stops: dict[str, float | None] = {}
    usual_stops: dict[str, float | None] = {}
    for setting in SETTINGS:
        margin = setting.margin
        edge = [shifted_stream(pairs, setting, -margin, rng) for _ in range(streams)]
        equal = [shifted_stream(pairs, setting, 0.0, rng) for _ in range(streams)]
        ours[setting.name] = _rate([stop(one, margin, ("better", "not worse")) for one in edge])
        usual[setting.name] = _rate([asymptotic_stop(one, margin) for one in edge])
        stops[setting.name] = _median([stop(one, margin, ("better", "not worse")) for one in equal])
        usual_stops[setting.name] = _median([asymptotic_stop(one, margin) for one in equal])
    return {
        "streams": streams,
        "seed": seed,
        "false_verdict_rate": ours,
        "false_verdict_rate_asymptotic": usual,
        "false_verdict_rate_z_test": z_test,
        "median_stop_when_equal": stops,
        "median_stop_when_equal_asymptotic": usual_stops,
        "median_stop_listed": {setting.name: setting.listed for setting in SETTINGS},
    }


def paired_outcomes(data: Path) -> list[Array]:
    """For each two of the models the differences, candidate minus baseline, on the items in their order."""
    with gzip.open(data, "rt", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    scores = np.array([[float(cell) for cell in row[1:]] for row in rows[1:]])
    return [
        scores[:, one] - scores[:, other] for one, other in itertools.combinations(range(scores.shape[1]), 2)
    ]


def flipped_stream(differences: Array, rng: np.random.Generator) -> Array:
    """Pairs drawn with replacement, the two models exchanged in each by a coin: a true difference of 0."""
    drawn = rng.choice(differences, FLIPPED_LENGTH)
    return np.asarray(drawn * rng.choice((-1.0, 1.0), FLIPPED_LENGTH))


def shifted_stream(
    pairs: list[Array], setting: Setting, difference: float, rng: np.random.Generator
) -> Array:
    """Pairs drawn with replacement from all of the real ones and ties, so that just the share `discordance` differs,
    with signs drawn so that the true difference is exactly `difference`."""
    real = np.concatenate(pairs)
    keep = setting.discordance / float((real != 0).mean())
    drawn = rng.choice(real, LENGTH) * (rng.random(LENGTH) < keep)
    upwards = (1 + difference / setting.discordance) / 2
    return np.asarray(np.abs(drawn) * np.where(rng.random(LENGTH) < upwards, 1.0, -1.0))


def stop(stream: Array, margin: float, wanted: tuple[SequentialVerdict, ...]) -> int | None:
    """After how many pairs the product first says one of the wanted verdicts; `None` if it never does."""
    evidence = Evidence(
        registration=Registration(
            candidate="candidate",
            baseline="baseline",
            metric="pass",
            margin=margin,
            alpha=ALPHA,
            started_at=0,
        )
    )
    for difference in stream.tolist():
        evidence = observe(evidence, difference, at=evidence.n)
        if verdict(evidence) in wanted:
            return evidence.n
    return None


def z_stop(stream: Array) -> int | None:
    """The same for the z-test of no difference, two-sided at 5 %, read after every pair."""
    n, mean, spread = _running(stream)
    return _first(np.abs(mean) > 1.959964 * spread / np.sqrt(n))


def asymptotic_stop(stream: Array, margin: float, *, both: bool = False) -> int | None:
    """The same for the asymptotic confidence sequence (Waudby-Smith and others 2024, Annals of Statistics 52).

    With `both` the two-sided one, against no difference; else the lower end of that at 90 %, against the margin.
    """
    n, mean, spread = _running(stream)
    alpha = ALPHA if both else 2 * ALPHA
    scale = (-2 * np.log(ALPHA) + np.log(1 - 2 * np.log(ALPHA))) / TUNED_TO
    half = spread * np.sqrt(2 * (n * scale + 1) / (n * n * scale) * np.log(np.sqrt(n * scale + 1) / alpha))
    return _first(np.abs(mean) > half if both else mean - half > -margin)


def _running(stream: Array) -> tuple[Array, Array, Array]:
    n = np.arange(1.0, len(stream) + 1)
    mean = np.cumsum(stream) / n
    return n, mean, np.sqrt(np.maximum(np.cumsum(stream**2) / n - mean**2, 0))


def _first(crossed: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int | None:
    looked = crossed[FIRST_LOOK - 1 :]
    return int(looked.argmax()) + FIRST_LOOK if looked.any() else None


def _rate(stops: list[int | None]) -> float:
    return sum(one is not None for one in stops) / len(stops)


def _median(stops: list[int | None]) -> float | None:
    middle = statistics.median(float("inf") if one is None else one for one in stops)
    return None if middle == float("inf") else middle


def _table(found: dict[str, object]) -> str:
    lines = [
        f"{found['streams']} streams a setting; false verdicts at any look, and median pairs to `not worse` if equal"
    ]
    lines.append(f"{'setting':42}{'bets':>7}{'asymptotic':>12}{'z-test':>8}{'stop':>8}{'listed':>8}")
    for name in _of(found, "false_verdict_rate"):
        cells = (
            f"{_of(found, 'false_verdict_rate')[name]:7.3f}",
            f"{_of(found, 'false_verdict_rate_asymptotic')[name]:12.3f}",
            _cell(found, "false_verdict_rate_z_test", name, ".3f"),
            _cell(found, "median_stop_when_equal", name, ".0f"),
            _cell(found, "median_stop_listed", name, ".0f"),
        )
        lines.append(f"{name:42}{''.join(cells)}")
    return "\n".join(lines)


def _of(found: dict[str, object], key: str) -> dict[str, float | None]:
    part = found[key]
    assert isinstance(part, dict)
    return part


def _cell(found: dict[str, object], key: str, name: str, style: str) -> str:
    value = _of(found, key).get(name)
    return f"{'–':>8}" if value is None else f"{value:>8{style}}"


if __name__ == "__main__":
    main()
