"""The record at which a process ends again and again is found, and nobody else is."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.catalogue import PARTITIONS
from schemas.record import Record
from streams.journal import DEATHS_MAX, Journal
from tests.streams.doubles import run_of

TOPICS = ("business-events", "requests")


def one(offset: int, partition: int = 0, topic: str = TOPICS[0]) -> Record:
    """Returns the record at this place."""
    return run_of(partition, offset, topic=topic)[0]


def batch(journal: Journal, records: Sequence[Record], deadly: Sequence[Record] = ()) -> list[Record] | None:
    """Takes a batch through; returns the guilty ones in it, None when the process ended at a deadly one."""
    guilty = []
    journal.begin(records)
    for record in records:
        if journal.mark(record):
            guilty.append(record)
        elif record in deadly:
            return None
    journal.end(records[0].partition)
    return guilty


def process(folder: Path) -> Journal:
    """Returns the journal of the next process."""
    return Journal(folder, "stage", TOPICS)


def test_a_record_at_which_the_process_ended_three_times_in_a_row_is_guilty(tmp_path: Path) -> None:
    records = run_of(0, 10, 5)

    ends = [batch(process(tmp_path), records, records[2:3]) for _ in range(DEATHS_MAX)]

    assert ends == [None] * DEATHS_MAX
    assert batch(process(tmp_path), records, records[2:3]) == [records[2]]


def test_a_record_at_which_the_process_ended_twice_is_tried_once_more(tmp_path: Path) -> None:
    for _ in range(DEATHS_MAX - 1):
        batch(process(tmp_path), [one(5)], [one(5)])

    assert batch(process(tmp_path), [one(5)]) == []


def test_batches_before_the_suspect_change_nothing(tmp_path: Path) -> None:
    for _ in range(DEATHS_MAX):
        journal = process(tmp_path)
        assert batch(journal, run_of(0, 0, 3)) == []
        assert batch(journal, run_of(0, 3, 3)) == []
        assert batch(journal, run_of(0, 6, 3), [one(7)]) is None

    journal = process(tmp_path)
    assert batch(journal, run_of(0, 0, 3)) == []
    assert batch(journal, run_of(0, 3, 6), [one(7)]) == [one(7)]


def test_a_batch_cut_in_another_way_finds_the_same_record(tmp_path: Path) -> None:
    for size in (1, 4, 9):
        journal = process(tmp_path)
        for first in range(8 - size % 8, 8 + size, size):
            if batch(journal, run_of(0, first, size), [one(8)]) is None:
                break

    assert batch(process(tmp_path), run_of(0, 5, 20), [one(8)]) == [one(8)]


def test_a_process_killed_at_another_record_each_time_convicts_nobody(tmp_path: Path) -> None:
    records = run_of(0, 0, 20)
    for number in range(20):
        assert batch(process(tmp_path), records, [records[number]]) is None

    assert batch(process(tmp_path), records) == []


def test_a_suspect_that_passes_is_forgotten(tmp_path: Path) -> None:
    for _ in range(4):
        for _ in range(DEATHS_MAX - 1):
            assert batch(process(tmp_path), [one(5)], [one(5)]) is None
        assert batch(process(tmp_path), [one(5)]) == []


def test_two_deadly_records_in_one_batch_are_both_found(tmp_path: Path) -> None:
    records = run_of(0, 0, 9)
    deadly = [records[3], records[6]]

    for _ in range(10 * DEATHS_MAX):
        guilty = batch(process(tmp_path), records, deadly)
        if guilty is not None:
            break

    assert guilty == deadly


def test_a_deadly_record_in_the_batch_after_a_guilty_one_is_found_before_anything_is_committed(tmp_path: Path) -> None:
    first, second = run_of(0, 0, 3), run_of(0, 3, 3)
    deadly = [first[1], second[1]]

    for _ in range(10 * DEATHS_MAX):
        journal = process(tmp_path)
        guilty = batch(journal, first, deadly) is not None and batch(journal, second, deadly)
        if guilty:
            break

    assert guilty == [second[1]]


def test_however_many_deadly_records_lie_together_all_are_found(tmp_path: Path) -> None:
    records = run_of(0, 0, 40)
    deadly = records[5:30]

    for _ in range(len(deadly) * (DEATHS_MAX + 1)):
        guilty = batch(process(tmp_path), records, deadly)
        if guilty is not None:
            break

    assert guilty == deadly


@settings(max_examples=50, deadline=None)
@given(st.sets(st.integers(0, 11), max_size=4), st.integers(1, 12))
def test_whichever_records_are_deadly_they_and_no_others_are_found(
    tmp_path_factory: pytest.TempPathFactory, deadly: set[int], size: int
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    records = run_of(0, 0, 12)
    for _ in range(20 * DEATHS_MAX):
        journal = process(folder)
        found: list[int] = []
        for first in range(0, 12, size):
            guilty = batch(journal, records[first : first + size], [records[each] for each in deadly])
            if guilty is None:
                break
            found += [record.offset for record in guilty]
        else:
            break

    assert set(found) == deadly


def test_a_guilty_record_whose_letter_was_never_published_is_guilty_again(tmp_path: Path) -> None:
    for _ in range(DEATHS_MAX):
        batch(process(tmp_path), [one(5)], [one(5)])
    assert batch(process(tmp_path), [one(5)], [one(5)]) == [one(5)]

    # the process ended before the letter was acknowledged, and all comes again
    ends = [batch(process(tmp_path), [one(5)], [one(5)]) for _ in range(DEATHS_MAX + 1)]
    assert [one(5)] in ends


def test_partitions_are_judged_apart(tmp_path: Path) -> None:
    for number in range(DEATHS_MAX):
        journal = process(tmp_path)
        for partition in range(PARTITIONS):
            journal.begin([one(0, partition)])
            journal.mark(one(5 if partition == 3 else number, partition))

    journal = process(tmp_path)
    judged = {partition: batch(journal, run_of(partition, 0, 6)) for partition in range(PARTITIONS)}
    assert judged == {partition: [one(5, 3)] if partition == 3 else [] for partition in range(PARTITIONS)}


def test_the_same_offset_of_another_topic_is_another_record(tmp_path: Path) -> None:
    deadly = one(5, topic=TOPICS[1])
    for _ in range(DEATHS_MAX):
        journal = process(tmp_path)
        assert batch(journal, [one(5)], [deadly]) == []
        assert batch(journal, [deadly], [deadly]) is None

    journal = process(tmp_path)
    assert batch(journal, [one(5)], [deadly]) == []
    assert batch(journal, [deadly], [deadly]) == [deadly]


def test_the_first_record_of_a_topic_can_be_guilty(tmp_path: Path) -> None:
    for _ in range(DEATHS_MAX):
        batch(process(tmp_path), [one(0)], [one(0)])

    assert batch(process(tmp_path), [one(0)], [one(0)]) == [one(0)]


def test_an_offset_of_any_size_is_kept(tmp_path: Path) -> None:
    far = one(2**62)
    for _ in range(DEATHS_MAX):
        batch(process(tmp_path), [far], [far])

    assert batch(process(tmp_path), [far], [far]) == [far]


def test_two_workers_on_one_file_judge_their_own_partitions(tmp_path: Path) -> None:
    left, right = process(tmp_path), process(tmp_path)
    for _ in range(DEATHS_MAX):
        batch(left, [one(5, 0)], [one(5, 0)])
        assert batch(right, run_of(1, 0, 9)) == []
        left = process(tmp_path)

    assert batch(right, run_of(1, 0, 9)) == []
    assert batch(left, [one(5, 0)], [one(5, 0)]) == [one(5, 0)]


def test_a_partition_that_moves_to_another_worker_takes_its_suspect_along(tmp_path: Path) -> None:
    workers = [process(tmp_path) for _ in range(DEATHS_MAX + 1)]

    judged = [batch(worker, [one(5)], [one(5)]) for worker in workers]

    assert judged == [None] * DEATHS_MAX + [[one(5)]]


def test_a_process_that_ended_between_batches_leaves_no_suspect(tmp_path: Path) -> None:
    for _ in range(2 * DEATHS_MAX):
        assert batch(process(tmp_path), [one(5)]) == []


def test_a_file_that_is_too_short_is_filled_up(tmp_path: Path) -> None:
    (tmp_path / "stage.journal").write_bytes(b"\0" * 7)
    for _ in range(DEATHS_MAX):
        batch(process(tmp_path), [one(5, PARTITIONS - 1)], [one(5, PARTITIONS - 1)])

    assert batch(process(tmp_path), [one(5, PARTITIONS - 1)]) == [one(5, PARTITIONS - 1)]


def test_stages_have_files_of_their_own(tmp_path: Path) -> None:
    for _ in range(DEATHS_MAX):
        batch(process(tmp_path), [one(5)], [one(5)])

    assert batch(Journal(tmp_path, "other", TOPICS), [one(5)]) == []
