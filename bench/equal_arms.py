"""How often `tiercel split status` tells two equal arms apart, which it should in about 5 % of all cases:
`python -m bench.equal_arms --draws 1000`.

Each draw has two arms of sessions whose requests hang together: a session has a rate of success, a pace and a price of
its own. The same draws with every request taken for independent evidence say what it would be without clusters.
"""

import argparse
import random

from tiercel.evals.split_figures import METRICS, Metric, compared
from tiercel.measure.split import trials
from tiercel.records.split_row import Opinion, SplitRow

EACH = 5
"""Requests of a session."""


def rows(arm: str, sessions: int, draw: random.Random) -> list[SplitRow]:
    """An arm: success 4 in 5 with an intraclass correlation of 1/3, half of the variance of pace and price between
    sessions, one request in five judged by its user."""
    made = []
    for session in range(sessions):
        good, pace, price = draw.betavariate(1.6, 0.4), draw.gauss(0, 0.35), draw.gauss(0, 0.35)
        for turn in range(EACH):
            opinion: Opinion = "accepted" if draw.random() < good else "rejected"
            made.append(
                SplitRow(
                    id=f"{arm}{session}-{turn}",
                    started_at=float(session),
                    rule="chat",
                    split="trial",
                    arm=arm,
                    propensity=0.5,
                    complete=True,
                    unit=f"{arm}{session}",
                    cluster=f"{arm}{session}",
                    outcome="passed" if draw.random() < good else "marked",
                    seconds=draw.lognormvariate(pace, 0.35),
                    cost_nano=round(1e6 * draw.lognormvariate(price, 0.35)),
                    opinion=opinion if draw.random() < 0.2 else None,
                    simulated=True,
                )
            )
    return made


def told_apart(made: list[SplitRow]) -> set[Metric]:
    """The metrics in which the arms are said to differ."""
    (trial,) = trials(made)
    return {one.metric for one in compared(trial).contrasts if one.verdict in ("higher", "lower")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=1_000)
    parser.add_argument("--sessions", type=int, default=100, help="of each arm")
    args = parser.parse_args()
    clustered, alone = dict.fromkeys(METRICS, 0), dict.fromkeys(METRICS, 0)
    draw = random.Random(12)
    for _ in range(args.draws):
        made = [*rows("a", args.sessions, draw), *rows("b", args.sessions, draw)]
        for metric in told_apart(made):
            clustered[metric] += 1
        for metric in told_apart([row._replace(cluster=row.id) for row in made]):
            alone[metric] += 1
    print(
        f"two equal arms of {args.sessions} sessions with {EACH} requests each, told apart in {args.draws} draws"
    )
    print(f"{'':<18} {'by session':>12} {'by request':>12}")
    for metric in METRICS:
        shares = (100 * count[metric] / args.draws for count in (clustered, alone))
        print(f"{metric:<18} " + " ".join(f"{share:>10.1f} %" for share in shares))


if __name__ == "__main__":
    main()
