"""A changed policy as a file of its own: what changes, and that nothing else does."""

import pytest

from tiercel.domain.errors import ConfigError
from tiercel.domain.policy import Evidence
from tiercel.policy import read_policy, shipped_policy, shipped_policy_text
from tiercel.policy.proposal import PROPOSED, lead_with

EVIDENCE = Evidence(date="2026-11-21", source='run_1: "not worse"\nby far')
PLAIN = """version = 1
[tiers.fast]
members = ["little"]
[[rules]]
name = "code"
ladder = ["fast"]
[[rules]]
name = "chat"   # mine
ladder = [
  "fast", # cheap
  "large",
]
why = "because"
"""
ELSEWHERE = PLAIN + '[rules.shadow]\ncandidates = ["large"]\nshare = 0.1\nbudget_usd_per_day = 1\n'
EVIDENT = PLAIN + '[rules.evidence]\ndate = "2025-01-01"\nsource = "older"\n'
INLINE = """version = 1
tiers = { fast = { members = ["little"] } }
rules = [
  { name = "chat", ladder = ["fast", "large"] },  # one of many
]
"""
DOS = PLAIN.replace("\n", "\r\n")


@pytest.mark.parametrize(
    "text", [PLAIN, ELSEWHERE, EVIDENT, INLINE, DOS], ids=["plain", "below", "older", "inline", "dos"]
)
def test_the_rule_begins_with_the_entry(text: str) -> None:
    """However the file is written; whoever stood there comes next, and nobody is lost."""
    before, after = (
        read_policy(text),
        read_policy(lead_with(text, "policy.toml", "chat", "large", EVIDENCE).text),
    )
    (rule,) = (one for one in after.rules if one.name == "chat")
    (former,) = (one for one in before.rules if one.name == "chat")
    assert (rule.ladder, rule.evidence) == (("large", "fast"), EVIDENCE)
    assert (rule.why, rule.shadow) == (former.why, former.shadow)
    assert [one for one in after.rules if one.name != "chat"] == [
        one for one in before.rules if one.name != "chat"
    ]
    assert after.tiers == before.tiers


def test_comments_and_order_stay() -> None:
    """Line by line only the rule's own lines differ."""
    proposal = lead_with(shipped_policy_text(), "policy.toml", "everyday", "claude-haiku-4-5@low", EVIDENCE)
    changed = [
        line for line in proposal.diff.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]
    assert changed[0] == '-ladder = ["fast", "balanced"]'
    assert changed[1] == '+ladder = ["claude-haiku-4-5@low", "fast", "balanced"]'
    assert changed[2].startswith('+evidence = {date = "2026-11-21"')
    assert len(changed) == 3
    assert proposal.diff.startswith(f"--- policy.toml\n+++ {PROPOSED}\n")


@pytest.mark.parametrize("name", [rule.name for rule in shipped_policy().rules])
def test_every_shipped_rule_can_be_led(name: str) -> None:
    """The proposal can be read again, and has the evidence."""
    proposal = lead_with(shipped_policy_text(), "policy.toml", name, "x@low", EVIDENCE)
    (rule,) = (one for one in read_policy(proposal.text).rules if one.name == name)
    assert rule.ladder[0] == "x@low"
    assert proposal.words[1].startswith("Its ladder: x@low > ")


@pytest.mark.parametrize(
    ("rule", "entry", "said"),
    [
        ("other", "large", "there is no rule 'other' any more"),
        ("chat", "fast", "ladder begins with 'fast' already"),
    ],
)
def test_what_cannot_be_proposed(rule: str, entry: str, said: str) -> None:
    """The file and the key are named."""
    with pytest.raises(ConfigError, match=f"policy.toml: .*{said}"):
        lead_with(PLAIN, "policy.toml", rule, entry, EVIDENCE)


def test_a_split_takes_the_first_place() -> None:
    """Whoever leads a rule with a split would be asked by nobody."""
    arms = "a = { use = 'fast', share = 0.5 }\nb = { use = 'other', share = 0.5 }\n"
    split = f"{PLAIN}[rules.split]\nname = 's'\n[rules.split.arms]\n{arms}"
    with pytest.raises(ConfigError, match="end the split first"):
        lead_with(split, "policy.toml", "chat", "large", EVIDENCE)
