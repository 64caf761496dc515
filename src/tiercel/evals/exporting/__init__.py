"""A run's answers as other programs read them: lines of JSON, CSV, Parquet, and the logs of Inspect and promptfoo."""

from tiercel.evals.exporting.formats import FORMATS, export_run, pieces

__all__ = ["FORMATS", "export_run", "pieces"]
