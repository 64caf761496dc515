"""The demo as it runs: start lab and gateway, send, show progress, then say what happened and what comes next."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from tiercel.cli.demo_answers import result_lines, send_prompts, surprises
from tiercel.cli.demo_client import DemoClient
from tiercel.cli.demo_efforts import show_efforts
from tiercel.cli.demo_modes import show_modes
from tiercel.cli.demo_policy import demo_policy
from tiercel.cli.demo_tasks import Outcome, outcome_lines, send_tasks
from tiercel.cli.lab import until_stopped
from tiercel.cli.report import render
from tiercel.cli.report_checks import render_account
from tiercel.domain.record import Feedback, Record
from tiercel.domain.settings import Dashboard, Listener
from tiercel.gateway.app import RunningGateway, running
from tiercel.gateway.dashboard.listener import serving_dashboard
from tiercel.measure.checks_account import account_of
from tiercel.measure.report import By, summarise
from tiercel.records.check_tally import tally_checks
from tiercel.testing.lab.recorded import Recorded, read_recorded
from tiercel.testing.lab.server import DEFAULT_TIME_SCALE, Lab
from tiercel.testing.tasks import demo_tasks

STEPS_SHOWN = 10
"""How often progress is told where there is no terminal to draw a bar on."""

NEXT_STEPS = """\
Next, with models of your own:
  export OPENROUTER_API_KEY=...   # or OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY, STEP_API_KEY
  tiercel init                    # writes tiercel.toml and policy.toml from the keys it finds
  tiercel serve
  curl http://127.0.0.1:4100/v1/chat/completions -H 'content-type: application/json' \\
    -d '{"model": "auto", "messages": [{"role": "user", "content": "Say hello"}]}'"""


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for on the command line. `limit` None sends everything; `efforts` is the model whose efforts are
    compared, `modes` the one that reviews and advises where modes are."""

    answers: Path | None = None
    limit: int | None = None
    port: int = 0
    seed: int = 0
    serve: bool = False
    efforts: str | None = None
    modes: str | None = None


async def show(wishes: Wishes, folder: str) -> int:
    """Run the demo with its records in `folder`; the exit code."""
    if wishes.efforts is not None:
        await show_efforts(wishes.efforts, wishes.seed, folder, say)
        return 0
    if wishes.modes is not None:
        return await show_modes(wishes.modes, wishes.seed, wishes.limit, folder, say)
    recorded = None if wishes.answers is None else read_recorded(wishes.answers)
    scale = DEFAULT_TIME_SCALE if recorded is None else 0.0
    async with Lab(seed=wishes.seed, recorded=recorded, time_scale=scale) as lab:
        settings = msgspec.structs.replace(lab.settings(folder), listener=Listener(port=wishes.port))
        if wishes.serve:  # its prompts are nobody's, and the dashboard can show them
            storage = msgspec.structs.replace(settings.storage, content="full")
            settings = msgspec.structs.replace(
                settings, storage=storage, dashboard=Dashboard(evaluations=".")
            )
        policy = lab.policy() if recorded is not None else demo_policy()
        async with running(settings, policy) as gateway:
            say(f"Simulated providers at {lab.root_url}, the gateway at {gateway.base_url}.", "")
            client = DemoClient(gateway.base_url)
            try:
                if recorded is None:
                    problems = await _show_tasks(wishes, gateway, client)
                else:
                    problems = await _show_answers(wishes, recorded, gateway, client)
            finally:
                await client.aclose()
            say(*(f"UNEXPECTED: {problem}" for problem in problems))
            if wishes.serve:
                async with serving_dashboard(gateway, wishes.port) as dashboard:
                    await _keep_serving(gateway, dashboard)
    return 1 if problems else 0


