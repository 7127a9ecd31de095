"""Whatever is wrong with a file is one line that names file, row and cause; what stands before it is kept."""

import gzip
from hashlib import sha256
from pathlib import Path

import pytest
from ingest_doubles import ListPublisher, pack, rows, source, take, write

from connectors.files.content import open_content
from connectors.files.errors import BadFile
from connectors.files.formats import kind_of
from connectors.files.rows import ROW_BYTES_MAX
from connectors.ingest import IngestStopped
from schemas.catalogue import DOOR_BYTES_MAX

HEADER = "id,what,at,note\n"
GOOD = "o-1,paid,2026-01-01,x\n"


async def refused(path: Path, **options: object) -> str:
    publisher = ListPublisher()
    with pytest.raises(BadFile) as caught:
        await take(path, source(**options), publisher)
    assert not publisher.records
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def stopped(path: Path, **options: object) -> tuple[str, int]:
    """The line it stops with, and how many rows are on the log."""
    publisher = ListPublisher()
    with pytest.raises(IngestStopped) as caught:
        await take(path, source(**options), publisher)
    counted = caught.value.ingested
    assert counted.read == counted.accepted + counted.duplicates + counted.rejected
    assert counted.accepted == len(publisher.events)
    assert not counted.complete
    assert "\n" not in str(caught.value)
    if publisher.written:
        assert publisher.written[-1].rows == counted.accepted
    return str(caught.value), len(publisher.events)


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("a.csv", b"", "a.csv: is empty"),
        ("a.csv.gz", gzip.compress(b"", mtime=0), "a.csv.gz: is empty"),
        ("a.csv", b"\n\n", "a.csv: has no header"),
        ("a.csv", b"id,what,at,id\n", "a.csv: column 'id' stands twice in the header"),
        ("a.csv", b"id,when,at\n", "a.csv: no column 'what'; there are: id, when, at"),
        ("a.csv", b"PK\x03\x04rest", "a.csv: is a zip archive (an Excel workbook is one, too), not csv"),
        ("a.csv", gzip.compress(b"id", mtime=0), "a.csv: is gzip, not csv"),
        ("a.csv", b"id,what\0", "a.csv: is binary (a NUL byte at byte 8), not csv"),
        ("a.csv", "id".encode("utf-16"), "a.csv: is UTF-16; its source has to say so (format: encoding: utf-16)"),
        ("a.csv", b"id\xff,what\n", "a.csv: the header holds"),
        ("a.csv.gz", b"id,what\n", "a.csv.gz: is not gzip, as its name says"),
        ("a.csv.zst", b"id,what\n", "a.csv.zst: is not zstd, as its name says"),
        ("a.parquet", b"id,what\n", "a.parquet: is not Parquet, but something else"),
        ("a.parquet", b"PAR1 and no more", "a.parquet: its Parquet cannot be read: "),
        ("a.avro", b"Obj\x01\x02", "a.avro: "),
        ("a.avro.gz", gzip.compress(b"id,what\n", mtime=0), "a.avro.gz: is not Avro, but something else"),
        ("a.xlsx", b"PK\x03\x04", "a.xlsx: the name ends in no known format (.csv, .tsv,"),
        ("a.gz", b"", "a.gz: the name ends in no known format"),
    ],
)
async def test_a_file_that_is_not_what_it_should_be_is_refused(
    tmp_path: Path, name: str, content: bytes, line: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert (await refused(tmp_path / name)).startswith(line)


async def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert await refused(tmp_path / "gone.csv") == "gone.csv: no such file"
    (tmp_path / "folder.csv").mkdir()
    assert await refused(tmp_path / "folder.csv") == "folder.csv: is not a file"


async def test_two_columns_that_would_be_one_attribute_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,what,at,Org Line,org:line\n")
    line = await refused(tmp_path / "a.csv")
    assert line == "a.csv: columns 'Org Line' and 'org:line' would both be attribute org_line: name them in the source"


@pytest.mark.parametrize(
    ("bad", "line"),
    [
        (b"o-2,paid,yesterday,x", "row 2 (line 3): column 'at': 'yesterday' is no time (iso8601)"),
        (b"o-2,paid,,x", "row 2 (line 3): column 'at', the time, is empty"),
        (b" ,paid,2026-01-01,x", "row 2 (line 3): column 'id', the subject, is empty"),
        (b"o-2,,2026-01-01,x", "row 2 (line 3): column 'what', the type, is empty"),
        (b"o-2,paid,2026-01-01,x,y", "row 2 (line 3): has 5 fields, the header 4"),
        (b"o-2,paid", "row 2 (line 3): has 2 fields, the header 4"),
        (b"o-2,paid,2026-01-01,caf\xe9", "row 2 (line 3): holds bytes that are no text in the file's encoding"),
        (b'o-2,paid,2026-01-01,"a"b', "row 2 (line 3): a misplaced quote (',' expected after '\"')"),
        (b'o-2,paid,2026-01-01,"a\nb"c', "row 2 (lines 3 to 4): a misplaced quote"),
    ],
)
async def test_a_bad_row_stops_the_ingest_unless_it_may_be_skipped(tmp_path: Path, bad: bytes, line: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes((HEADER + GOOD).encode() + bad + b"\n" + GOOD.encode())
    said, kept = await stopped(path)
    assert said.startswith(f"a.csv: {line}")
    assert kept == 1
    publisher = ListPublisher()
    told: list[object] = []
    done = await take(path, source(), publisher, bad_rows_max=None, rejections=told.append)
    assert (done.accepted, done.rejected, done.complete) == (2, 1, True)
    assert str(told[0]) == said
    assert [event.origin_row for event in publisher.events] == [0, 2]


async def test_a_nul_byte_far_behind_is_a_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes((HEADER + GOOD * 4000).encode() + b"o-2,paid,2026-01-01,\0\n")
    assert await stopped(path) == ("a.csv: row 4001 (line 4002): holds a NUL byte", 4000)


async def test_a_bad_number_is_a_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEADER + GOOD)
    line, _ = await stopped(path, attributes={"note": {"type": "integer"}})
    assert line == "a.csv: row 1 (line 2): column 'note': 'x' is no integer"


async def test_an_event_larger_than_the_doors_allow_is_a_bad_row(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [*rows(1), {**rows(1)[0], "note": "x" * DOOR_BYTES_MAX}])
    line, kept = await stopped(path)
    assert line.startswith("a.jsonl: row 2 (line 2): an event of 1048")
    assert kept == 1


async def test_lines_that_are_no_json_objects_are_bad_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = b'{"id": 1, "what": "paid", "at": "2026-01-01"}\n'
    path.write_bytes(good + b'{"id": \n[1]\n{"id": "\xff"}\n{"id": "\\ud800"}\n' + b"[" * 5000 + b"\n\n" + good)
    publisher = ListPublisher()
    told: list[object] = []
    done = await take(path, source(), publisher, bad_rows_max=None, rejections=told.append)
    assert (done.read, done.accepted, done.rejected) == (7, 2, 5)
    assert str(told[1]) == "a.jsonl: row 3 (line 3): is an array, not an object"


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "json", "avro"])
@pytest.mark.parametrize("packed", ["gz", "zst"])
async def test_a_truncated_file_gives_the_rows_before_the_cut(tmp_path: Path, kind: str, packed: str) -> None:
    content = [{**row, "note": sha256(row["note"].encode()).hexdigest()} for row in rows(9000)]
    path = write(tmp_path / f"a.{kind}.{packed}", content)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    line, kept = await stopped(path)
    assert line == f"a.{kind}.{packed}: ends in the middle, after row {kept}"
    assert 3000 < kept < 9000


