"""What metrics and traces cost: `python -m bench.telemetry`. The best of nine rounds, in microseconds."""

import time
from collections.abc import Callable

import msgspec
from tests.records.samples import FULL

from tiercel.domain.settings import Telemetry
from tiercel.records.counters import Counters
from tiercel.records.otlp import encode_traces
from tiercel.records.prometheus import counted, exposition
from tiercel.records.telemetry import Encoding, Exporter, Post
from tiercel.records.traced import Traced

ROUNDS = 9
ONE_CALL = msgspec.structs.replace(FULL, attempts=FULL.attempts[1:])


def microseconds(work: Callable[[], object], times: int) -> float:
    """The best mean of a round."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(times):
            work()
        best = min(best, (time.perf_counter() - began) / times)
    return best * 1e6


def busy() -> Counters:
    """Counters of a gateway with 40 deployments, 25 rules and four tasks."""
    counters = Counters()
    for number in range(2_000):
        place, why = number % 40, ("first", "retry", "fallback")[number % 3]
        attempt = msgspec.structs.replace(
            FULL.attempts[1], deployment=f"deployment-{place}", model=f"model-{place}", why=why
        )
        counters.add(
            msgspec.structs.replace(
                FULL, rule=f"rule-{number % 25}", task=f"task-{number % 4}", attempts=(attempt,)
            )
        )
    return counters


def main() -> None:
    counters, crowd = Counters(), busy()
    traced = Traced(record=ONE_CALL, parent=None)
    telemetry = Telemetry(otlp_endpoint="http://127.0.0.1:9")
    nothing = Encoding(lambda batch, name: b"", lambda counted, sender: b"")
    exporter = Exporter(telemetry, counters, nothing, Post(telemetry, lambda path, answer: 0))
    page = exposition(counted(crowd))
    print(f"count a request of one call     {microseconds(lambda: counters.add(ONE_CALL), 20_000):9.2f} us")
    print(f"count a request of two calls    {microseconds(lambda: counters.add(FULL), 20_000):9.2f} us")
    print(f"tell the exporter of a record   {microseconds(lambda: exporter.finished(ONE_CALL), 200):9.2f} us")
    print(
        f"make two spans of a record      {microseconds(lambda: encode_traces([traced] * 50, 'x'), 5) / 50:9.2f} us"
    )
    print(
        f"a page of {len(page):,} bytes         {microseconds(lambda: exposition(counted(crowd)), 5):9.2f} us"
    )


if __name__ == "__main__":
    main()
