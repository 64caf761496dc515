"""A comparison that somebody registered: which candidate is shown a copy of which requests, and until when."""

from hashlib import blake2b

import msgspec

from tiercel.domain.json import Json

WINDOW_SECONDS = 3_600.0


class ShadowTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What else was settled before the first pair.

    `metric` is what the two sides are compared by: the share that passes the gates. `guardrails` are bounds as they
    were written. The pairs of a session that come within `window_seconds` of its first are one observation. Only
    requests whose ladder begins with `leader` are copied, where it is given. `audits` names the run whose adoption this
    one watches: then it is the delivered side that is under suspicion. `rivals` is how many candidates were registered
    together; `alpha` is already one candidate's part.
    """

    metric: str = "pass"
    guardrails: tuple[str, ...] = ()
    window_seconds: float = WINDOW_SECONDS
    leader: str | None = None
    audits: str | None = None
    rivals: int = 1


class ShadowRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Written once, when it starts; only `stopped_at` and `stop_reason` are set later. Times are Unix seconds.

    `candidate` is `model@effort`, or a model or deployment alone. `share` of the requests of `rule` (`None`: of every
    rule) are copied, where `key_id` and `project` are given only theirs. `margin` is by how much the candidate may pass
    less often, and `alpha` how likely a wrong verdict may be; both are for whoever reads the pairs. All copies together
    cost at most `budget_nano`; none is made after `until`.
    """

    id: str
    candidate: str
    share: float
    budget_nano: int
    started_at: float
    rule: str | None = None
    margin: float = 0.0
    alpha: float = 0.05
    until: float | None = None
    key_id: str | None = None
    project: str | None = None
    stopped_at: float | None = None
    stop_reason: str | None = None
    terms: ShadowTerms = ShadowTerms()

    @property
    def registered_id(self) -> str:
        """The id that follows from what was registered: a row that was edited afterwards has another one."""
        kept = msgspec.structs.replace(self, id="", stopped_at=None, stop_reason=None)
        told = msgspec.json.encode(_said(kept), order="sorted")
        return "shadow_" + blake2b(told, digest_size=6).hexdigest()

    @property
    def is_as_registered(self) -> bool:
        """Whether this is what was written before the first pair."""
        return self.id == self.registered_id

    def wants(self, rule: str, key_id: str, project: str, at: float, leader: str | None = None) -> bool:
        """Whether requests of this rule, key and project, whose ladder begins with `leader`, are copied now."""
        return (
            self.stopped_at is None
            and self.started_at <= at
            and (self.until is None or at < self.until)
            and self.rule in (None, rule)
            and self.key_id in (None, key_id)
            and self.project in (None, project)
            and self.terms.leader in (None, leader)
        )


def _said(value: msgspec.Struct) -> dict[str, Json]:
    """What differs from the defaults: so a field that is added one day changes no id of before."""
    return {
        field.name: _said(own) if isinstance(own, msgspec.Struct) else own
        for field in msgspec.structs.fields(value)
        if (own := getattr(value, field.name)) != field.default
    }
