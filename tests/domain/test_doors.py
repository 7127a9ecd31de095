"""What becomes of an event that a client offers."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.doors import AnotherTenant, BadEvent, Call, letter, offered, open_to_clients, said_of, taken
from domain.identity import Permission, Principal
from schemas.catalogue import TOPICS
from schemas.errors import Rejected
from schemas.events import BusinessEvent, CallOutcome, RequestKind

TOPIC = TOPICS["business-events"]
CALLER = Principal("acme", "key/k", frozenset({Permission.WRITE_EVENTS}))
CALL = Call(
    id="0190a000-0000-7000-8000-000000000001", at=datetime(2026, 11, 22, tzinfo=UTC), route="POST /events/{topic}"
)
FRESH = "0190a000-0000-7000-8000-00000000000f"
SAID = {"occurred_at": "2026-11-22T08:00:00Z", "source": "crm", "subject": "S-1", "type": "Opened"}


def _offered(said: Any, call: Call = CALL, number: int = 0) -> BusinessEvent:
    content = said if isinstance(said, bytes) else msgspec.json.encode(said)
    event = offered(TOPIC, content, call, CALLER, number, FRESH)
    assert isinstance(event, BusinessEvent)
    return event


def test_tenant_correlation_and_cause_are_the_gateways_to_say() -> None:
    event = _offered(SAID)
    assert (event.event_id, event.tenant_id, event.correlation_id, event.causation_id) == (
        FRESH,
        "acme",
        FRESH,
        CALL.id,
    )
    assert (event.source, event.subject, event.type, event.attributes) == ("crm", "S-1", "Opened", {})


def test_an_id_that_the_client_gives_is_kept() -> None:
    own = "6f1c1a52-6f0e-4b52-9d0e-3d1a2b3c4d5e"
    assert _offered({**SAID, "event_id": own}).event_id == own


def test_the_same_call_with_an_idempotency_key_gives_the_same_ids() -> None:
    once, again = (msgspec.structs.replace(CALL, id=name, idempotency_key="order-7") for name in ("a", "b"))
    assert _offered(SAID, once).event_id == _offered(SAID, again).event_id
    assert _offered(SAID, once).event_id != _offered(SAID, once, 1).event_id
    other = msgspec.structs.replace(CALL, idempotency_key="order-8")
    assert _offered(SAID, once).event_id != _offered(SAID, other).event_id


@pytest.mark.parametrize(
    ("said", "field", "reason"),
    [
        ({**SAID, "colour": "red"}, "colour", "unknown field"),
        ({**SAID, "correlation_id": "x"}, "correlation_id", "unknown field"),
        ({**SAID, "causation_id": None}, "causation_id", "unknown field"),
        ({**SAID, "principal": "user/ada"}, "principal", "unknown field"),
        ({**SAID, "principal": CALLER.id}, "principal", "unknown field"),
        ({key: value for key, value in SAID.items() if key != "subject"}, "subject", "missing required field"),
        ({**SAID, "subject": 7}, "subject", "Expected `str`, got `int`"),
        ({**SAID, "occurred_at": "yesterday"}, "occurred_at", "Invalid RFC3339 encoded datetime"),
        ({**SAID, "occurred_at": "2026-11-22T08:00:00"}, "occurred_at", "has no zone"),
        ({**SAID, "occurred_at": "0001-01-01T00:00:00+00:01"}, "occurred_at", "years 1 to 9999"),
        ({**SAID, "occurred_at": "9999-12-31T23:59:59-00:01"}, "occurred_at", "years 1 to 9999"),
        ({**SAID, "attributes": {"a": 1}}, "attributes[...]", "Expected `str`, got `int`"),
        ({**SAID, "event_id": "7"}, "event_id", "no UUID"),
        ({**SAID, "event_id": "6F1C1A52-6F0E-4B52-9D0E-3D1A2B3C4D5E"}, "event_id", "no UUID"),
        ({**SAID, "tenant_id": "other"}, "tenant_id", "another tenant"),
        ([SAID], "", "Expected `object`, got `array`"),
        (b"{", "", "no JSON"),
        (b'{"source": "\xff"}', "", "no JSON"),
        (b"[" * 100_000, "", "Expected `object`, got `array`"),
    ],
)
def test_a_refusal_names_the_field(said: Any, field: str, reason: str) -> None:
    with pytest.raises(BadEvent, match=reason.replace("[", r"\[")) as found:
        _offered(said)
    assert found.value.field == field


@given(st.text())
def test_no_event_is_ever_another_tenants(tenant: str) -> None:
    if tenant == CALLER.tenant_id:
        assert _offered({**SAID, "tenant_id": tenant}).tenant_id == tenant
        return
    with pytest.raises(AnotherTenant):
        _offered({**SAID, "tenant_id": tenant})
    with pytest.raises(AnotherTenant):
        taken(TOPIC, msgspec.structs.replace(_offered(SAID), tenant_id=tenant), CALL, CALLER)


@given(st.binary(max_size=60))
def test_any_bytes_are_an_event_or_refused(content: bytes) -> None:
    try:
        _offered(content)
    except BadEvent as error:
        assert str(error)


def test_an_event_in_avro_keeps_its_id_and_takes_the_gateways_word_for_the_rest() -> None:
    sent = msgspec.structs.replace(_offered(SAID), correlation_id="mine", causation_id="mine too")
    event = taken(TOPIC, sent, CALL, CALLER)
    assert (event.event_id, event.correlation_id, event.causation_id) == (FRESH, FRESH, CALL.id)


@given(st.text())
def test_no_event_is_ever_said_by_another_caller(principal: str) -> None:
    sent = msgspec.structs.replace(_offered(SAID), principal=principal)
    event = taken(TOPIC, sent, CALL, CALLER)
    assert isinstance(event, BusinessEvent)
    assert event.principal == _offered(SAID).principal == CALLER.id


def test_only_the_topics_that_the_catalogue_opens_are_open() -> None:
    opened = {name for name in [*TOPICS, "nothing", ""] if open_to_clients(name) is not None}
    assert opened == {"business-events"}


def test_a_call_belongs_to_its_caller_or_to_the_platform() -> None:
    event = said_of(CALL, CALLER, CallOutcome.ACCEPTED, 202, ["key is genuine"], 3)
    assert (event.event_id, event.correlation_id, event.tenant_id, event.principal) == (
        CALL.id,
        CALL.id,
        "acme",
        "key/k",
    )
    assert (event.kind, event.route, event.status, event.events) == (RequestKind.CALL, CALL.route, 202, 3)
    assert said_of(CALL, None, CallOutcome.UNAUTHENTICATED, 401, []).tenant_id == "platform"


def test_what_is_refused_keeps_its_bytes_in_a_letter_of_its_tenant() -> None:
    found = letter(TOPIC.name, b"{", CALL, CALLER, 4, Rejected("no JSON"))
    assert (found.tenant_id, found.source_topic, found.source_partition, found.source_offset) == (
        "acme",
        "business-events",
        -1,
        4,
    )
    assert (found.source_value, found.error, found.reason) == (b"{", "Rejected", "no JSON")
    assert found == letter(TOPIC.name, b"{", CALL, CALLER, 4, Rejected("no JSON"))
