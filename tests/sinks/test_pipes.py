"""What an engine reads as a file is written nowhere."""

from pathlib import Path
from random import Random

import pytest

from schemas.errors import Rejected
from sinks.embedded import ChdbEngine
from sinks.engine import Load
from sinks.pipes import pipe


def open_files() -> set[Path]:
    return set(Path("/dev/fd").iterdir())


@pytest.mark.parametrize("size", [0, 1, 70_000, 5_000_000])
def test_a_content_is_read_whole(size: int) -> None:
    content = Random(size).randbytes(size)

    with pipe(content) as path:
        assert Path(path).read_bytes() == content


def test_a_view_is_written_as_the_bytes_it_shows() -> None:
    data = bytes(range(256)) * 40_000

    with pipe(memoryview(data)[3:-5]) as path:
        assert Path(path).read_bytes() == data[3:-5]


def test_what_nobody_reads_holds_up_nobody_and_leaves_nothing_open() -> None:
    before = open_files()
    large = bytes(4 * 1024 * 1024)

    with pipe(large):
        pass
    with pipe(large) as path, Path(path).open("rb") as begun:
        begun.read(10)

    assert open_files() == before


def test_an_error_of_the_reader_goes_through() -> None:
    before = open_files()

    with pytest.raises(LookupError), pipe(bytes(4 * 1024 * 1024)):
        raise LookupError

    assert open_files() == before


def test_an_insert_that_fails_in_the_middle_of_a_large_content_ends(engine: ChdbEngine, database: str) -> None:
    engine.execute(f"CREATE TABLE {database}.kept (a String) ENGINE = MergeTree ORDER BY a")
    load = Load(into=f"{database}.kept", columns="a", values="a", structure="a String")

    with pytest.raises(Rejected):
        engine.insert(load, b"\x01a" + b"\xff" * (1 << 23))

    assert engine.execute(f"SELECT count() FROM {database}.kept").strip() == b"[0]"
