"""Request + policy to plan: facts, filters, rules, ladder, guard. Pure: no I/O, no clock, no randomness."""
