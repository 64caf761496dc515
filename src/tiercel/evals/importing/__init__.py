"""Other tools' evaluations as eval.yaml and items.jsonl, with a list of what could not be carried over.

Nothing of a file is ever run: what would need that is told, with its line.
"""

from tiercel.evals.importing.imported import Imported
from tiercel.evals.importing.sources import SOURCES, import_file

__all__ = ["SOURCES", "Imported", "import_file"]
