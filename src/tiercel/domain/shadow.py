"""A comparison that somebody registered: which candidate is shown a copy of which requests, and until when."""

import msgspec


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

    def wants(self, rule: str, key_id: str, project: str, at: float) -> bool:
        """Whether requests of this rule, key and project are copied at this moment."""
        return (
            self.stopped_at is None
            and self.started_at <= at
            and (self.until is None or at < self.until)
            and self.rule in (None, rule)
            and self.key_id in (None, key_id)
            and self.project in (None, project)
        )
