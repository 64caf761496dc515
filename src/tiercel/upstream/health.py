"""How the deployments are doing, in the memory of this process: who rests, how fast they are, how many retries remain.

The rules:
- five failures of a deployment in a row open its breaker: it rests 10 s, then twice as long each time, up to 300 s.
  After the rest exactly one call may go through; its answer closes the breaker, its failure opens it again.
- a rate limit rests a deployment exactly as long as the provider asked, 5 s where it did not say.
- a used-up quota, a refused credential or a missing model rests it 60 s, twice as long each time.
- failures that are about the request, and answers that were merely empty, count against nobody.
- a hedge is for calls slower than 95 % of the deployment's last 100 answers, once there are 20 of them, and for one
  request of 20.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import ceil
from statistics import median
from typing import Literal

import msgspec

from tiercel.domain.failure import Failure, FailureKind
from tiercel.upstream.call import CallResult

OPEN_AFTER_FAILURES = 5
FIRST_REST_SECONDS = 10.0
MAX_REST_SECONDS = 300.0
RATE_LIMIT_REST_SECONDS = 5.0
STANDING_REST_SECONDS = 60.0
MAX_STANDING_REST_SECONDS = 900.0
PROBE_SECONDS = 120.0
"""A probe that has told nothing by then no longer keeps others from trying."""
SAMPLES = 20
MIN_TOKENS = 16
"""Shorter answers say nothing about speed."""

RETRY_START = RETRY_CAP = 10.0
RETRY_PER_REQUEST = 0.2
RETRY_FLOOR = 3
RETRY_FLOOR_WINDOW_SECONDS = 10.0

REQUESTS_PER_HEDGE = 20
HEDGE_CAP = 5
"""How many hedges a calm time can save up."""
TIMES = 100
MIN_TIMES = 20
SLOW = 0.95

COUNTED: frozenset[FailureKind] = frozenset(
    (
        "unreachable",
        "reset",
        "timeout",
        "overloaded",
        "server_error",
        "bad_response",
        "too_large",
        "truncated",
        "stream_error",
    )
)
"""Failures of the deployment itself: five in a row open its breaker."""
STANDING: frozenset[FailureKind] = frozenset(("quota", "auth", "model_gone"))
"""Failures that only a person, or a new month, puts right."""
SILENT: frozenset[FailureKind] = frozenset(("cancelled", "interrupted"))
"""Failures that say nothing about the deployment."""

_NONE: frozenset[str] = frozenset()
State = Literal["ok", "cooling", "open", "half_open"]


class DeploymentHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment's state, for a status page. `reason` is why it rests; medians are of the last answers."""

    name: str
    state: State
    reason: FailureKind | None
    rest_seconds: float
    failures_in_a_row: int
    calls: int
    failures: int
    tokens_per_second: float | None
    ttft_seconds: float | None


class _Deployment:
    """What is remembered of one deployment."""

    def __init__(self) -> None:
        self.calls = 0
        self.failures = 0
        self.in_a_row = 0
        self.breaker_rests = 0
        self.standing_rests = 0
        self.rest_until = 0.0
        self.half_open = False
        self.probe_until = 0.0
        self.reason: FailureKind | None = None
        self.speeds: deque[float] = deque(maxlen=SAMPLES)
        self.middle: float | None = None
        """The median of `speeds`, once somebody has asked for it."""
        self.ttfts: deque[float] = deque(maxlen=SAMPLES)
        self.whole_times: deque[float] = deque(maxlen=TIMES)
        self.begin_times: deque[float] = deque(maxlen=TIMES)

    @property
    def speed(self) -> float | None:
        if self.middle is None and self.speeds:
            self.middle = median(self.speeds)
        return self.middle

    def rest(self, until: float, reason: FailureKind) -> None:
        if until >= self.rest_until:
            self.rest_until = until
            self.reason = reason

    def is_resting(self, now: float) -> bool:
        return now < self.rest_until or (self.half_open and now < self.probe_until)

    def state(self, now: float) -> State:
        if self.half_open:
            return "open" if now < self.rest_until else "half_open"
        return "cooling" if now < self.rest_until else "ok"

    def recovered(self) -> None:
        """It answers: whatever was held against it is over, but for a wait that the provider itself asked for."""
        self.in_a_row = self.breaker_rests = self.standing_rests = 0
        if self.half_open:
            self.half_open = False
            self.rest_until = self.probe_until = 0.0


