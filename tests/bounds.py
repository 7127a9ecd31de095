"""Runs code with every index of compiled code checked, which it otherwise is not."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def bounds_checked(code: str, cache: Path, *paths: Path) -> str:
    """Runs Python with these folders and the project on its path; returns what it printed; fails when it fails.

    What it compiles goes to `cache`.
    """
    environment = os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(cache)}
    known = f"import sys; sys.path[:0] = {[str(each) for each in (*paths, ROOT)]!r}; "
    run = subprocess.run(
        [sys.executable, "-c", known + code], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout
