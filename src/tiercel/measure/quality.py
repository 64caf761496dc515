"""How well: what succeeded, what a check has verified, what users said."""

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from tiercel.domain.record import Feedback, Outcome, Record
from tiercel.measure.rate import Rate, rate
from tiercel.records.tally import OUTCOMES, RequestTally


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """`success` is the share of successful tasks among all requests; `verified` the share of those successes that a
    check beyond `finished` has measured; `accepted` the share of yes among the users' yes and no."""

    success: Rate
    verified: Rate
    accepted: Rate
    outcomes: dict[str, int]


def quality(records: Sequence[Record], feedback: Mapping[str, Feedback]) -> Quality:
    """The quality of these records; `feedback` is the one that counts of each record, by its id."""
    successes = [record for record in records if is_success(record, feedback)]
    said = [feedback[record.id].verdict for record in records if record.id in feedback]
    opinions = [verdict for verdict in said if verdict is not None]
    outcomes = Counter(record.outcome for record in records)
    return Quality(
        success=rate(len(successes), len(records)),
        verified=rate(sum(record.verified for record in successes), len(successes)),
        accepted=rate(opinions.count("accepted"), len(opinions)),
        outcomes=most_first(outcomes),
    )


def quality_of(tally: RequestTally) -> Quality:
    """The same from sums."""
    counts = tally.counts
    successes = counts["passed"] - counts["rejected_passed"]
    return Quality(
        success=rate(successes, counts["requests"]),
        verified=rate(counts["verified"] - counts["rejected_verified"], successes),
        accepted=rate(counts["accepted"], counts["opinions"]),
        outcomes=most_first({outcome: counts[outcome] for outcome in OUTCOMES}),
    )


def most_first(outcomes: Mapping[Outcome, int]) -> dict[str, int]:
    """The outcomes that there were, the most frequent first, else in the order of their names' list."""
    found = [outcome for outcome in OUTCOMES if outcomes.get(outcome)]
    return {str(outcome): outcomes[outcome] for outcome in sorted(found, key=lambda name: -outcomes[name])}


def is_success(record: Record, feedback: Mapping[str, Feedback]) -> bool:
    """A successful task: delivered, every gate passed, not rejected by the user."""
    said = feedback.get(record.id)
    return record.outcome == "passed" and (said is None or said.verdict != "rejected")
