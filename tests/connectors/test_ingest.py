"""Nothing of a file is lost and nothing counts twice, wherever an ingest ends and however often it is repeated."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ingest_doubles import ListPublisher, balanced, rows, source, take, write

from connectors.ingest import Ingested, IngestStopped, OtherWorkflow, Progress
from connectors.sources import Source
from domain.positions import MemoryPositions
from schemas.errors import Unavailable


async def test_a_second_ingest_of_the_same_file_publishes_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", rows(100))
    publisher = ListPublisher()
    await take(path, source(), publisher, batch_rows=10)
    before = len(publisher.records)
    done = await take(path, source(), publisher, batch_rows=10)
    assert (done.read, done.accepted, done.duplicates, done.complete) == (100, 0, 100, True)
    assert len(publisher.records) == before


async def test_identical_rows_are_different_events(tmp_path: Path) -> None:
    publisher = ListPublisher()
    await take(write(tmp_path / "a.csv", rows(1) * 9), source(), publisher)
    assert len(publisher.distinct) == 9


async def test_another_tenant_or_source_has_its_own_events(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", rows(3))
    publisher = ListPublisher()
    await take(path, source(), publisher)
    done = await take(path, source(id="others"), publisher)
    assert done.accepted == 3
    assert len({event.event_id for event in publisher.events}) == 6


@pytest.mark.parametrize("last", range(0, 64, 7))
async def test_after_a_stop_only_the_rest_is_published(tmp_path: Path, last: int) -> None:
    path = write(tmp_path / "a.csv.gz", rows(60))
    publisher = ListPublisher()
    seen: list[Progress] = []
    first = await take(
        path,
        source(),
        publisher,
        batch_rows=7,
        progress=seen.append,
        stop=lambda: bool(seen and seen[-1].read >= last) or last == 0,
    )
    assert first.accepted == len(publisher.events) < 61
    assert balanced(first)
    second = await take(path, source(), publisher, batch_rows=7)
    assert (second.duplicates, second.accepted, second.complete) == (first.accepted, 60 - first.accepted, True)
    assert len(publisher.events) == len(publisher.distinct) == 60


@pytest.mark.parametrize("call", range(1, 32, 3))
async def test_after_a_crash_only_the_unacknowledged_tail_is_sent_again(tmp_path: Path, call: int) -> None:
    path = write(tmp_path / "a.csv", rows(300))
    publisher = ListPublisher(fails_at=call)
    with pytest.raises(Unavailable):
        await take(path, source(), publisher, batch_rows=10)
    done = await take(path, source(), publisher, batch_rows=10)
    assert balanced(done)
    assert len(publisher.distinct) == 300
    assert len(publisher.events) <= 300 + 6 * 10
    assert publisher.written[-1].rows == 300
    assert publisher.written[-1].complete


async def test_a_grown_file_continues_where_it_ended(tmp_path: Path) -> None:
    publisher = ListPublisher()
    for total, fresh in ((30, 30), (50, 20), (3000, 2950), (3001, 1)):
        done = await take(write(tmp_path / "a.csv", rows(total)), source(), publisher)
        assert (done.accepted, done.duplicates, done.complete) == (fresh, total - fresh, True)
    assert len(publisher.distinct) == len(publisher.events) == 3001


async def test_a_file_without_a_line_end_that_grows_is_known_again(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", rows(5))
    path.write_bytes(path.read_bytes().removesuffix(b"\n"))
    publisher = ListPublisher()
    await take(path, source(), publisher)
    done = await take(write(path, rows(8)), source(), publisher)
    assert (done.accepted, done.duplicates) == (3, 5)


async def test_a_small_file_that_grows_after_a_crash_is_known_again(tmp_path: Path) -> None:
    publisher = ListPublisher(fails_at=3)
    with pytest.raises(Unavailable):
        await take(write(tmp_path / "a.csv", rows(5)), source(), publisher, batch_rows=2)
    assert len(publisher.events) == 2
    await take(write(tmp_path / "a.csv", rows(8)), source(), publisher)
    assert [event.origin_row for event in publisher.distinct] == list(range(8))


async def test_files_that_share_a_header_are_different_files(tmp_path: Path) -> None:
    publisher = ListPublisher()
    (tmp_path / "a.csv").write_text("id,what,at,note\n")
    await take(tmp_path / "a.csv", source(), publisher)
    for name in ("b.csv", "c.csv"):
        content = [{**rows(1)[0], "note": name}, *rows(5)]
        assert (await take(write(tmp_path / name, content), source(), publisher)).accepted == 6
    assert len(publisher.distinct) == 12


async def test_a_file_changed_behind_its_head_is_sent_again_under_the_ids_it_has(tmp_path: Path) -> None:
    content = rows(3000)
    publisher = ListPublisher()
    await take(write(tmp_path / "a.csv", content), source(), publisher)
    content[2500]["note"] = "corrected"
    done = await take(write(tmp_path / "a.csv", content), source(), publisher)
    assert (done.read, done.accepted, done.duplicates) == (3000, 3000, 0)
    assert len(publisher.distinct) == 3001
    again = await take(tmp_path / "a.csv", source(), publisher)
    assert (again.duplicates, again.accepted) == (3000, 0)


async def test_a_file_that_lost_its_end_is_sent_again(tmp_path: Path) -> None:
    publisher = ListPublisher()
    await take(write(tmp_path / "a.csv", rows(3000)), source(), publisher)
    done = await take(write(tmp_path / "a.csv", rows(2000)), source(), publisher)
    assert (done.accepted, done.duplicates) == (2000, 0)
    assert len(publisher.distinct) == 3000


async def test_another_workflow_for_the_same_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", rows(3))
    publisher = ListPublisher()
    await take(path, source(workflow="one"), publisher)
    with pytest.raises(OtherWorkflow) as caught:
        await take(path, source(workflow="one"), publisher, "two")
    assert str(caught.value) == (
        "a.csv: 3 rows of it were taken for workflow one, not two; another workflow needs another source id"
    )
    assert (await take(path, source(workflow="two"), publisher, "one")).duplicates == 3


async def test_a_bad_row_stops_every_ingest_until_it_may_be_skipped(tmp_path: Path) -> None:
    content = rows(20)
    content[12]["at"] = "never"
    path = write(tmp_path / "a.csv", content)
    publisher = ListPublisher()
    for duplicates in (0, 12):
        with pytest.raises(IngestStopped, match="row 13") as caught:
            await take(path, source(), publisher, batch_rows=5)
        assert (caught.value.ingested.rejected, caught.value.ingested.duplicates) == (1, duplicates)
    done = await take(path, source(), publisher, batch_rows=5, bad_rows_max=1)
    assert (done.accepted, done.duplicates, done.rejected, done.complete) == (7, 12, 1, True)
    again = await take(path, source(), publisher)
    assert (again.accepted, again.duplicates, again.rejected, again.complete) == (0, 19, 1, True)


async def test_a_corrected_source_takes_what_was_rejected(tmp_path: Path) -> None:
    content = rows(20)
    content[12]["at"] = "01.01.2026"
    path = write(tmp_path / "a.csv", content)
    publisher = ListPublisher()
    await take(path, source(), publisher, bad_rows_max=None)
    content[12]["at"] = "2026-01-01"
    corrected = source(time={"column": "at", "format": "%Y-%m-%dT%H:%M:%S", "zone": "UTC"})
    again = await take(path, corrected, publisher, bad_rows_max=None)
    assert (again.duplicates, again.rejected) == (19, 1)
    by_number = source(time={"column": "at", "format": "%d.%m.%Y", "zone": "UTC"})
    done = await take(path, by_number, publisher, bad_rows_max=None)
    assert (done.accepted, done.rejected) == (1, 19)
    assert len(publisher.distinct) == 20


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(["good", "bad time", "no subject"]), max_size=40),
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(1, 9), st.none() | st.integers(0, 5), st.none() | st.integers(1, 6)),
        min_size=1,
        max_size=5,
    ),
)
def test_totals_always_add_up_and_no_good_row_is_lost(
    kinds: list[str], runs: list[tuple[int, int, int | None, int | None]]
) -> None:
    """Each run sees the file as long as it is then, stops somewhere, and may fail at some call."""
    content = rows(len(kinds))
    for row, kind in zip(content, kinds, strict=True):
        row.update({"good": {}, "bad time": {"at": "never"}, "no subject": {"id": ""}}[kind])
    publisher = ListPublisher()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        for length, batch_rows, bad_rows_max, fails in [*sorted(runs, key=lambda run: run[0]), (40, 3, None, None)]:
            if not content[:length]:
                continue
            write(path, content[:length])
            publisher._fails_at = None if fails is None else publisher.calls + fails
            done = asyncio.run(_result(path, source(), publisher, batch_rows, bad_rows_max))
            if done is not None:
                assert balanced(done)
                assert done.read <= length
    assert [event.origin_row for event in publisher.distinct] == [n for n, kind in enumerate(kinds) if kind == "good"]
    if kinds:
        last = publisher.written[-1]
        assert (last.rows, last.accepted, last.complete) == (len(kinds), kinds.count("good"), True)


async def _result(
    path: Path, orders: Source, publisher: ListPublisher, batch_rows: int, bad_rows_max: int | None
) -> Ingested | None:
    try:
        done = await take(path, orders, publisher, batch_rows=batch_rows, bad_rows_max=bad_rows_max)
    except IngestStopped as stopped:
        return stopped.ingested
    except Unavailable:
        return None
    return done


async def test_positions_have_ids_that_follow_from_what_they_say(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", rows(1002))
    first, second = ListPublisher(), ListPublisher()
    await take(path, source(), first, batch_rows=50)
    await take(path, source(), second, batch_rows=50)
    assert [p.event_id for p in first.written] == [p.event_id for p in second.written]
    assert [p.rows for p in first.written] == [0, 250, 500, 750, 1000, 1002]
    assert [p.complete for p in first.written] == [False] * 5 + [True]
    assert len({p.event_id for p in first.written}) == 6


async def test_a_header_alone_is_a_complete_file_of_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,what,at\n")
    publisher = ListPublisher()
    done = await take(path, source(), publisher)
    assert (done.read, done.complete) == (0, True)
    path.write_text("id,what,at\n1,paid,2026-01-01\n")
    assert (await take(path, source(), publisher)).accepted == 1


def test_memory_positions_give_the_position_kept_last() -> None:
    assert MemoryPositions().last("acme", "orders", "0" * 64) is None
