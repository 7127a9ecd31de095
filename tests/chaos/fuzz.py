"""R19: requests that are damaged at random, from a seed; nothing breaks, and each that was answered is an event."""

import asyncio
import re
from collections import Counter
from importlib import import_module
from random import Random
from typing import Any

from msgspec import field

from tests.chaos.audit import Seen, judge, said_of
from tests.chaos.gateways import gateways, known
from tests.chaos.report import Outcome
from tests.chaos.stand import Stand
from tests.gateway.caller import Caller, NoAnswer, request

CALLERS = 32
ANSWER_S = 3.0
"""For an answer; what is damaged may wait for a rest that never comes."""
LARGE = 4096
"""Bytes of a request that is not worth being sent so often."""
PIECES = (
    b"\r\n", b"\0", b"\xff", b"%00", b"%2e%2e/", b"..", b"//", b'"', b"{", b"[", b"'", b";", b" ", b"\t", b"\n", b":",
    b"Content-Length: 1\r\n", b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n", b"9" * 40, b"-1",
    b"1e999",     b"\xed\xa0\x80", b"\\ud800", b"NaN", b"null", b"=", b"&", b"Bearer ", b"auterity.", b"eyJ",
)  # fmt: skip


NOT_NOW, NOT_NOW_MAX = 503, 0.01
"""What is answered when Kafka, or a password, takes longer than a call waits; and which share of that is no fault."""
NO_EVENT = {200, 400}
"""Statuses of what is not kept: health, the contract, and what is no HTTP."""


class _Answers(Seen):
    unsaid: Counter[int] = field(default_factory=Counter)
    """By status: answers that name no call."""


def r19(stand: Stand, outcome: Outcome, *, requests: int) -> None:
    """Damages genuine requests and attacks, one after the other, and looks at every answer."""
    at = stand.arena
    at.fresh()
    seen = _Answers()
    with gateways(at, at.codec, at.place, 1) as [gateway]:
        asyncio.run(_fuzz(gateway.port, stand.seed, requests, seen))
        outcome.require(gateway.process is not None and gateway.process.poll() is None, "the gateway lives", True)
        outcome.require("Traceback" not in gateway.log(), "no traceback in its log", "Traceback" not in gateway.log())
    found = judge(seen, [each for each in said_of(at) if each[0] in seen.answers])  # others were answered to nobody
    outcome.events = requests
    outcome.lost = found["missing"]
    statuses = Counter(seen.answers.values()) + seen.unsaid
    broken = sum(number for status, number in statuses.items() if status >= 500 and status != NOT_NOW)
    outcome.detail |= {"by status": dict(sorted(statuses.items())), "not answered": seen.unanswered.total()}
    outcome.detail["without an event"] = dict(seen.unsaid)
    outcome.require(seen.unsaid.keys() <= NO_EVENT, "statuses without an event", sorted(seen.unsaid))
    outcome.within(round(statuses[NOT_NOW] / requests, 4), NOT_NOW_MAX, "not now")
    outcome.require(not broken, "answers of 5xx", broken)
    for name in ("missing", "extra", "other status"):
        outcome.require(not found[name], name, found[name])


async def _fuzz(port: int, seed: int, requests: int, seen: _Answers) -> None:
    bases = await _bases(port)
    numbers = iter(range(requests))

    async def work() -> None:
        line = Caller(port, ANSWER_S)
        for number in numbers:
            chance = Random(f"{seed} fuzz {number}")
            content = damaged(chance.choice(bases), chance)
            try:
                answer = await line.ask(content)
            except NoAnswer:
                seen.unanswered["any"] += 1
                continue
            if name := answer.correlation_id:
                seen.answers[name] = answer.status
            else:
                seen.unsaid[answer.status] += 1
            line.close()  # what is left of a damaged request is not the next one's beginning
        line.close()

    await asyncio.gather(*(work() for _ in range(CALLERS)))


async def _bases(port: int) -> list[bytes]:
    """Returns genuine requests of every row of the matrix, and every attack that is not large."""
    matrix = known()
    tests, attacks = import_module("tests.gateway.test_attacks"), import_module("tests.gateway.attacks")
    booty = await tests._booty(port)
    found = [each.request(booty) for each in attacks.attacks()]
    bearers: list[dict[str, str]] = [{"Authorization": f"Bearer {booty.access}"}, {"X-API-Key": attacks.GENUINE}, {}]
    for name, row in matrix.ROWS.items():
        method, _, path = name.partition(" ")
        body: Any = row.body("acme") if row.body is not None else None
        found += [request(method, row.path or path, headers, body) for headers in bearers if "/logout" not in path]
    return [
        each for each in found if len(each) < LARGE and not each.startswith(b"HEAD")
    ]  # has no body to tell the call


def damaged(content: bytes, chance: Random) -> bytes:
    """Returns the bytes with one to three pieces of damage; a body's length is mostly made right again."""
    found = bytearray(content)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(found) + 1)
        match chance.randrange(6):
            case 0:
                found[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                found[at:at] = chance.choice(PIECES)
            case 2:
                del found[at : at + chance.randint(1, 8)]
            case 3:
                found[at:at] = found[at : at + chance.randint(1, 40)]
            case 4:
                found[at : at + 4] = chance.choice(PIECES)
            case _:
                found[at:at] = chance.randbytes(chance.randint(1, 12))
    return _measured(bytes(found)) if chance.random() < 0.8 else bytes(found)


def _measured(content: bytes) -> bytes:
    head, gap, body = content.partition(b"\r\n\r\n")
    return re.sub(rb"(?i)(content-length:) *\d+", rb"\1 %d" % len(body), head, count=1) + gap + body
