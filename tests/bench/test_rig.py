"""What the benchmark needs and does not find, it names."""

from pathlib import Path

import pytest

from bench.rig import BenchError, set_up


def test_missing_tools_are_named(tmp_path: Path) -> None:
    (tmp_path / "mock.c").write_text("int main(void) { return 0; }")
    with pytest.raises(BenchError, match=r"lg\.c, nginx_proxy\.conf not found .* --tools"):
        set_up(tmp_path, tmp_path)