@pytest.mark.parametrize("packed", ["gz", "zst"])
async def test_a_truncated_parquet_is_refused(tmp_path: Path, packed: str) -> None:
    path = write(tmp_path / f"a.parquet.{packed}", rows(9000))
    path.write_bytes(path.read_bytes()[:-3000])
    assert await refused(path) == f"a.parquet.{packed}: ends in the middle"


async def test_a_file_cut_off_in_its_head_is_taken_on_when_all_of_it_is_there(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv.gz", rows(300))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    publisher = ListPublisher()
    with pytest.raises(IngestStopped):
        await take(path, source(), publisher)
    before = len(publisher.events)
    path.write_bytes(whole)
    done = await take(path, source(), publisher)
    assert (done.duplicates, done.accepted) == (before, 300 - before)
    assert len(publisher.distinct) == len(publisher.events) == 300


async def test_damage_inside_compressed_content_names_the_row(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv.gz", [{**row, "note": sha256(row["note"].encode()).hexdigest()} for row in rows(9000)]
    )
    whole = bytearray(path.read_bytes())
    whole[-6] ^= 0xFF  # in the checksum
    path.write_bytes(whole)
    line, kept = await stopped(path)
    assert line.startswith("a.csv.gz: is damaged (gzip: ")
    assert line.endswith(f", after row {kept}")


@pytest.mark.parametrize(
    ("tail", "cause"),
    [
        ('o-2,paid,2026-01-01,"open\n' + GOOD, "line 3 opens a quote that is never closed, after row 1"),
        (
            'o-2,paid,2026-01-01,"open\n' + GOOD * (DOOR_BYTES_MAX // len(GOOD) + 1),
            f"line 3 opens a field of more than {DOOR_BYTES_MAX} bytes, or a quote that is never closed, after row 1",
        ),
        ("o" * (ROW_BYTES_MAX + 1), None),
    ],
)
async def test_an_unclosed_quote_or_a_huge_field_ends_the_file(tmp_path: Path, tail: str, cause: str | None) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEADER + GOOD + tail)
    line, kept = await stopped(path)
    assert kept == 1
    assert cause is None or line == f"a.csv: {cause}"


@pytest.mark.parametrize(
    ("tail", "cause"),
    [
        (', {"id": "o-2", ', "ends in the middle, after row 1"),
        (', {"id": nope}]', "is not JSON: Expecting value near"),
        (" {}]", "has '{' where a comma or the array's end belongs, after row 1"),
        ("] x", "goes on behind the array's end with 'x', after row 1"),
        (', {"id": "\xff"}]', "is no utf-8 text: invalid start byte, after row 1"),
        (', {"id": NaN}]', "is not JSON that can be read: NaN is no JSON number, after row 1"),
    ],
)
async def test_an_array_that_goes_wrong_gives_the_rows_before(tmp_path: Path, tail: str, cause: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(('[{"id": "o-1", "what": "paid", "at": "2026-01-01"}' + tail).encode("latin-1"))
    line, kept = await stopped(path)
    assert line.startswith(f"a.json: {cause}")
    assert kept == 1


async def test_another_encoding_is_read_when_the_source_says_so(tmp_path: Path) -> None:
    for encoding in ("utf-16", "cp1252"):
        path = tmp_path / "a.csv"
        path.write_bytes((HEADER + "o-1,paid,2026-01-01,Café\n").encode(encoding))
        publisher = ListPublisher()
        await take(path, source(format={"encoding": encoding}), publisher)
        assert publisher.events[0].attributes == {"note": "Café"}


def test_a_bomb_unfolds_in_small_pieces(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv.zst"
    path.write_bytes(pack(bytes(200 * 1024 * 1024), "zst"))
    content = open_content(path, kind_of(path))
    assert len(content.stream.read1(1024)) == 1024
    assert content.position <= 2048
    content.close()