async def _show_tasks(wishes: Wishes, gateway: RunningGateway, client: DemoClient) -> list[str]:
    tasks = demo_tasks()[: wishes.limit]
    with progress("tasks", len(tasks)) as advance:
        outcomes = await send_tasks(gateway, client, tasks, advance)
    say("", *outcome_lines(outcomes), "")
    _report(gateway, [outcome.record for outcome in outcomes], "task")
    records = [outcome.record for outcome in outcomes if outcome.record is not None]
    say("")
    render_account(account_of(tally_checks(records)), Console(highlight=False))
    say(*without_sandbox(records), *_wrong_lines(outcomes))
    say(
        "",
        "All models were SIMULATED: their skills are assumptions, their prices and speeds are the published ones,",
        f"where there are any, and time ran {1 / DEFAULT_TIME_SCALE:.0f} times faster. Nothing left this machine.",
        "What two models together cost (a review, advice, a split, copies), and holds: `tiercel demo --modes`.",
        "",
        NEXT_STEPS,
    )
    return [f"{o.task.name}: {o.surprise}" for o in outcomes if o.surprise]


def without_sandbox(records: Iterable[Record]) -> list[str]:
    """Why no program could be run on this machine, where that is so."""
    attempts = (attempt for record in records for attempt in record.attempts)
    verdicts = (verdict for attempt in attempts for verdict in attempt.verdicts if verdict.check == "code")
    error = next((verdict.error for verdict in verdicts if verdict.error is not None), None)
    return [] if error is None else ["", f"The check `code` could run no program here: {error}"]


def _wrong_lines(outcomes: Iterable[Outcome]) -> list[str]:
    wrong = [o.task.name for o in outcomes if o.right is False and o.record and o.record.outcome == "passed"]
    if not wrong:
        return []
    return [
        "",
        f"{len(wrong)} answers were wrong although every check passed: {', '.join(wrong)}.",
        "Checks see form, tests and agreement, not truth; the demo knew the right answers and said so by feedback",
        "(POST /v1/feedback).",
    ]


async def _show_answers(
    wishes: Wishes, recorded: Recorded, gateway: RunningGateway, client: DemoClient
) -> list[str]:
    prompts = recorded.prompts[: wishes.limit]
    with progress("recorded prompts", len(prompts)) as advance:
        answered = await send_prompts(gateway, client, recorded, prompts, advance)
    say("")
    _report(gateway, [record for _, _, record in answered], "model", timed=False)
    catalog = gateway.runtime.state.settings.catalog
    sent = (
        f"the first {len(prompts)} of {len(recorded.prompts)}"
        if len(prompts) < len(recorded.prompts)
        else "all"
    )
    say("", f"Recorded answers, {sent} prompts, played back without waiting:", "")
    say(*result_lines(recorded, catalog, answered))
    return surprises(answered)


def _report(gateway: RunningGateway, records: Iterable[Record | None], by: By, *, timed: bool = True) -> None:
    kept = [record for record in records if record is not None]
    found = ((record.id, gateway.recorder.find_feedback(record.id)) for record in kept)
    feedback: dict[str, Feedback] = {name: said for name, said in found if said is not None}
    render(summarise(kept, feedback, by), Console(highlight=False), timed=timed)


async def _keep_serving(gateway: RunningGateway, dashboard: str | None) -> None:
    say(
        "",
        f"See where the money went, and what to try next: {dashboard}",
        "",
        "Lab, gateway and dashboard stay up until Ctrl-C. Try:",
        f"  curl {gateway.base_url}/v1/chat/completions -H 'content-type: application/json' \\",
        '    -d \'{"model": "auto", "messages": [{"role": "user", "content": "What is the capital of Slovenia?"}]}\'',
    )
    await until_stopped()


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal, else a line now and then; call what it yields after each one."""
    if sys.stdout.isatty():
        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda: bar.advance(task)
        return
    done = 0
    every = max(1, -(-total // STEPS_SHOWN))

    def advance() -> None:
        nonlocal done
        done += 1
        if done % every == 0 or done == total:
            say(f"{done} of {total} {what}")

    yield advance


def say(*lines: str) -> None:
    """Print these lines at once, so that a pipe sees them as they come."""
    for line in lines:
        print(line, flush=True)
