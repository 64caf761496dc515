"""What scores and times are evidence of: one module for each question that a comparison of models asks.

| Question | Module |
|---|---|
| how good is this one? | `score` |
| what do repeats of the same item say? | `repeats` |
| is one better than the other on the same items? | `paired`, `bootstrap` |
| is one better than the other on different items? | `independent` |
| may the cheap one take over? | `comparison` (on items fixed before), `sequential` (looked at at any time) |
| how many items does that take? | `planning` |
| and with several candidates? | `multiple` |
| what do few human labels make of many judge verdicts? | `prediction_powered`, `labels` |
| do two, or several, say the same beyond chance? | `agreement` |
| how fast, and how sure is that? | `latency` |
| what does one successful task cost? | `cost` |

Arithmetic on what it is handed: no file, no clock, no call, and random draws only from a seed that is handed in.
`betting`, `independent` and `sequential` are plain Python; the others need the extra `evals`. Importing this package
imports none of them. The bets themselves are `tiercel.measure.betting`, which a running server uses.
"""
