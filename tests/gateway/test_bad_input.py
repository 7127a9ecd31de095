"""Bad input: each is refused in one line, is an event, costs bounded memory and time, and takes nothing from others."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from gateway_calls import SAID, calls
from hook_calls import HOOK, signed

from gateway import bodies
from gateway.bodies import BODY_BYTES_MAX, EVENTS_MAX, BodyTooLarge, opened
from gateway.connections import HEAD_S
from schemas.codec import Codec
from tests.chaos.gateways import Gateway, gateways
from tests.gateway.attacks import EVENTS, GENUINE, LOGIN
from tests.gateway.caller import HOST, Answer, Caller, request
from tests.gateway.conftest import WEBHOOKS
from tests.harness import events, until

MB = 1024 * 1024
HEADERS = {"X-API-Key": GENUINE}
MEMORY_MB = 400
"""More than at the start; the bodies themselves have 256 MiB."""
DEEP = 100_000
BAD: dict[str, tuple[str, bytes, dict[str, str], int]] = {
    "50 MB": (EVENTS, b"[" + b" " * 50 * MB, {}, 413),
    "50 MB at the log-in": (LOGIN, b" " * 50 * MB, {}, 413),
    "five million numbers": (EVENTS, b"[" + b"1," * (5 * MB - 2) + b"1]", {}, 413),
    "five million lines": (EVENTS, b"1\n" * (5 * MB), {"Content-Type": "application/x-ndjson"}, 413),
    "lists in lists": (EVENTS, b"[" * DEEP + b"]" * DEEP, {}, 400),
    "objects in objects": (EVENTS, b'{"a":' * DEEP + b"1" + b"}" * DEEP, {}, 422),
    "objects in objects in a list": (EVENTS, b"[" + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"]", {}, 400),
    "objects in objects at the log-in": (LOGIN, b'{"tenant":' * 600 + b"1" + b"}" * 600, {}, 400),
    "no UTF-8": (EVENTS, b'{"source":"\xff\xfe"}', {}, 422),
    "a surrogate": (EVENTS, b'{"source":"\xed\xa0\x80"}', {}, 422),
    "half a surrogate pair": (EVENTS, b'{"source":"\\ud800"}', {}, 422),
    "UTF-16": (EVENTS, str(SAID).encode("utf-16"), {}, 422),
    "a number of 100,000 digits": (EVENTS, b'{"source":' + b"9" * 100_000 + b"}", {}, 422),
    "a number beyond all": (EVENTS, b'{"source":1e999999999}', {}, 422),
    "NaN": (EVENTS, b'{"source":NaN}', {}, 422),
    "a name of 9 MiB": (EVENTS, b'{"' + b"a" * 9 * MB + b'":1}', {}, 422),
    "half a million fields": (EVENTS, b"{" + b'"a":1,' * 500_000 + b'"b":1}', {}, 422),
    "a bomb that is packed": (EVENTS, b"\x1f\x8b\x08" + b"\0" * 1000, {"Content-Encoding": "gzip"}, 415),
    "nothing": (EVENTS, b"", {}, 422),
    "a NUL": (EVENTS, b"\0", {}, 422),
    "a mark of its order": (EVENTS, b"\xef\xbb\xbf{}", {}, 422),
    "an unknown media type": (EVENTS, b"{}", {"Content-Type": "text/" + "x" * 10_000}, 415),
    "a long Idempotency-Key": (EVENTS, b"{}", {"Idempotency-Key": "k" * 5000}, 400),
    "avro of nothing": (EVENTS, b"\0\0\0\0\1", {"Content-Type": "application/vnd.confluent.avro"}, 422),
    "ten thousand that are wrong": (EVENTS, b"[" + b"{}," * (EVENTS_MAX - 1) + b"{}]", {}, 422),
}


@pytest.fixture(scope="module")
def gateway(servers: Any, registered: Codec, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateways(servers, registered, tmp_path_factory.mktemp("bad-input"), 1) as [found]:
        yield found


def _ask(gateway: Gateway, *requests: bytes, settled: bool = True) -> list[Answer]:
    """Returns the answers to requests that are sent at once; 503 is one only when it need not be settled."""

    async def one(content: bytes) -> Answer:
        line = Caller(gateway.port)
        try:
            return await (line.settled(content) if settled else line.ask(content))
        finally:
            line.close()

    async def all_() -> list[Answer]:
        return await asyncio.gather(*map(one, requests))

    return asyncio.run(all_())


def _peak_mb(gateway: Gateway) -> float:
    lines = Path(f"/proc/{gateway.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def test_bad_input_is_refused_in_one_line_is_an_event_and_costs_bounded_memory(
    gateway: Gateway, servers: Any, registered: Codec
) -> None:
    [first] = _ask(gateway, request("POST", EVENTS, HEADERS, SAID))
    before = _peak_mb(gateway)

    answers = {
        name: _ask(gateway, request("POST", path, {**HEADERS, "Content-Type": "application/json", **headers}, body))[0]
        for name, (path, body, headers, _) in BAD.items()
    }
    flood = _ask(gateway, *[request("POST", EVENTS, HEADERS, BAD["50 MB"][1])] * 8, settled=False)
    [last] = _ask(gateway, request("POST", EVENTS, HEADERS, SAID))

    assert {name: answer.status for name, answer in answers.items()} == {name: bad[3] for name, bad in BAD.items()}
    assert all("\n" not in answer.document["detail"] for answer in answers.values())
    assert {answer.status for answer in flood} <= {413, 503}
    assert _peak_mb(gateway) - before < MEMORY_MB
    said = {call.event_id: call.status for call in calls(servers, registered)}
    assert all(said[answer.correlation_id] == answer.status for answer in (*answers.values(), *flood))
    there = {event.event_id for event in events(servers, registered, "business-events")}
    assert {first.document["event_id"], last.document["event_id"]} <= there


def test_of_a_name_that_stands_twice_the_last_one_counts_and_never_for_another_tenant(
    gateway: Gateway, servers: Any, registered: Codec
) -> None:
    whole = b'{"occurred_at":"2026-11-22T08:00:00Z","source":"crm","subject":"one","subject":"twice","type":"Opened",'
    asked = [whole + b'"tenant_id":"other","tenant_id":"acme"}', whole + b'"tenant_id":"acme","tenant_id":"other"}']
    answers = _ask(gateway, *(request("POST", EVENTS, HEADERS, each) for each in asked))

    assert [answer.status for answer in answers] == [202, 422]
    found = {event.event_id: event for event in events(servers, registered, "business-events")}
    event = found[answers[0].document["event_id"]]
    assert (event.tenant_id, event.subject) == ("acme", "twice")


def test_a_delivery_of_a_webhook_is_taken_once_of_as_many_as_come_at_once_and_never_after_a_restart(
    gateway: Gateway, servers: Any, registered: Codec
) -> None:
    said = {**SAID, "subject": "replayed"}
    replayed = request("POST", HOOK, signed(said, "replayed"), said)
    other = {**said, "subject": "smuggled"}

    answers = _ask(gateway, *([replayed] * 8))
    gateway.kill()
    gateway.start()
    answers += _ask(gateway, replayed, request("POST", HOOK, signed(other, "replayed"), other))

    assert sorted(answer.status for answer in answers) == [202, *[409] * 9]
    assert answers[-1].document["detail"] == "another body was sent with this webhook-id"
    whole = events(servers, registered, "business-events")
    assert [event.subject for event in whole if event.subject in ("replayed", "smuggled")] == ["replayed"]
    refused = [
        call for call in calls(servers, registered) if call.route.startswith("POST /hooks/") and call.status == 409
    ]
    assert {call.principal for call in refused} == {f"webhook/{WEBHOOKS['acme']}"}
    assert len(refused) == 9


@pytest.mark.parametrize(
    "sent",
    [
        b"Content-Length: 100\r\n\r\n{",
        b"Transfer-Encoding: chunked\r\n\r\nffff\r\n{}",
        b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}",
        b"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n",
    ],
    ids=["a body that is shorter", "a chunk that is shorter", "chunks without an end", "nothing after a promise"],
)
def test_a_body_that_never_ends_is_a_call_when_its_sender_leaves(
    gateway: Gateway, servers: Any, registered: Codec, sent: bytes
) -> None:
    def left() -> int:
        return sum(call.status == 408 for call in calls(servers, registered))

    async def leave() -> None:
        _, writer = await asyncio.open_connection(HOST, gateway.port)
        writer.write(f"POST {EVENTS} HTTP/1.1\r\nHost: gateway\r\nX-API-Key: {GENUINE}\r\n".encode() + sent)
        await writer.drain()
        await asyncio.sleep(0.2)
        writer.close()
        await writer.wait_closed()

    before = left()
    asyncio.run(leave())
    until(lambda: left() == before + 1, 30, 0.2)


def test_who_does_not_come_to_the_point_is_left(gateway: Gateway) -> None:
    head = f"POST {EVENTS} HTTP/1.1\r\nHost: gateway\r\n".encode()
    rest = head + f"X-API-Key: {GENUINE}\r\nContent-Encoding: gzip\r\nContent-Length: 100000\r\n\r\n".encode()

    async def trickle(begin: bytes, more: bytes) -> float:
        """Returns the seconds until the connection is closed."""
        reader, writer = await asyncio.open_connection(HOST, gateway.port)
        began = time.monotonic()
        writer.write(begin)

        async def on() -> None:
            while more:
                writer.write(more)
                await asyncio.sleep(0.5)

        going = asyncio.ensure_future(on())
        try:
            async with asyncio.timeout(HEAD_S * 3):
                while await reader.read(4096):
                    pass
        except ConnectionError:
            pass
        finally:
            going.cancel()
            writer.close()
        return time.monotonic() - began

    async def all_() -> list[float]:
        tries = [(b"", b""), (head, b""), (head, b"X: x\r\n"), (b"G", b""), (rest, b"x")]
        return await asyncio.gather(*(trickle(*each) for each in tries))

    took = asyncio.run(all_())
    assert all(HEAD_S - 1 < each < HEAD_S * 2 for each in took), took


async def test_a_body_that_comes_too_slowly_is_refused_and_is_an_event(
    log: Any, registered: Codec, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "BODY_S", 0.3)

    async def slow() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" "
            await asyncio.sleep(0.1)

    answer = await client.post(EVENTS, content=slow(), headers={"Content-Type": "application/json"})

    assert answer.status_code == 408
    assert [call.status for call in calls(log, registered)] == [408]


@pytest.mark.parametrize("element", [b"1", b"{}", b'""', b"[]", b"null"])
def test_a_list_of_millions_costs_nobody_else_time(element: bytes) -> None:
    body = b"[" + b",".join([element] * (BODY_BYTES_MAX // (len(element) + 1) - 1)) + b"]"
    with pytest.raises(BodyTooLarge):
        opened("application/json", body)
    began = time.process_time()
    with pytest.raises(BodyTooLarge):
        opened("application/json", body)
    assert time.process_time() - began < 0.1
    assert len(opened("application/json", b"[" + b"{}," * (EVENTS_MAX - 1) + b"{}]").contents) == EVENTS_MAX
