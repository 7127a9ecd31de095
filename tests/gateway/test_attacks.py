"""Who wants in without a right to it: no attack opens anything, none breaks anything, and each is an event."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from gateway_calls import PASSWORD, SAID, calls
from msgspec import Struct

from schemas.codec import Codec
from tests.chaos.gateways import Gateway, gateways
from tests.gateway.attacks import EVENTS, GENUINE, VERIFY, Attack, Booty, attacks
from tests.gateway.caller import HOST, Caller, request
from tests.harness import events

AT_ONCE = 16
TRIES = 20
"""Of an attack that is answered with 503: a machine that is busy gives that, and it says: again."""
QUIET_S = 0.5
"""After an answer: whether another one hides behind it."""
ANSWER_S, WAITS_S = 60.0, 3.0
"""A server that waits for so long for the rest of what is no request has refused it."""
STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")
CORRELATION = re.compile(rb'"correlation_id":"([0-9a-f-]{36})"')
ATTACKS = attacks()
NO_HTTP = {
    "two Hosts",
    "lines: two lengths",
    "lines: a length with a sign",
    "lines: a negative length",
    "lines: a length in hex",
    "lines: chunked with a letter more",
    "lines: chunked twice",
    "lines: a space before the colon",
    "lines: a bare carriage return",
    "lines: no version",
    "lines: HTTP/2",
    "lines: no Host",
    "lines: a header without a name",
    "lines: a NUL in a header",
    "lines: a NUL in the path",
    "lines: a space in the path",
    "lines: a chunk of a wrong size",
    "lines: TLS",
    "lines: noise",
}
"""Refused by the HTTP parser, in plain text and without an event."""
NO_BODY = {"method HEAD"}
"""Answered without a body, so that the caller is not told the id of its call."""


class Got(Struct, frozen=True):
    """What one attack came to: every status that came back, and the calls that the gateway told of."""

    statuses: list[int]
    calls: list[str]


@pytest.fixture(scope="module")
def gateway(servers: Any, registered: Codec, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateways(servers, registered, tmp_path_factory.mktemp("attacked"), 1) as [found]:
        yield found


@pytest.fixture(scope="module")
def got(gateway: Gateway) -> dict[str, Got]:
    """What every attack came to."""
    return asyncio.run(_all(gateway.port))


@pytest.fixture(scope="module")
def said(got: dict[str, Got], servers: Any, registered: Codec) -> Counter[tuple[str, int]]:
    """Id and status of every call on the log."""
    return Counter((call.event_id, call.status) for call in calls(servers, registered))


async def _all(port: int) -> dict[str, Got]:
    found, turns, booty = {}, asyncio.Semaphore(AT_ONCE), await _booty(port)

    async def one(attack: Attack) -> None:
        async with turns:
            for _ in range(TRIES):
                wait_s = WAITS_S if attack.name in NO_HTTP else ANSWER_S
                found[attack.name] = await _sent(port, attack.request(booty), wait_s)
                if 503 not in found[attack.name].statuses:
                    break

    await asyncio.gather(*map(one, ATTACKS))
    return found


async def _booty(port: int) -> Booty:
    line = Caller(port)

    async def tokens(tenant: str, name: str) -> dict[str, str]:
        said = {"tenant": tenant, "name": name, "password": PASSWORD}
        return (await line.settled(request("POST", "/auth/login", {}, said))).document

    one, over, used, other = [
        await tokens(tenant, name)
        for tenant, name in (("acme", "operator"), ("acme", "viewer"), ("acme", "analyst"), ("other", "admin"))
    ]
    bearer = {"Authorization": f"Bearer {over['access_token']}"}
    assert (await line.settled(request("POST", "/auth/logout", bearer))).status == 200
    renewal = request("POST", "/auth/refresh", {"Idempotency-Key": "used"}, {"refresh_token": used["refresh_token"]})
    assert (await line.settled(renewal)).status == 200
    line.close()
    return Booty(
        one["access_token"], one["refresh_token"], used["refresh_token"], over["access_token"], other["access_token"]
    )


async def _sent(port: int, content: bytes, answer_s: float) -> Got:
    """Sends the bytes and reads whatever comes back, until nothing more does."""
    reader, writer = await asyncio.open_connection(HOST, port)
    answer = b""
    try:
        writer.write(content)
        while True:
            async with asyncio.timeout(QUIET_S if STATUS.search(answer) else answer_s):
                part = await reader.read(1 << 16)
            if not part:
                break
            answer += part
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()
    return Got([int(each) for each in STATUS.findall(answer)], [each.decode() for each in CORRELATION.findall(answer)])


def test_the_genuine_are_let_in(gateway: Gateway) -> None:
    async def genuine() -> list[int]:
        line, headers = Caller(gateway.port), {"X-API-Key": GENUINE}
        asked = [request("GET", VERIFY, headers), request("POST", EVENTS, headers, SAID)]
        found = [(await line.settled(each)).status for each in asked]
        line.close()
        return found

    assert asyncio.run(genuine()) == [200, 202]


def test_there_are_at_least_two_hundred_attacks_each_with_a_name() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS) >= 200


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_an_attack_opens_nothing_and_is_an_event_unless_it_is_no_http(
    got: dict[str, Got], said: Counter[tuple[str, int]], attack: Attack
) -> None:
    found = got[attack.name]

    assert all(400 <= status < 500 for status in found.statuses), found
    assert all(said[name, status] == 1 for name, status in zip(found.calls, found.statuses, strict=False)), found
    if len(found.calls) < len(found.statuses) or not found.statuses:
        assert attack.name in NO_HTTP | NO_BODY, found


def test_nothing_came_of_all_attacks_together(got: dict[str, Got], servers: Any, registered: Codec) -> None:
    assert got
    assert {event.tenant_id for event in events(servers, registered, "business-events")} <= {"acme"}
    assert all(event.causation_id is not None for event in events(servers, registered, "business-events"))
