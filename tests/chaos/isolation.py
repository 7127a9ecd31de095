"""R18: every route, caller and tenant; then again without each tenant filter in turn, which must show."""

import re
import subprocess
import sys
from collections.abc import Sequence

from tests.chaos.report import Outcome
from tests.chaos.stand import Stand
from tests.harness import ROOT

MATRIX = "tests/gateway/test_isolation.py"
MUTATION = "tests/gateway/test_mutation.py"


def r18(stand: Stand, outcome: Outcome, *, files: Sequence[str]) -> None:
    """Runs the tests of the matrix and of its mutants, which start their own servers."""
    argv = [sys.executable, "-m", "pytest", "-n", "0", "-q", "-s", "-p", "no:cacheprovider", *files]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    stand.say(done.stdout[-2000:] if done.returncode else "")
    figures = re.search(r"(\d+) tenant filters, (\d+) caught", done.stdout)
    filters, caught = (int(figures[1]), int(figures[2])) if figures else (0, -1)
    outcome.require(0 < filters == caught, "tenant filters, caught", [filters, caught])
    outcome.require(done.returncode == 0, "status of the tests", done.returncode)
