"""The day at the dealership: reproducible, varied, with what compliance is meant to find."""

import json
from datetime import datetime

from ingest_doubles import ListPublisher, take

from connectors.sources import load_source
from examples.dealership.generate import TARGET, check_digit, day

EVENTS = [json.loads(line) for line in TARGET.read_text("utf-8").splitlines()]
FIRST = {event["subject"]: event for event in reversed(EVENTS)}


def test_the_script_reproduces_the_day() -> None:
    assert day() == TARGET.read_text("utf-8")


def test_the_day_has_the_promised_shape() -> None:
    assert len(EVENTS) == 400
    assert len(FIRST) == 150
    times = [event["at"] for event in EVENTS]
    assert times == sorted(times)
    opens, closes = (datetime.fromisoformat(f"2026-03-17T{hour}:00+01:00") for hour in ("07:30", "19:00"))
    assert opens <= datetime.fromisoformat(times[0]) <= datetime.fromisoformat(times[-1]) <= closes


def test_some_refuse_some_forget_some_are_far_away() -> None:
    kinds = {kind: [event for event in FIRST.values() if event["kind"] == kind] for kind in ("lead", "service")}
    assert sum(event.get("consent") is False for event in kinds["lead"]) == 4
    assert sum("consent" not in event for event in kinds["lead"]) > 4
    assert sum("vin" not in event for event in kinds["service"]) == 4
    assert sum(not event["region"].startswith("eu") for event in FIRST.values()) == 18


def test_vins_and_card_numbers_have_the_right_check_digit() -> None:
    vins = {event["vin"] for event in EVENTS if "vin" in event}
    assert len(vins) > 40
    assert all(len(vin) == 17 and vin[8] == check_digit(vin) for vin in vins)
    assert check_digit("1M8GDM9AXKP042788") == "X"


def test_notes_hold_what_should_not_stand_there() -> None:
    notes = [event["note"] for event in EVENTS if "note" in event]
    for mark in ("@example", "+49 30 23125", "DE89 3704", "4111 1111", "card"):
        assert any(mark in note for note in notes), mark
    assert all(1 <= len(note) <= 400 and "{" not in note for note in notes)


async def test_the_day_is_ingested_under_three_workflows() -> None:
    publisher = ListPublisher()
    done = await take(TARGET, load_source("dealership"), publisher)
    assert (done.accepted, done.complete) == (400, True)
    assert {event.workflow for event in publisher.events} == {"lead-response", "service-booking", "invoice-check"}
    assert publisher.written[-1].workflow == (
        "kind: invoice -> invoice-check, lead -> lead-response, service -> service-booking"
    )
