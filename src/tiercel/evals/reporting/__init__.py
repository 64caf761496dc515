"""An assessment as people and pipelines read it: HTML, Markdown, JSON, CSV, JUnit, GitHub annotations.

All open with the same sentences (`words`) and hold the same table (`table`). What a model said is text everywhere: it
is escaped for the format that it stands in, and cut where it is long.
"""
