"""A delivery is genuine when its webhook's secret signed just this, about now; whatever else it may be, it is not."""

from base64 import b64decode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.definitions import BadDefinition, Definitions, define
from domain.identity import Permission, Webhook
from domain.webhooks import (
    STALE,
    TOLERANCE,
    BadDelivery,
    BadTopic,
    Delivery,
    Taken,
    delivery,
    new_webhook,
    public_webhook,
    replayed,
    signature,
    told,
    verified,
)

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
SECRET, BODY = b"w" * 32, b'{"type":"Ordered"}'
WEBHOOK = Webhook(id="h" * 16, topic="business-events", secret="sealed")
HEADERS = {"webhook-id": "msg_1", "webhook-timestamp": "1795334400", "webhook-signature": "v1,AA=="}


def signed(body: bytes = BODY, secret: bytes = SECRET, at: datetime = NOW, name: str = "msg_1") -> Delivery:
    timestamp = str(int(at.timestamp()))
    return Delivery(name, timestamp, [signature(secret, name, timestamp, body)])


def look(shown: Delivery, body: bytes = BODY, **changed: Any) -> Any:
    given_: dict[str, Any] = {"known": WEBHOOK, "secret": SECRET, "tenant_active": True, "now": NOW, **changed}
    return verified(shown, body, "acme", **given_)


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of the Standard Webhooks libraries."""
    secret = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    found = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert found == b"g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_who_signs_with_the_secret_may_write_events_of_its_tenant_and_nothing_else() -> None:
    found = look(signed())
    assert (found.principal.tenant_id, found.principal.id) == ("acme", f"webhook/{WEBHOOK.id}")
    assert found.principal.permissions == {Permission.WRITE_EVENTS}


def test_one_good_signature_of_several_is_enough() -> None:
    good = signed()
    others = [b"", b"AA==", b"\xff", *good.signatures]
    assert look(replace(good, signatures=others)).allowed
    assert not look(replace(good, signatures=others[:-1])).allowed


@given(
    st.sampled_from(["body", "id", "timestamp", "secret", "signature"]), st.binary(min_size=1, max_size=40), st.data()
)
def test_whatever_is_changed_is_not_genuine(what: str, more: bytes, data: Any) -> None:
    shown, body, secret = signed(), BODY, SECRET
    if what == "body":
        body += more
    elif what == "id":
        shown = replace(shown, id=f"msg_1{more.hex()}")
    elif what == "timestamp":
        shown = replace(shown, timestamp=str(int(shown.timestamp) + 1 + more[0]))
    elif what == "secret":
        secret = more
    else:
        place = data.draw(st.integers(0, len(shown.signatures[0]) - 1))
        text = shown.signatures[0]
        shown = replace(shown, signatures=[text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :]])
    found = look(shown, body, secret=secret)
    assert (found.principal, found.status, found.reasons[0]) == (None, 401, "wrong signature")


@given(st.integers(-(10**9), 10**9))
def test_the_clock_of_a_sender_may_be_off_by_five_minutes_either_way(seconds: int) -> None:
    found = look(signed(), now=NOW + timedelta(seconds=seconds))
    assert found.allowed == (abs(timedelta(seconds=seconds)) <= TOLERANCE)
    assert found.allowed or (found.status, found.reasons[0]) == (401, STALE)


@pytest.mark.parametrize(
    ("changed", "status", "reason"),
    [
        ({"known": None, "secret": None}, 401, "unknown webhook"),
        ({"secret": None}, 401, "the secret cannot be read"),
        ({"known": replace(WEBHOOK, status="revoked")}, 401, "webhook is revoked"),
        ({"tenant_active": False}, 403, "tenant is not active"),
    ],
)
def test_who_signs_for_what_is_not_in_use_is_nobody(changed: dict[str, Any], status: int, reason: str) -> None:
    found = look(signed(), **changed)
    assert (found.principal, found.status, found.reasons[0]) == (None, status, reason)


def test_nobody_comes_in_with_the_secret_that_stands_for_none() -> None:
    assert not look(signed(secret=bytes(32)), known=None, secret=None).allowed
    assert not look(signed(secret=bytes(32)), secret=None).allowed


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-id", ""),
        ("webhook-id", "a b"),
        ("webhook-id", "a.1"),
        ("webhook-id", "é"),
        ("webhook-id", "x" * 201),
        ("webhook-timestamp", ""),
        ("webhook-timestamp", "-1"),
        ("webhook-timestamp", "1e9"),
        ("webhook-timestamp", "²"),
        ("webhook-timestamp", "9" * 12),
        ("webhook-signature", ""),
        ("webhook-signature", "AA=="),
        ("webhook-signature", "v1a,AA=="),
        ("webhook-signature", " ".join(["v1,AA=="] * 11)),
        ("webhook-signature", "v1," + "A" * 5000),
    ],
)
def test_a_header_that_cannot_be_read_is_named(name: str, value: str) -> None:
    with pytest.raises(BadDelivery, match=f"^{name} is not "):
        delivery({**HEADERS, name: value})


def test_signatures_of_other_versions_are_passed_over() -> None:
    found = delivery({**HEADERS, "webhook-signature": "v1a,xx v1,AA== v2,yy v1,BB=="})
    assert found.signatures == [b"AA==", b"BB=="]


def test_a_replay_is_told_apart_from_another_body_and_from_what_is_under_way() -> None:
    assert replayed("a", Taken("a", True)) == "this webhook-id was taken already"
    assert replayed("a", Taken("a", False)) == "a delivery of this webhook-id is under way"
    assert replayed("a", Taken("b", True)) == "another body was sent with this webhook-id"


def test_a_webhook_names_a_topic_that_is_open_to_clients_and_shows_no_secret() -> None:
    made = new_webhook("h" * 16, "business-events", "sealed", "the shop", ["10.0.0.0/8"], "night-shift")
    shown = public_webhook(made)
    assert "secret" not in shown
    assert shown["path"] == f"/api/v1/hooks/{made.id}"
    assert told(bytes(32)).startswith("whsec_AAAA")
    with pytest.raises(BadTopic, match="business-events"):
        new_webhook("h" * 16, "requests", "sealed", "", [], "")


def test_the_first_who_has_an_id_is_whose_webhook_it_is_and_its_team_pays() -> None:
    known = Definitions()
    for tenant, team in (("acme", "shop"), ("other", "theirs")):
        body = {"id": WEBHOOK.id, "topic": "business-events", "secret": "sealed", "team": team}
        event = define(tenant, "webhook", body, None, NOW)
        assert event is not None
        known.add(event)
    assert known.webhook_owner(WEBHOOK.id) == known.at(0).webhook_owner(WEBHOOK.id) == "acme"
    assert known.webhook_owner("x") == ""
    assert known.team("acme", f"webhook/{WEBHOOK.id}") == "shop"
    with pytest.raises(BadDefinition, match="no network"):
        define("acme", "webhook", {"id": "n" * 16, "topic": "t", "secret": "s", "networks": ["x"]}, None, NOW)
