"""Answer to verdict: one check per file. A check measures; the policy decides."""
