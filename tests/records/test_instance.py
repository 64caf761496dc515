"""The name of a data folder's server."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tiercel.records.instance import instance_of


def test_threads_that_ask_at_once_agree(tmp_path: Path) -> None:
    """Ingest and budgets both ask at a first start; there is one name, and it stays."""
    for number in range(20):
        folder = tmp_path / str(number)
        folder.mkdir()
        with ThreadPoolExecutor(8) as threads:
            names = set(threads.map(instance_of, [folder] * 8))
        assert names == {instance_of(folder)}
