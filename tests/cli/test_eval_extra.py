"""Without the extra `evals`, comparing and reporting say in one line what to install."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("command", ["compare", "report", "judge-check"])
@pytest.mark.parametrize("library", ["numpy", "scipy"])
def test_what_is_missing_is_told_with_the_fix(command: str, library: str, tmp_path: Path) -> None:
    code = (
        f"import sys; sys.modules[{library!r}] = None\n"
        f"from tiercel.cli.main import main; sys.exit(main(['eval', {command!r}, 'runs/a']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr == f"tiercel: {library} is not installed: pip install 'tiercel[evals]'\n"