class _Speeds(Mapping[str, float]):
    """What was measured, read where it is kept."""

    def __init__(self, deployments: Mapping[str, _Deployment]) -> None:
        self._deployments = deployments

    def __getitem__(self, name: str) -> float:
        known = self._deployments.get(name)
        if known is None or known.speed is None:
            raise KeyError(name)
        return known.speed

    def __iter__(self) -> Iterator[str]:
        return (name for name, known in self._deployments.items() if known.speeds)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Health:
    """Of one process. `clock` is monotonic seconds. Never decides: it says what is so, the ladder acts on it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._deployments: defaultdict[str, _Deployment] = defaultdict(_Deployment)
        self._speeds = _Speeds(self._deployments)
        self._troubled: set[str] = set()
        """Those that failed and have not answered since, or still rest: only they need be looked at for rests."""
        self._bucket = RETRY_START
        self._spent: deque[float] = deque(maxlen=RETRY_FLOOR)
        self._hedge_requests = 0

    def resting(self, names: Iterable[str] | None = None) -> frozenset[str]:
        """Those of `names`, or else of all, that should not be called now."""
        if not self._troubled:
            return _NONE
        now = self._clock()
        known, troubled = self._deployments, self._troubled
        looked_at = troubled if names is None else troubled.intersection(names)
        return frozenset([name for name in looked_at if known[name].is_resting(now)])

    def rest_seconds(self, names: Iterable[str]) -> float:
        """How long until the first of `names` may be called again; 0 where one of them does not rest."""
        now = self._clock()
        rests = [
            self._deployments[name].rest_until - now if name in self._deployments else 0.0 for name in names
        ]
        return max(0.0, min(rests, default=0.0))

    def began(self, name: str) -> None:
        """A call to this deployment goes out now. After a rest it is the probe, and the others wait for its result."""
        deployment = self._deployments.get(name)
        if deployment is not None and deployment.half_open:
            deployment.probe_until = self._clock() + PROBE_SECONDS

    def observe(self, name: str, result: CallResult) -> None:
        """Take in what came of a call."""
        deployment = self._deployments[name]
        deployment.calls += 1
        if result.failure is not None:
            self._failed(deployment, result.failure)
            self._troubled.add(name)
            return
        if name in self._troubled:
            self._recovered(name, deployment)
        deployment.whole_times.append(result.seconds)
        if result.ttft_seconds is not None and result.ttft_seconds < result.seconds:
            deployment.ttfts.append(result.ttft_seconds)
            if result.ttfa_seconds is not None:
                deployment.begin_times.append(result.ttfa_seconds)
        speed = tokens_per_second(result)
        if speed is not None:
            deployment.speeds.append(speed)
            deployment.middle = None

    def _recovered(self, name: str, deployment: _Deployment) -> None:
        deployment.recovered()
        if not deployment.is_resting(self._clock()):
            self._troubled.discard(name)

    def note_request(self) -> None:
        """A client's request came in: the budgets of retries and hedges grow."""
        if self._bucket < RETRY_CAP:
            self._bucket = min(RETRY_CAP, self._bucket + RETRY_PER_REQUEST)
        if self._hedge_requests < HEDGE_CAP * REQUESTS_PER_HEDGE:
            self._hedge_requests += 1

    def spend_retry(self) -> None:
        """A retry or a fallback goes out."""
        self._bucket = max(0.0, self._bucket - 1.0)
        self._spent.append(self._clock())

    @property
    def retry_tokens(self) -> float:
        """How many retries the process may still make. Small traffic always has three in ten seconds."""
        if not self._spent:
            return max(self._bucket, float(RETRY_FLOOR))
        since = self._clock() - RETRY_FLOOR_WINDOW_SECONDS
        recent = sum(1 for at in self._spent if at > since)
        return max(self._bucket, float(RETRY_FLOOR - recent))

    def spend_hedge(self) -> None:
        """A hedge goes out."""
        self._hedge_requests = max(0, self._hedge_requests - REQUESTS_PER_HEDGE)

    @property
    def hedge_tokens(self) -> float:
        """How many hedges the process may still make: one for 20 requests, counted from its start."""
        return self._hedge_requests / REQUESTS_PER_HEDGE

    def slow_after_seconds(self, names: Iterable[str], *, whole: bool) -> dict[str, float]:
        """After how long a call to each of these is slower than 95 % of its last answers; without who has too few.

        With `whole` it is the time to the end of the answer, else to a stream's first content.
        """
        known = [(name, self._deployments[name]) for name in names if name in self._deployments]
        times = [(name, d.whole_times if whole else d.begin_times) for name, d in known]
        return {name: _slow(seconds) for name, seconds in times if len(seconds) >= MIN_TIMES}

    def outrun(self, name: str, seconds: float, *, whole: bool) -> None:
        """A call was stopped after so long because another was faster: it would have taken longer than that.

        Without these, hedging would hide the slow calls from the measure that it goes by. One that was stopped before
        it was slow says nothing.
        """
        slow_after = self.slow_after_seconds((name,), whole=whole).get(name)
        if slow_after is not None and seconds >= slow_after:
            deployment = self._deployments[name]
            (deployment.whole_times if whole else deployment.begin_times).append(seconds)

    def measured_speed(self) -> Mapping[str, float]:
        """Output tokens per second of each deployment that has been measured: the median of its last answers.

        Each is worked out when it is asked for, which only some policies do.
        """
        return self._speeds

    def snapshot(self) -> tuple[DeploymentHealth, ...]:
        """Every deployment that was called, by name."""
        now = self._clock()
        return tuple(_shown(name, d, now) for name, d in sorted(self._deployments.items()))

    def _failed(self, deployment: _Deployment, failure: Failure) -> None:
        now = self._clock()
        deployment.failures += 1
        deployment.probe_until = 0.0
        asked = failure.retry_after_seconds
        if asked is not None:
            asked = min(asked, MAX_REST_SECONDS)
        if failure.kind in COUNTED:
            self._count(deployment, failure.kind, now)
            if asked is not None:
                deployment.rest(now + asked, failure.kind)
        elif failure.kind == "rate_limited":
            deployment.rest(now + (RATE_LIMIT_REST_SECONDS if asked is None else asked), failure.kind)
        elif failure.kind in STANDING:
            self._stand_aside(deployment, failure.kind, now, asked or 0.0)
        elif failure.kind not in SILENT:
            deployment.recovered()

    @staticmethod
    def _count(deployment: _Deployment, kind: FailureKind, now: float) -> None:
        deployment.in_a_row += 1
        # calls that were already under way when it opened do not lengthen the rest
        if deployment.in_a_row >= OPEN_AFTER_FAILURES and now >= deployment.rest_until:
            seconds = _doubled(FIRST_REST_SECONDS, deployment.breaker_rests, MAX_REST_SECONDS)
            deployment.breaker_rests += 1
            deployment.half_open = True
            deployment.rest(now + seconds, kind)

    @staticmethod
    def _stand_aside(deployment: _Deployment, kind: FailureKind, now: float, asked: float) -> None:
        if now < deployment.rest_until and deployment.reason == kind:
            return  # said by a call that was already under way
        seconds = _doubled(STANDING_REST_SECONDS, deployment.standing_rests, MAX_STANDING_REST_SECONDS)
        deployment.standing_rests += 1
        deployment.rest(now + max(seconds, asked), kind)


