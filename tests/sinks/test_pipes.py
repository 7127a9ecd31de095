"""What an engine reads as files is written nowhere."""

from pathlib import Path
from random import Random

import pytest

from schemas.errors import Rejected
from sinks.embedded import ChdbEngine
from sinks.engine import Load
from sinks.pipes import pipes


def open_files() -> set[Path]:
    return set(Path("/dev/fd").iterdir())


def test_contents_in_any_number_of_pieces_are_read_whole_and_in_any_order() -> None:
    chance = Random(7)
    contents = [[chance.randbytes(chance.randrange(5_000)) for _ in range(count)] for count in (0, 1, 700, 1500)]

    with pipes(contents) as paths:
        read = [Path(path).read_bytes() for path in reversed(paths)]

    assert read[::-1] == [b"".join(pieces) for pieces in contents]


def test_views_are_written_as_the_bytes_they_show() -> None:
    data = bytes(range(256)) * 40_000

    with pipes([[memoryview(data)[3:], memoryview(data)[:-5]]]) as [path]:
        assert Path(path).read_bytes() == data[3:] + data[:-5]


def test_what_nobody_reads_holds_up_nobody_and_leaves_nothing_open() -> None:
    before = open_files()
    large = [bytes(4 * 1024 * 1024)]

    with pipes([large, large, [b"little"]]) as paths, Path(paths[0]).open("rb") as begun:
        begun.read(10)

    assert open_files() == before


def test_an_error_of_the_reader_goes_through() -> None:
    before = open_files()

    with pytest.raises(LookupError), pipes([[bytes(4 * 1024 * 1024)]]):
        raise LookupError

    assert open_files() == before


def test_an_insert_that_fails_in_the_middle_of_a_large_content_ends(engine: ChdbEngine, database: str) -> None:
    engine.execute(f"CREATE TABLE {database}.kept (a String) ENGINE = MergeTree ORDER BY a")
    load = Load(into=f"INSERT INTO {database}.kept SELECT a FROM ", structure="a String", checks="")

    with pytest.raises(Rejected):
        engine.insert(load, b"Obj\x01" + bytes(1 << 23))

    assert engine.execute(f"SELECT count() FROM {database}.kept").strip() == b"[0]"
