"""The two real files are read whole, under ids that all differ."""

from pathlib import Path

import pytest
from ingest_doubles import ListPublisher, take

from connectors.sources import load_source

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.mark.parametrize(
    ("file", "name", "events", "subjects", "attributes"),
    [
        (
            "volvo-it-incidents.csv.gz",
            "volvo-it",
            65533,
            7554,
            {
                "activity": "Accepted",
                "group": "V30",
                "impact": "Medium",
                "organization": "Org line A2",
                "organization_country": "fr",
                "product": "PROD582",
                "resource": "Frederic",
                "resource_country": "France",
                "role": "A2_4",
                "status": "In Progress",
            },
        ),
        ("sepsis-cases.csv.gz", "sepsis", 13775, 846, {"activity": "ER Registration"}),
    ],
)
async def test_a_real_file_is_read_whole(
    file: str, name: str, events: int, subjects: int, attributes: dict[str, str]
) -> None:
    if not (DATA / file).is_file():
        pytest.skip(f"{file} is not beside the repository (../shared/data)")
    publisher = ListPublisher()
    source = load_source(name)
    done = await take(DATA / file, source, publisher)
    assert (done.read, done.accepted, done.complete) == (events, events, True)
    found = publisher.events
    assert len({event.event_id for event in found}) == events
    assert len({event.subject for event in found}) == subjects
    assert found[0].attributes == attributes
    assert {event.workflow for event in found} == {source.workflow}
    if name == "volvo-it":
        assert found[0].type == "Accepted / In Progress"
        assert found[0].occurred_at.isoformat() == "2010-03-31T14:59:42+00:00"
    again = await take(DATA / file, source, publisher)
    assert (again.duplicates, again.accepted) == (events, 0)
