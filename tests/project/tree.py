"""The repository's files, as the tests of this folder look at them."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("schemas", "domain", "streams", "agents", "sinks", "connectors", "gateway", "runtime", "examples", "deploy")
OURS = frozenset({*PRODUCT, "dashboard", "tests", "benchmarks", "docs"})
"""Top-level names that are ours."""


@cache
def files() -> tuple[str, ...]:
    """Returns the paths of all files that are committed, or would be."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(sorted(path for path in listed.split("\0") if path and (ROOT / path).is_file()))


def modules(*folders: str) -> list[str]:
    """Returns the paths of the Python files in these folders, of all when none is named."""
    return [path for path in files() if path.endswith(".py") and (not folders or path.split("/")[0] in folders)]


def read(path: str) -> str:
    """Returns the text of a file of the repository."""
    return (ROOT / path).read_text(encoding="utf-8")
