"""Runs the loads of `tiercel bench endpoint` and shows what they came to."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tiercel.cli.eval.exits import INTERRUPTED, PASSED
from tiercel.domain.errors import ConfigError
from tiercel.evals.endpoint_bench.call import Call, Endpoint
from tiercel.evals.endpoint_bench.figures import Figures, figures
from tiercel.evals.endpoint_bench.load import Load, Loaded, run_load
from tiercel.evals.endpoint_bench.profile import Profile, body, read_profile
from tiercel.evals.statistics.latency import QuantileEstimate
from tiercel.measure.amounts import UNKNOWN, count_text, duration, printable
from tiercel.upstream.address import parse_url
from tiercel.upstream.errors import HttpError
from tiercel.upstream.http import HttpClient

BUSY = 0.7
"""From this share of a processor on, the clocks measure this program as well."""
TITLES = {
    "first_token": "first token",
    "first_answer": "first answer",
    "whole": "whole answer",
    "queue": "wait for a place",
    "tokens_per_second": "tokens/s each",
}


async def bench(args: argparse.Namespace, key: str) -> int:
    """Run every load. Raises `ConfigError` before anybody is asked."""
    profile = read_profile(args.profile)
    client = HttpClient()
    endpoint = _endpoint(client, args, key)
    every: list[Loaded] = []
    try:
        first = 0
        for concurrency in args.concurrency:
            load = Load(concurrency=concurrency, calls=args.n, rate=args.rate)
            body_of = partial(_body, profile, args.model, args.seed, first)
            every.append(await run_load(endpoint, load, body_of, _Telling(args.n)))
            first += args.n
    finally:
        await client.aclose()
    found = [figures(loaded) for loaded in every]
    if args.json is not None:
        _write(args, profile, every, found)
    _show(args, found, Console(highlight=False))
    return PASSED if all(not one.failures for one in found) else INTERRUPTED


def _endpoint(client: HttpClient, args: argparse.Namespace, key: str) -> Endpoint:
    url = args.url.rstrip("/") + "/chat/completions"
    headers = [("content-type", "application/json")]
    try:
        origin = parse_url(url).origin
        if key:
            if origin.scheme == "http" and not origin.is_loopback:
                raise ConfigError(
                    f"{args.url}: a key is never sent unencrypted to another machine; use https"
                )
            headers.append(("authorization", f"Bearer {key}"))
        prepared = client.prepare("POST", url, headers)
    except HttpError as error:
        raise ConfigError(f"{args.url}: {error}") from error
    return Endpoint(client, prepared, args.timeout)


def _body(profile: Profile, model: str, seed: int, first: int, number: int) -> bytes:
    return body(profile, model, seed, first + number)


class _Telling:
    """A line now and then, where somebody watches."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0

    def __call__(self, call: Call) -> None:
        self._done += 1
        if sys.stderr.isatty():
            print(f"\r{self._done} of {self._total} ", end="", file=sys.stderr, flush=True)
            if self._done == self._total:
                print(file=sys.stderr)


def _write(
    args: argparse.Namespace, profile: Profile, every: Sequence[Loaded], found: Sequence[Figures]
) -> None:
    said = {
        "url": args.url,
        "model": args.model,
        "profile": profile,
        "loads": [{"figures": one, "calls": loaded.calls} for loaded, one in zip(every, found, strict=True)],
    }
    try:
        args.json.write_bytes(msgspec.json.format(msgspec.json.encode(said), indent=1) + b"\n")
    except OSError as error:
        raise ConfigError(f"{args.json}: cannot be written: {error.strerror}") from error


def _show(args: argparse.Namespace, found: Sequence[Figures], console: Console) -> None:
    rate = "each as a place was free" if args.rate is None else f"due {args.rate:g} a second"
    console.print(Text(f"{printable(args.url)}, {printable(args.model)}, profile {args.profile}, {rate}"))
    for one in found:
        console.print()
        console.print(Text(_heading(one), "bold"))
        for kind, number in one.failures.items():
            words = f": {printable(one.examples[kind])}" if one.examples[kind] else ""
            console.print(Text(f"  {kind}: {number}{words}", "red"))
        if one.clocks["whole"]:
            console.print(_table(one))
        for line in _remarks(one):
            console.print(Text(f"  {line}", "dim"))


def _heading(one: Figures) -> str:
    failed = one.calls - one.answers
    return (
        f"concurrency {one.concurrency}: {count_text(one.answers, 'answer')}, {failed} failed, "
        f"{_number(one.answers_per_second)} answers/s, "
        + (
            ""
            if one.output_tokens_per_second is None
            else f"{_number(one.output_tokens_per_second)} output tokens/s, "
        )
        + f"in {duration(one.seconds)}"
    )


def _table(one: Figures) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 2), pad_edge=False)
    table.add_column("")
    for name in ("p50", "p95", "p99"):
        table.add_column(name, justify="right")
    table.add_column("n", justify="right")
    for name, estimates in one.clocks.items():
        if not estimates:
            table.add_row(TITLES[name], *[UNKNOWN] * 3, "0")
            continue
        is_time = name != "tokens_per_second"
        table.add_row(TITLES[name], *[_cell(one, is_time) for one in estimates], str(estimates[0].n))
    return table


def _cell(estimate: QuantileEstimate, is_time: bool) -> str:
    if estimate.value is None:
        return UNKNOWN

    def shown(value: float | None, otherwise: str) -> str:
        if value is None:
            return otherwise
        return duration(value) if is_time else _number(value)

    return f"{shown(estimate.value, '')} ({shown(estimate.low, '?')} to {shown(estimate.high, '?')})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _remarks(one: Figures) -> list[str]:
    found = []
    if one.input_tokens is not None and one.output_tokens is not None:
        found.append(
            f"median {one.input_tokens.value:,.0f} tokens in, {one.output_tokens.value:,.0f} out by the server's count"
        )
    if one.without_usage:
        found.append(
            f"{count_text(one.without_usage, 'answer')} came without usage: their speed is not known"
        )
    if any(estimate.refused for estimate in one.clocks["whole"]):
        found.append(
            "p95 takes 20 answers, p99 500; in brackets 95 % intervals, ? where that takes more answers"
        )
    if one.cpu_share >= BUSY:
        found.append(
            f"this program took {one.cpu_share:.0%} of a processor itself: its clocks are late; lower the load"
        )
    return found
