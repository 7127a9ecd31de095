"""R16: gateways are killed under load; every call that was answered is one event, and no event is nobody's call."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Any

from msgspec import Struct, field

from domain.workflows import CALLS
from tests.chaos.arena import Arena
from tests.chaos.gateways import Gateway, gateways, known
from tests.chaos.report import Outcome
from tests.chaos.stand import Stand
from tests.gateway.caller import Answer, Caller, NoAnswer, request

GATEWAYS = 2
CALLERS = 24
EVENTS_SHARE = 0.5
"""Of the calls: events with an Idempotency-Key that is right; the others are any route, by anybody, right or wrong."""
UNDECIDED = 503
UNDECIDED_MAX = 0.02
"""Of the calls: answered with 503. Such a call was not decided: it may be on the log or not."""
PAUSE_S = 0.1
TENANT, TOPIC = "other", "business-events"
GARBAGE: tuple[Any, ...] = (
    b"",
    b"[",
    b"\xff",
    {},
    [],
    {"tenant_id": "other"},
    b"[" * 2000,
    {"name": 7},
    "text",
    10**40,
)


class Seen(Struct):
    """What the callers know."""

    answers: dict[str, int] = field(default_factory=dict)
    """By correlation id: the status."""
    twice: int = 0
    """Answers whose correlation id another one has, or that name none."""
    unanswered: Counter[str] = field(default_factory=Counter)
    """By route: requests that were sent and never answered."""
    taken: dict[int, str] = field(default_factory=dict)
    """By number: the id of an event that was answered with 2xx."""
    sent: int = 0

    def answered(self, answer: Answer) -> None:
        """Remembers an answer."""
        name = answer.correlation_id
        self.twice += not name or name in self.answers
        self.answers[name] = answer.status


def r16(stand: Stand, outcome: Outcome, *, requests: int, kills: int) -> None:
    """Has many callers make right and wrong calls while gateways are killed; judges by what is on the log."""
    at = stand.arena
    at.fresh()
    with gateways(at, at.codec, at.place, GATEWAYS) as running:
        seen = asyncio.run(_flood(running, stand.seed, requests, kills))
    found = judge(seen, said_of(at))
    outcome.events = seen.sent
    outcome.lost, outcome.doubled = found["missing"], found["extra"]
    outcome.state_equal = not found["other status"]
    undecided = sum(status == UNDECIDED for status in seen.answers.values())
    outcome.detail |= {"answered": len(seen.answers), "never answered": seen.unanswered.total(), "kills": kills}
    outcome.detail["by status"] = dict(sorted(Counter(seen.answers.values()).items()))
    outcome.within(round(undecided / seen.sent, 4), UNDECIDED_MAX, "undecided")
    for name, value in found.items():
        outcome.require(not value, name, value)
    _judge_events(at, outcome, seen)


def said_of(at: Arena) -> list[tuple[str, int, str]]:
    """Returns id, status and route of each record of a call."""
    return [(event.event_id, event.status, event.route) for event in at.events("requests") if event.kind in CALLS]


def judge(seen: Seen, said: list[tuple[str, int, str]]) -> dict[str, int]:
    """Returns how many events are missing, extra (beyond one of each call; of calls never answered), or say another
    status; `said` are id, status and route of each record of a call."""
    copies = Counter(name for name, _, _ in said)
    decided = {name for name, status in seen.answers.items() if status != UNDECIDED}
    others = Counter(route for name, _, route in said if name not in seen.answers)
    return {
        "missing": len(decided - copies.keys()),
        "extra": sum(each - 1 for each in copies.values()) + (others - seen.unanswered).total(),
        "other status": sum(name in decided and seen.answers[name] != status for name, status, _ in said),
        "ids twice": seen.twice,
    }


def _judge_events(at: Arena, outcome: Outcome, seen: Seen) -> None:
    """Every event that was answered with 2xx lies on its topic with the id that was told, and with no other one."""
    ids: dict[int, set[str]] = {}
    copies: Counter[str] = Counter()
    for event in at.events(TOPIC):
        copies[event.event_id] += 1
        if "number" in event.attributes:
            ids.setdefault(int(event.attributes["number"]), set()).add(event.event_id)
    outcome.detail["events taken"] = len(seen.taken)
    outcome.detail["events sent twice"] = sum(each > 1 for each in copies.values())
    wrong = [number for number, name in seen.taken.items() if ids.get(number) != {name}]
    outcome.require(not wrong, "events lost, or with two ids", len(wrong))
    outcome.require(ids.keys() == seen.taken.keys(), "events without an answer in the end", len(ids) - len(seen.taken))


async def _flood(running: list[Gateway], seed: int, requests: int, kills: int) -> Seen:
    """Makes the calls; kills gateways at random moments meanwhile, each of which is started again."""
    seen, chance = Seen(), Random(f"{seed} audit")
    moments = sorted(chance.uniform(0.05, 0.9) * requests for _ in range(kills))
    tokens: dict[str, str] = {}
    numbers = iter(range(requests))
    callers = [_Caller(running, number, seen, tokens, seed) for number in range(CALLERS)]
    for name in ("viewer", "operator", "admin"):
        await callers[0].log_in(name)

    async def kill() -> None:
        for moment in moments:
            while seen.sent < moment:
                await asyncio.sleep(0.02)
            target = chance.choice(running)
            target.kill()
            await asyncio.to_thread(target.start)

    await asyncio.gather(kill(), *(each.work(numbers) for each in callers))
    for each in callers:
        each.close()
    return seen


class _Caller:
    """Makes calls, one after the other; goes to another gateway when one does not answer."""

    def __init__(self, running: list[Gateway], number: int, seen: Seen, tokens: dict[str, str], seed: int) -> None:
        self._lines = [Caller(each.port) for each in running]
        self._turn = number
        self._seen = seen
        self._tokens = tokens
        self._chance = Random(f"{seed} caller {number}")
        self._matrix = known()

    async def work(self, numbers: Any) -> None:
        """Makes the calls of these numbers, together with all others who take from them."""
        for number in numbers:
            if self._chance.random() < EVENTS_SHARE:
                await self._event(number)
            else:
                await self._anything()

    async def log_in(self, name: str) -> None:
        """Takes a token for the user of this name."""
        body = self._matrix.ROWS["POST /api/v1/auth/login"].body("acme")
        answer = await self._ask("POST /auth/login", "POST", "/auth/login", {}, {**body, "name": name})
        if answer is not None and "access_token" in answer.document:
            self._tokens[name] = answer.document["access_token"]

    def close(self) -> None:
        """Leaves the gateways."""
        for line in self._lines:
            line.close()

    async def _event(self, number: int) -> None:
        """Sends an event until it is answered with what stays so."""
        body = {**self._matrix.SAID, "attributes": {"number": str(number)}}
        headers = {"X-API-Key": self._matrix.key(TENANT, "w").text, "Idempotency-Key": f"call-{number}"}
        while True:
            answer = await self._ask("POST /events/{topic}", "POST", f"/api/v1/events/{TOPIC}", headers, body)
            if answer is not None and answer.status == 202:
                self._seen.taken[number] = str(answer.document["event_id"])
                return
            await asyncio.sleep(PAUSE_S)

    async def _anything(self) -> None:
        """Calls any route of the contract as anybody, with the right body or with none that it could be."""
        chance, rows = self._chance, self._matrix.ROWS
        name = chance.choice(
            [each for each in rows if "/health" not in each] + ["GET /nowhere", "DELETE /api/v1/auth/login"]
        )
        method, _, path = name.partition(" ")
        row = rows.get(name)
        body = row.body("acme") if row is not None and row.body is not None else None
        if chance.random() < 0.4 and method != "GET":
            body = chance.choice(GARBAGE)
        route = f"{method} {'(none)' if path == '/nowhere' else path.removeprefix('/api/v1')}"
        answer = await self._ask(
            route, method, (row.path if row is not None else "") or path, self._credentials(), body
        )
        if answer is not None and answer.status == 200 and "access_token" in answer.document:
            self._tokens["viewer"] = answer.document["access_token"]

    def _credentials(self) -> Mapping[str, str]:
        matrix, chance = self._matrix, self._chance
        dead: Any = [*matrix.NOBODY.values(), *matrix.SUSPENDED.values()]
        alive: Any = [{"X-API-Key": shown.text} for shown, _ in matrix.KEYS.values()]
        alive += [{"Authorization": f"Bearer {token}"} for token in self._tokens.values()]
        found: Mapping[str, str] = chance.choice(dead if chance.random() < 0.3 else alive)
        return found

    async def _ask(self, route: str, method: str, path: str, headers: Mapping[str, str], body: Any) -> Answer | None:
        """Returns the answer, and remembers what the caller knows of the call."""
        line = self._lines[self._turn % len(self._lines)]
        try:
            answer = await line.ask(request(method, path, headers, body))
        except NoAnswer as error:
            self._turn += 1
            if error.sent:
                self._seen.sent += 1
                self._seen.unanswered[route] += 1
            else:
                await asyncio.sleep(PAUSE_S)
            return None
        self._seen.sent += 1
        self._seen.answered(answer)
        return answer
