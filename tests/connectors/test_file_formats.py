"""Every format and compression gives the same rows."""

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ingest_doubles import COMPRESSIONS, FORMATS, ListPublisher, pack, rows, source, take, write

from connectors.files import json_rows
from connectors.files.content import digest
from connectors.files.json_rows import JsonReader
from connectors.files.rows import Unreadable
from connectors.files.table import Table

ODD = [
    {"id": "o-1", "what": 'says "hello", twice', "at": "2026-01-01T00:00:00+01:00", "note": "two\nlines; ümläut €"},
    {"id": "o-2", "what": "paid", "at": "2026-01-01", "note": ""},
]


VALUES = st.recursive(st.integers() | st.text() | st.booleans() | st.none(), lambda inner: st.lists(inner, max_size=3))


def _rows(path: Path) -> list[object]:
    with Table(path) as table:
        return list(table)


@pytest.mark.parametrize("packed", COMPRESSIONS)
@pytest.mark.parametrize("kind", FORMATS)
async def test_every_format_and_compression_gives_the_same_events(tmp_path: Path, kind: str, packed: str) -> None:
    content = ODD + rows(4100)
    publisher = ListPublisher()
    done = await take(write(tmp_path / f"orders.{kind}{packed}", content), source(), publisher)
    assert (done.read, done.accepted, done.complete) == (4102, 4102, True)
    events = publisher.events
    assert [(e.subject, e.type, e.attributes, e.origin_row) for e in events] == [
        (row["id"], row["what"], {"note": row["note"]} if row["note"] else {}, n) for n, row in enumerate(content)
    ]
    assert events[0].occurred_at == datetime(2025, 12, 31, 23, tzinfo=UTC)
    assert events[1].occurred_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert all(e.correlation_id == e.event_id and e.causation_id is None for e in events)


@pytest.mark.parametrize("kind", FORMATS)
async def test_a_compressed_file_is_the_same_file(tmp_path: Path, kind: str) -> None:
    plain = write(tmp_path / f"orders.{kind}", rows(50))
    publisher = ListPublisher()
    await take(plain, source(), publisher)
    for packed in ("gz", "zst"):
        again = tmp_path / f"orders.{kind}.{packed}"
        again.write_bytes(pack(plain.read_bytes(), packed))
        assert (await take(again, source(), publisher)).duplicates == 50
    assert len(publisher.events) == 50


def test_the_digest_is_of_the_first_64_kib_and_the_place_on_the_disk_is_known(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.csv.gz", rows(9000))
    with Table(path) as table:
        head = write(tmp_path / "orders.csv", rows(9000)).read_bytes()[: 64 * 1024]
        assert digest(table.head) == digest(head)
        list(table)
        assert table.position == table.size == path.stat().st_size


def test_gzip_members_and_zstd_frames_follow_each_other(tmp_path: Path) -> None:
    text = write(tmp_path / "orders.jsonl", rows(20)).read_bytes()
    for packed, padding in (("gz", b"\0" * 9), ("zst", b"\x50\x2a\x4d\x18\x02\x00\x00\x00ab")):
        path = tmp_path / f"joined.jsonl.{packed}"
        path.write_bytes(pack(text, packed) + pack(text, packed) + padding)
        assert len(_rows(path)) == 40


def test_a_single_object_and_objects_one_after_the_other_are_rows(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text('\ufeff {"id": 1}\n', "utf-8")
    assert _rows(path) == [{"id": 1}]
    path.write_text('{"id": 1}\n{"id": 2}')
    assert _rows(path) == [{"id": 1}, {"id": 2}]
    path.write_text(" [ ] ")
    assert _rows(path) == []


@settings(max_examples=40, deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=9), VALUES, max_size=4), max_size=6))
def test_a_json_array_is_read_through_a_window_of_any_size(content: list[dict[str, object]]) -> None:
    text = json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")
    whole = json.loads(text)
    window = json_rows.WINDOW
    try:
        for size in (1, 2, 7, 64):
            json_rows.WINDOW = size
            reader = JsonReader(io.BufferedReader(io.BytesIO(text)))  # type: ignore[arg-type]
            assert list(reader) == whole
    finally:
        json_rows.WINDOW = window


def test_an_element_that_is_no_object_is_one_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "mixed.json"
    path.write_text('[{"id": 1}, 12, [1], "x", {"id": 2}]')
    found = _rows(path)
    assert [row.reason for row in found if isinstance(row, Unreadable)] == [
        "is a number, not an object",
        "is an array, not an object",
        "is a text, not an object",
    ]
    assert [row for row in found if isinstance(row, dict)] == [{"id": 1}, {"id": 2}]


async def test_typed_values_of_avro_parquet_and_json_get_one_spelling(tmp_path: Path) -> None:
    at = datetime(2026, 3, 17, 8, 30, tzinfo=UTC)
    row = {"id": 7, "what": "paid", "at": at, "total": Decimal("1200.50"), "ok": True, "day": date(2026, 3, 18)}
    row |= {"lines": [{"n": 2, "a": 1}], "part": 0.25, "raw": b"ab", "none": None}
    out = io.BytesIO()
    kinds = {"id": "long", "what": "string", "ok": "boolean", "part": "double", "raw": "bytes"} | {
        "none": ["null", "string"],
        "at": {"type": "long", "logicalType": "timestamp-micros"},
        "total": {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2},
        "day": {"type": "int", "logicalType": "date"},
        "lines": {"type": "array", "items": {"type": "map", "values": "long"}},
    }
    fields = [{"name": name, "type": kind} for name, kind in kinds.items()]
    fastavro.writer(out, {"type": "record", "name": "R", "fields": fields}, [row])
    (tmp_path / "a.avro").write_bytes(out.getvalue())
    table = pa.table({name: [value] for name, value in row.items()})
    nanos = pa.array([at], pa.timestamp("us", "UTC")).cast(pa.int64()).to_pylist()[0] * 1000 + 1
    table = table.set_column(2, "at", pa.array([nanos]).cast(pa.timestamp("ns", "UTC")))
    pq.write_table(table, tmp_path / "a.parquet")
    text = '{"id":7,"what":"paid","at":"2026-03-17T08:30:00Z","total":1200.50,"ok":true,"day":"2026-03-18",'
    (tmp_path / "a.jsonl").write_text(text + '"lines":[{"n":2,"a":1}],"part":0.25,"raw":"YWI=","none":null}\n')
    for name in ("a.avro", "a.parquet", "a.jsonl"):
        publisher = ListPublisher()
        await take(tmp_path / name, source(), publisher)
        (event,) = publisher.events
        assert (event.subject, event.occurred_at) == ("7", at)
        assert event.attributes == {
            "total": "1200.5",
            "ok": "true",
            "day": "2026-03-18",
            "lines": '[{"a":1,"n":2}]',
            "part": "0.25",
            "raw": "YWI=",
        }
