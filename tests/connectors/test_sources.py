"""Source definitions are checked strictly; every declared type has one spelling."""

from pathlib import Path

import pytest
from ingest_doubles import ListPublisher, source, take

from connectors.files.values import boolean, day, decimal, integer, json_text, timestamp
from connectors.sources import BadSource, load_source, parse_source

GOOD = "id: orders\ntitle: Orders\nsubject: id\ntype: [what, state]\ntime: {column: at}\n"


@pytest.mark.parametrize("name", ["volvo-it", "sepsis", "dealership"])
def test_shipped_sources_are_found_by_id(name: str) -> None:
    assert load_source(name).id == name


def test_a_source_is_found_by_path(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD)
    found = load_source(str(tmp_path / "mine.yaml"))
    assert found.subject.columns == ["id"]
    assert found.type.columns == ["what", "state"]
    assert found.columns == ("id", "what", "state", "at")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (GOOD + "colour: red\n", "s.yaml: colour: unknown key"),
        (GOOD.replace("title: Orders\n", ""), "s.yaml: title: is missing"),
        (GOOD + "attributes: {note: {typ: text}}\n", "s.yaml: attributes.note.typ: unknown key"),
        (GOOD + "attributes: {note: {type: money}}\n", "s.yaml: attributes.note.type: Input should be 'text', "),
        (GOOD + "attributes: {a: x, b: x}\n", "s.yaml: the definition: attributes: columns 'a' and 'b' are both x"),
        (GOOD.replace("{column: at}", "{column: at, zone: Europe/Nowhere}"), "s.yaml: time.zone: no time zone"),
        (GOOD.replace("{column: at}", "{column: at, format: day}"), "s.yaml: time.format: is neither iso8601, "),
        (GOOD + "format: {encoding: klingon}\n", "s.yaml: format.encoding: no encoding 'klingon'"),
        (GOOD + "workflow: {column: kind}\n", "s.yaml: workflow.map: is missing"),
        (GOOD + "id: again\n", "s.yaml: line 6: key 'id' stands twice"),
        ("id: [\n", "s.yaml: line 2: "),
        ("", "s.yaml: the definition: "),
        (GOOD.replace("id: orders", "id: My Orders"), "s.yaml: id: "),
    ],
)
def test_a_wrong_definition_is_one_line_that_names_file_and_key(text: str, line: str) -> None:
    with pytest.raises(BadSource) as caught:
        parse_source("s.yaml", text)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_an_unknown_source_names_those_that_are_shipped() -> None:
    with pytest.raises(BadSource, match="shipped: dealership, sepsis, volvo-it"):
        load_source("volvo")
    with pytest.raises(BadSource, match=r"gone\.yaml: No such file"):
        load_source("gone.yaml")


@pytest.mark.parametrize(
    ("convert", "value", "spelled"),
    [
        (integer, " +042 ", "42"),
        (integer, 42.0, "42"),
        (integer, 10**30, "1" + "0" * 30),
        (decimal, "1.50", "1.5"),
        (decimal, "1e3", "1000"),
        (decimal, "-0.00", "0"),
        (decimal, ".5", "0.5"),
        (decimal, "12345678901234567890123456789012345.10", "12345678901234567890123456789012345.1"),
        (decimal, 0.1, "0.1"),
        (boolean, "Yes", "true"),
        (boolean, 0, "false"),
        (day("%d.%m.%Y"), "17.03.2026", "2026-03-17"),
        (day("iso8601"), "2026-03-17", "2026-03-17"),
        (json_text, ' {"b": 1.10, "a": [1, 2]} ', '{"a":[1,2],"b":1.10}'),
        (json_text, {"b": None, "a": "ü"}, '{"a":"ü","b":null}'),
        (timestamp("iso8601", "Europe/Berlin"), "2026-03-17T07:30:00", "2026-03-17T06:30:00Z"),
        (timestamp("iso8601", "Europe/Berlin"), "2026-03-17T07:30:00.5-02:00", "2026-03-17T09:30:00.500000Z"),
        (timestamp("%d.%m.%Y %H:%M", "+02:00"), "17.03.2026 07:30", "2026-03-17T05:30:00Z"),
        (timestamp("epoch_s", None), "1269961182.25", "2010-03-30T14:59:42.250000Z"),
        (timestamp("epoch_ms", None), 1269961182250, "2010-03-30T14:59:42.250000Z"),
    ],
)
def test_each_type_has_one_spelling(convert: object, value: object, spelled: str) -> None:
    assert convert(value) == spelled  # type: ignore[operator]


@pytest.mark.parametrize(
    ("convert", "value"),
    [
        (integer, "4.2"),
        (integer, "1_000"),
        (integer, True),
        (integer, float("nan")),
        (integer, "9" * 5000),
        (decimal, "1,5"),
        (decimal, "1e999999999"),
        (decimal, "NaN"),
        (decimal, float("inf")),
        (boolean, "maybe"),
        (day("iso8601"), "2026-02-30"),
        (json_text, "{"),
        (timestamp("iso8601", None), "2026-03-17T07:30:00"),
        (timestamp("iso8601", None), 12),
        (timestamp("epoch_s", None), "1e30"),
        (timestamp("epoch_s", None), [1]),
        (timestamp("epoch_s", None), True),
        (timestamp("%d.%m.%Y", "UTC"), "2026-03-17"),
    ],
)
def test_what_is_not_of_a_type_is_refused_in_one_line(convert: object, value: object) -> None:
    with pytest.raises(ValueError) as caught:
        convert(value)  # type: ignore[operator]
    assert 5 < len(str(caught.value)) < 200


async def test_columns_are_renamed_typed_kept_or_dropped(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id;part;what;at;Total EUR;isPaid;empty\n1;2;sold;17.03.2026;1.50;yes;n/a\n")
    said = {
        "format": {"delimiter": ";", "null_values": ["n/a"]},
        "subject": {"columns": ["id", "part"], "separator": "/"},
        "time": {"column": "at", "format": "%d.%m.%Y", "zone": "Europe/Berlin"},
        "attributes": {
            "Total EUR": {"type": "decimal", "required": True},
            "isPaid": {"name": "paid", "type": "boolean"},
        },
    }
    publisher = ListPublisher()
    await take(path, source(**said), publisher)
    (event,) = publisher.events
    assert (event.subject, event.type) == ("1/2", "sold")
    assert event.occurred_at.isoformat() == "2026-03-16T23:00:00+00:00"
    assert event.attributes == {"total_eur": "1.5", "paid": "true"}
    publisher = ListPublisher()
    await take(path, source(**{**said, "rest": "drop", "attributes": {}}), publisher)
    assert publisher.events[0].attributes == {}


async def test_the_workflow_follows_from_a_column_or_from_who_ingests(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,what,at,kind\n1,x,2026-01-01,lead\n2,x,2026-01-01,other\n3,x,2026-01-01,\n")
    by_kind = {"column": "kind", "map": {"lead": "lead-response"}}
    for rule, given, expected in (
        (by_kind, None, ["lead-response", None, None]),
        ({**by_kind, "default": "triage"}, None, ["lead-response", "triage", "triage"]),
        (by_kind, "mine", ["mine"] * 3),
        ("always", None, ["always"] * 3),
        (None, None, [None] * 3),
    ):
        publisher = ListPublisher()
        await take(path, source(workflow=rule), publisher, given)
        assert [event.workflow for event in publisher.events] == expected
