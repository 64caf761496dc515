"""The guardrails of a registered run, on its pairs: cost, latency and format. Needs the extra `evals`.

The intervals are those of one look at a fixed set. Only the verdict on the primary metric may be read daily for free.
"""

from collections.abc import Sequence

from tiercel.domain.errors import ConfigError
from tiercel.domain.record import PairedAnswer, ShadowPair
from tiercel.domain.shadow import ShadowRun
from tiercel.evals.comparing.answers import Answers
from tiercel.evals.comparing.guardrails import Guarded, guarded
from tiercel.evals.comparing.metrics import FORMAT_SCORERS
from tiercel.evals.comparing.pairs import Pairing, pair_up
from tiercel.evals.evaluation import Candidate, Expectation, Guardrail, Item
from tiercel.evals.files.evaluation_file import guardrail_of
from tiercel.evals.live.trial import Trial, delivered_by
from tiercel.evals.results import Result, Score
from tiercel.policy.problems import nearest

SHORT = {"cost": "cost_per_success", "p50": "p50_seconds", "p95": "p95_seconds", "format": "invalid_format"}
MEASURED = ("cost_per_success", "p50_seconds", "p95_seconds", "invalid_format", "non_stop_rate")
"""What pairs know of both sides."""
FORM = Expectation(scorer="json_schema")
SEED = 7


def read_guardrail(text: str) -> Guardrail:
    """`cost<=0.5x` and the like. Raises `ConfigError`."""
    name, sign, bound = text.partition("<=")
    if not sign:
        raise ConfigError(f'--guardrail {text}: write a bound such as "cost<=0.5x" or "p95<=2s"')
    name = name.strip()
    metric = SHORT.get(name, name)
    if metric not in MEASURED:
        raise ConfigError(
            f"--guardrail {text}: pairs of copies do not tell it{nearest(name, (*SHORT, *MEASURED))}; "
            f"there are {', '.join((*SHORT, 'non_stop_rate'))}"
        )
    try:
        return guardrail_of(metric, bound.strip())
    except ConfigError as error:
        raise ConfigError(f"--guardrail {text}: {error}") from error


def guarded_by(trial: Trial) -> tuple[Guarded, ...]:
    """Each guardrail with its interval, from the pairs that count by now."""
    pairing = _paired(trial.run, trial.observed.pairs)
    confidence = 1 - trial.run.alpha
    return tuple(
        guarded(read_guardrail(text), pairing, confidence, SEED) for text in trial.run.terms.guardrails
    )


def _paired(run: ShadowRun, pairs: Sequence[ShadowPair]) -> Pairing:
    items = {
        pair.record_id: Item(id=pair.record_id, body={}, expectations=(FORM,), cluster=pair.cluster)
        for pair in pairs
    }
    live = [_result(pair, pair.live) for pair in pairs]
    shadow = [_result(pair, pair.shadow) for pair in pairs]
    return pair_up(
        _answers(delivered_by(run), items, live),
        _answers(run.candidate, items, shadow),
    )


def _answers(name: str, items: dict[str, Item], rows: list[Result]) -> Answers:
    candidate = Candidate(id=name, address=name)
    return Answers(
        name=name, candidate=candidate, items=items, answered=tuple(rows), errors=(), expected=len(rows)
    )


def _result(pair: ShadowPair, answer: PairedAnswer) -> Result:
    """An answer as a row of an evaluation. A copy that failed is a failure of the candidate, without a latency."""
    misses_form = not answer.passed and answer.worst in FORMAT_SCORERS
    return Result(
        item=pair.record_id,
        candidate=answer.model,
        state="passed" if answer.passed else "failed",
        kind="ok" if answer.passed else "schema" if misses_form else "expectation",
        scores=(Score(name=FORM.name, met=not misses_form),),
        score=float(answer.passed),
        seconds=None if answer.failure is not None else answer.seconds,
        cost_nano=answer.cost_nano,
        finish=answer.finish,
        output_tokens=answer.output_tokens,
        record=pair.record_id,
    )
