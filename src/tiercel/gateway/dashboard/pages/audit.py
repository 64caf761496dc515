"""The audit: where each task really runs, what its rules rest on, and what is worth an evaluation."""

import time
from datetime import UTC, datetime

from starlette.responses import Response

from tiercel.domain.errors import CallerError
from tiercel.gateway.dashboard.period import DAY, HOUR
from tiercel.gateway.dashboard.view import PageRoute, Visitor
from tiercel.measure.audit import LEAST_SAVING, Audit, audit_sums, price_borders
from tiercel.measure.audit_words import BASES, candidate_notes, numbers_text, rule_warnings
from tiercel.measure.models import disputed_prices, known_models
from tiercel.policy.claims import reckoned_by_model, shipped_claims
from tiercel.policy.evidence import evidence_ages
from tiercel.records.uses import BORDERS

MOST_SHOWN = 20
DAYS = {"7d": 7, "30d": 30, "90d": 90, "all": None}


def show(visitor: Visitor) -> Response:
    """The page, for the time that the address asks for."""
    name = visitor.query.get("since", "all")
    if name not in DAYS:
        raise CallerError("invalid_request", f"since: choose one of {', '.join(DAYS)}")
    catalog = visitor.home.runtime.state.settings.catalog
    # borders that the sums do not tell apart would have every record read
    comparable = price_borders(catalog) <= set(BORDERS)
    result = _audited(visitor, DAYS[name])
    candidates = result.candidates if comparable else ()
    shown = candidates[:MOST_SHOWN]
    disputed = disputed_prices(known_models(reckoned_by_model(catalog), shipped_claims(), {}))
    return visitor.render(
        "audit.html",
        result=result,
        since=name,
        lengths=tuple(DAYS),
        warnings=list(rule_warnings(result.rules)),
        shown=[(one, BASES[one.basis], numbers_text(one), one.candidate in disputed) for one in shown],
        more=len(candidates) - len(shown),
        notes=list(candidate_notes(shown, disputed)) if shown else [],
        comparable=comparable,
        least=LEAST_SAVING,
    )


def _audited(visitor: Visitor, days: int | None) -> Audit:
    # SQLAlchemy takes long to load
    from tiercel.records.query import is_empty
    from tiercel.records.summed import AuditSums, load_audit

    home, state = visitor.home, visitor.home.runtime.state
    sums = AuditSums({}, {})
    if home.database_url is not None or not is_empty(home.folder):
        # a whole hour, from which on sums say everything
        since = None if days is None else time.time() // HOUR * HOUR - DAY * days
        project = visitor.caller.project
        sums = load_audit(home.folder, BORDERS, since=since, project=project, database_url=home.database_url)
    rules = state.policy.rules
    ages = evidence_ages(rules, datetime.now(UTC).date())
    return audit_sums(sums.answers, sums.uses, rules, ages, state.settings.catalog)


AUDIT = PageRoute(path="/policy/audit", show=show)
