"""A topic is looked through page by page: each record once, whatever clocks, windows and other records there are."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.log_records import LogRecord
from domain.log_scan import SCANNED_MAX, BadLogCursor, LogCursor, Scan, left

BEGIN = datetime(2026, 11, 22, tzinfo=UTC)


def record(partition: int, offset: int, second: int) -> LogRecord:
    at = BEGIN + timedelta(seconds=second)
    empty = dict.fromkeys(("key", "event_id", "correlation_id", "withheld"), "")
    return LogRecord(
        topic="t",
        partition=partition,
        offset=offset,
        recorded_at=at,
        schema_id=1,
        schema_version=1,
        bytes=1,
        headers=[],
        causation_id=None,
        occurred_at=at,
        value=None,
        **empty,
    )


LOGS = st.lists(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=60), min_size=1, max_size=4)
"""By partition, of each record its second, and whether it is wanted."""


@given(LOGS, st.booleans(), st.integers(1, 9), st.integers(0, 3))
def test_all_pages_together_hold_each_wanted_record_once(
    log: list[list[tuple[int, bool]]], newest: bool, limit: int, smaller: int
) -> None:
    whole = {number: (0, len(each)) for number, each in enumerate(log)}
    spans, pages = dict(whole), 0
    found: list[LogRecord] = []
    while spans:
        scan = Scan("t", spans, newest, limit)
        for _ in range(smaller):
            scan.smaller()
        while not scan.done:
            window = scan.window()
            assert all(begin < end for begin, end in window.values())
            wanted = [
                record(number, offset, log[number][offset][0])
                for number, (begin, end) in window.items()
                for offset in range(begin, end)
                if log[number][offset][1]
            ]
            scan.take(window, wanted)
        page, cursor = scan.page()
        assert len(page) <= limit and scan.scanned <= SCANNED_MAX
        found += page
        pages += 1
        spans = left(cursor, "t", newest, whole) if cursor is not None else {}
    expected = [(number, at) for number, each in enumerate(log) for at, (_, wanted) in enumerate(each) if wanted]
    assert sorted((each.partition, each.offset) for each in found) == expected
    for number in whole:  # within a partition always in order
        offsets = [each.offset for each in found if each.partition == number]
        assert offsets == sorted(offsets, reverse=newest)


@given(st.lists(st.lists(st.integers(0, 1000), max_size=30).map(sorted), min_size=1, max_size=4), st.integers(1, 9))
def test_where_all_records_are_wanted_pages_follow_the_clock(log: list[list[int]], limit: int) -> None:
    spans = {number: (0, len(each)) for number, each in enumerate(log)}
    seconds: list[int] = []
    while spans:
        scan = Scan("t", spans, True, limit)
        while not scan.done:
            window = scan.window()
            scan.take(window, [record(n, at, log[n][at]) for n, span in window.items() for at in range(*span)])
        page, cursor = scan.page()
        seconds += [int((each.recorded_at - BEGIN).total_seconds()) for each in page]
        spans = left(cursor, "t", True, spans) if cursor is not None else {}
    assert seconds == sorted((each for part in log for each in part), reverse=True)


def test_a_cursor_is_of_its_topic_and_its_order() -> None:
    cursor = LogCursor("t", True, [(0, 3, 9), (7, 1, 2)]).encode()
    assert left(cursor, "t", True, {0: (4, 8)}) == {0: (4, 8)}
    for topic, newest in (("other", True), ("t", False)):
        with pytest.raises(BadLogCursor):
            left(cursor, topic, newest, {0: (0, 9)})
    for text in ("", "x", "é", "x" * 3000, LogCursor("t", True, [(0, -1, 9)]).encode()):
        with pytest.raises(BadLogCursor):
            left(text, "t", True, {0: (0, 9)})
