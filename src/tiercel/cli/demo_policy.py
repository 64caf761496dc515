"""The demo's policy: the shipped one, with the examples of gates switched on that it has in comments."""

import re

from tiercel.domain.policy import Policy
from tiercel.policy import read_policy, shipped_policy_text

HEAD = "# ── Examples: gates that ask other models"


def demo_policy() -> Policy:
    """As an operator has it who takes away the marks of the examples."""
    return read_policy(with_examples(shipped_policy_text()), "policy.toml of the demo")


def with_examples(text: str) -> str:
    """The text with the paragraph behind the examples' introduction no comment any more."""
    before, found = text.split(HEAD)
    introduction, examples, rest = found.split("\n\n", 2)
    examples = re.sub(r"^# ?", "", examples, flags=re.MULTILINE)
    return f"{before}{HEAD}{introduction}\n\n{examples}\n\n{rest}"
