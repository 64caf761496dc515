"""Plan + attempts + conditions to the next step: retry, fallback, re-ask, escalation, deliver, give up. Pure."""
