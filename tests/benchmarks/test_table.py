"""Medians, ratios, what is skipped, and the shape of the one JSON document."""

import json
from pathlib import Path

import msgspec
import pytest

from benchmarks.process import Figures
from benchmarks.table import BEGIN, END, README, Report, grid, machine, markdown, write
from benchmarks.tally import Tally
from benchmarks.workloads import OURS, PEERS, WORKLOADS, Workload


def workload(name: str = "decode-and-route") -> Workload:
    return next(each for each in WORKLOADS if each.name == name)


def figures(events_per_s: float, cpu_us_per_event: float = 10.0) -> Figures:
    return Figures(1000, 1000 / events_per_s, cpu_us_per_event * 1000 / 1e6)


def filled() -> Tally:
    tally = Tally(workload())
    for ours, theirs in ((900, 300), (1000, 250), (50, 100)):
        tally.add(OURS, figures(ours, 20.0))
        tally.add("quix-streams", figures(theirs, 50.0))
    tally.add("librdkafka raw consume", figures(9000))
    tally.failed("kafka-streams", "no JDK", for_good=True)
    return tally


def report(tally: Tally) -> Report:
    return Report(
        ratios=tally.ratios(),
        rows=tally.lines(),
        skipped=tally.skipped(),
        notes=tally.notes(),
        events=1000,
        repetitions=3,
        seconds=12.3,
        machine=machine(kept_apart=True),
    )


def test_a_row_is_the_median_of_its_repetitions_with_the_least_and_the_most() -> None:
    ours = filled().lines()[0]

    assert (ours.who, ours.repetitions) == (OURS, 3)
    assert (ours.events_per_s, ours.events_per_s_min, ours.events_per_s_max) == (900, 50, 1000)
    assert ours.cpu_us_per_event == 20


def test_a_ratio_is_our_median_divided_by_the_peers() -> None:
    (ratio,) = filled().ratios()

    assert (ratio.workload, ratio.peer) == ("decode-and-route", "quix-streams")
    assert ratio.ratio == pytest.approx(900 / 250)
    assert ratio.cpu_ratio == pytest.approx(50 / 20)


def test_without_figures_of_ours_there_is_no_ratio() -> None:
    tally = Tally(workload())
    tally.add("quix-streams", figures(100))

    assert tally.lines()
    assert not tally.ratios()


def test_a_peer_that_is_not_there_is_skipped_with_its_reason_and_not_tried_again() -> None:
    tally = filled()

    (skipped,) = tally.skipped()
    assert (skipped.workload, skipped.peer, skipped.reason) == ("decode-and-route", "kafka-streams", "no JDK")
    assert not tally.tries("kafka-streams")


def test_a_row_that_failed_once_is_tried_again_and_the_report_says_so() -> None:
    tally = Tally(workload())
    tally.failed("faust", "ended with status 1: a bad day")
    assert tally.tries("faust")

    tally.add("faust", figures(100))

    assert not tally.skipped()
    assert tally.notes() == ["decode-and-route: faust failed 1 times: ended with status 1: a bad day."]


def test_a_row_that_failed_twice_is_given_up() -> None:
    tally = Tally(workload())
    tally.failed("faust", "one")
    tally.failed("faust", "two")

    assert not tally.tries("faust")
    assert tally.skipped()[0].reason == "two"


def test_the_json_document_names_each_ratio_by_workload_and_peer() -> None:
    document = json.loads(msgspec.json.encode(report(filled())))

    assert {"workload": "decode-and-route", "peer": "quix-streams", "ratio": 3.6, "cpu_ratio": 2.5} in document[
        "ratios"
    ]
    assert document["skipped"] == [{"workload": "decode-and-route", "peer": "kafka-streams", "reason": "no JDK"}]
    assert {"workload", "who", "events_per_s", "cpu_us_per_event", "guarantees"} <= document["rows"][0].keys()
    assert {"processor", "cores", "python"} <= document["machine"].keys()


def test_the_tables_show_every_row_and_what_was_skipped(tmp_path: Path) -> None:
    made = report(filled())

    text = markdown(made)
    assert "| quix-streams | 250 | 100, 300 | 50.0 | 1,000 x 3 | 3.60 | 2.50 | at least once" in text
    assert "Skipped: decode-and-route, kafka-streams: no JDK." in text
    columns, rows = grid(made)
    assert {len(row) for row in rows} == {len(columns)}


def test_the_figures_of_the_readme_are_replaced_and_nothing_else(tmp_path: Path) -> None:
    copy = tmp_path / "README.md"
    copy.write_text(README.read_text())

    write(report(filled()), copy)
    once = copy.read_text()
    write(report(filled()), copy)

    assert copy.read_text() == once
    assert once.partition(BEGIN)[0] == README.read_text().partition(BEGIN)[0]
    assert once.partition(END)[2] == README.read_text().partition(END)[2]


def test_every_compared_peer_is_one_that_can_be_asked_for() -> None:
    assert {row.peer for each in WORKLOADS for row in each.rows} == {OURS, *PEERS}


@pytest.mark.parametrize("each", WORKLOADS, ids=lambda each: each.name)
def test_a_workload_begins_with_ours_and_no_two_rows_are_called_alike(each: Workload) -> None:
    assert each.rows[0].who == OURS
    assert len({row.who for row in each.rows}) == len(each.rows)
