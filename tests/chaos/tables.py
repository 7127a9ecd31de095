"""What ClickHouse holds at the end, asked by a process of its own: one process owns the folder at a time."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.harness import ROOT

TOPICS = ("business-events", "agent-steps", "dead-letters")
"""What the pipeline's sink keeps."""


def query(folder: Path, sql: str) -> Iterator[list[str]]:
    """Yields the rows of a query on the views of a folder that nobody has open, as text."""
    with TemporaryDirectory() as spool:
        out = Path(spool) / "rows.tsv"
        subprocess.run([sys.executable, "-m", "tests.chaos.tables", str(folder), str(out), sql], cwd=ROOT, check=True)
        with out.open(newline="\n") as lines:
            for line in lines:
                yield line.rstrip("\n").split("\t")


def main() -> None:
    """Writes the rows of the query to a file: FOLDER FILE SQL."""
    from sinks.embedded import ChdbEngine

    folder, out, sql = sys.argv[1:]
    engine = ChdbEngine(Path(folder))
    Path(out).write_bytes(engine.execute(f"{sql} FORMAT TSVRaw"))
    engine.close()


if __name__ == "__main__":
    main()