def _doubled(seconds: float, times: int, cap: float) -> float:
    return float(min(cap, seconds * 2 ** min(times, 16)))


def _slow(times: Iterable[float]) -> float:
    """The 95th percentile, by nearest rank: a value that really occurred."""
    ordered = sorted(times)
    return ordered[ceil(SLOW * len(ordered)) - 1]


def tokens_per_second(result: CallResult) -> float | None:
    """Output tokens per second of one good answer, where it is long enough to say.

    A stream is timed from its first token. Thinking that was not streamed was done by then, so that its tokens do not
    count; a whole answer is timed from the call's beginning and counts them all.
    """
    usage = result.usage
    if usage is None or usage.source == "partial" or result.ttft_seconds is None:
        return None
    tokens, seconds = usage.visible + usage.reasoning, result.seconds
    if result.ttft_seconds < result.seconds:
        seconds -= result.ttft_seconds
        if result.ttft_seconds == result.ttfa_seconds:
            tokens = usage.visible
    return tokens / seconds if tokens >= MIN_TOKENS and seconds > 0 else None


def _shown(name: str, deployment: _Deployment, now: float) -> DeploymentHealth:
    state = deployment.state(now)
    return DeploymentHealth(
        name=name,
        state=state,
        reason=None if state == "ok" else deployment.reason,
        rest_seconds=max(0.0, deployment.rest_until - now),
        failures_in_a_row=deployment.in_a_row,
        calls=deployment.calls,
        failures=deployment.failures,
        tokens_per_second=deployment.speed,
        ttft_seconds=median(deployment.ttfts) if deployment.ttfts else None,
    )
