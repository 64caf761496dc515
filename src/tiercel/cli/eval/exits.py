"""What `tiercel eval` says by its exit code, for CI: an answer that is no, is another thing than no answer."""

PASSED = 0
FAILED = 1
"""A gate failed: a candidate is worse, or broke a guardrail."""
USAGE = 2
"""Wrong arguments or files."""
UNDECIDED = 3
"""It ran, and more items are needed to decide."""
INTERRUPTED = 4
"""Providers could not be reached, or the budget was reached: what was finished is kept."""

OF_OUTCOME = {"passed": PASSED, "failed": FAILED, "undecided": UNDECIDED, "unanswered": INTERRUPTED}
"""What the gate's word for an assessment exits with."""
