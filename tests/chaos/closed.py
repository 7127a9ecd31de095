"""R17: the log hangs, is away or refuses; nothing is answered as done, and every caller is told within two seconds."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from msgspec import Struct, field

from tests.chaos.arena import Arena
from tests.chaos.gateways import Gateway, gateways, known
from tests.chaos.produces import SETTING, SMALL
from tests.chaos.report import Outcome
from tests.chaos.stand import Stand
from tests.gateway.caller import Answer, Caller, NoAnswer, request

CALLERS = 12
TOLD_S = 2.0
"""Within which a caller is told that it is not taken."""
PAUSE_S = 0.2
"""Of a caller who was refused."""
BEGUN_S = 1.0
"""Until a setting of a topic holds."""
RECOVERED_S, RECOVERED_MAX_S = 30.0, 180.0
EVENTS, CALLS = "business-events", "requests"


class Told(Struct, frozen=True):
    """One call: when it began and ended, what was answered (0: nothing), and the number of its event, if any."""

    route: str
    began: float
    ended: float
    status: int
    retry_after: str
    correlation_id: str
    number: int | None

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began


class Fault(Struct):
    """A way in which the log is not there; between `began` and `healed` it is not for certain."""

    name: str
    begin: Callable[[], None]
    heal: Callable[[], None]
    events_only: bool = False
    """True when calls that write no events can be told to the log all the same."""
    began: float = 0.0
    healed: float = 0.0
    told: list[Told] = field(default_factory=list)

    @property
    def during(self) -> list[Told]:
        """The calls that began within."""
        return [each for each in self.told if self.began <= each.began < self.healed]


def r17(stand: Stand, outcome: Outcome, *, hold_s: float, times: int) -> None:
    """Takes the log away in every way; callers use every route meanwhile, rightly."""
    at = stand.arena
    at.fresh()
    took: list[float] = []
    recovered: list[float] = []
    taken: dict[int, str] = {}
    answered: list[Told] = []
    with gateways(at, at.codec, at.place, 1) as [gateway]:
        for fault in [fault for _ in range(times) for fault in _faults(at)]:
            asyncio.run(_through(gateway, fault, hold_s, taken, recovered))
            refused = [each for each in fault.during if not fault.events_only or each.number is not None]
            answered += fault.told
            took += [each.seconds for each in refused]
            outcome.events += len(fault.told)
            name = f"{fault.name}: slowest s"
            slow = [(round(each.seconds, 2), f"{each.route} {each.status}") for each in refused]
            outcome.detail[name] = max([outcome.detail.get(name, (0.0, "")), *slow])
            outcome.require(len(refused) >= CALLERS // 2, f"{fault.name}: calls meanwhile", len(refused))
            within = [each for each in refused if each.ended < fault.healed]
            open_ = [f"{each.route} {each.status}" for each in within if (each.status, each.retry_after) != (503, "1")]
            outcome.require(not open_, f"{fault.name}: not refused", open_[:5])
    outcome.within(round(max(took), 2), TOLD_S, "slowest refusal s")
    outcome.detail["median refusal s"] = round(sorted(took)[len(took) // 2], 2)
    outcome.within(round(max(recovered), 1), RECOVERED_S, "slowest recovery s")
    _judge(at, outcome, answered, taken)


def _judge(at: Arena, outcome: Outcome, answered: list[Told], taken: dict[int, str]) -> None:
    """What was answered with 2xx is on the log, and each event once, however often it was sent."""
    said = {event.event_id for event in at.events(CALLS)}
    done = [each for each in answered if 200 <= each.status < 300]
    missing = [each.route for each in done if each.correlation_id not in said]
    ids: dict[int, set[str]] = {}
    for event in at.events(EVENTS):
        if "number" not in event.attributes:  # a run that was asked for
            continue
        ids.setdefault(int(event.attributes["number"]), set()).add(event.event_id)
    outcome.lost = len(missing)
    outcome.doubled = sum(len(names) - 1 for names in ids.values())
    wrong = [number for number, name in taken.items() if ids.get(number) != {name}]
    outcome.detail["events taken in the end"] = len(taken)
    outcome.require(not missing, "answered and not on the log", len(missing))
    outcome.require(not wrong, "events lost, or with two ids", len(wrong))


def _faults(at: Arena) -> list[Fault]:
    def small(topic: str) -> Callable[[], None]:
        def begin() -> None:
            at.set_topic(topic, SETTING, SMALL)
            time.sleep(BEGUN_S)

        return begin

    def large(topic: str) -> Callable[[], None]:
        before = at.topic_setting(topic, SETTING)
        return lambda: at.set_topic(topic, SETTING, before)

    return [
        Fault("hanging", lambda: at.broker_signal(signal.SIGSTOP), lambda: at.broker_signal(signal.SIGCONT)),
        Fault("killed", lambda: at.broker_signal(signal.SIGKILL), at.broker_back),
        Fault("refusing calls", small(CALLS), large(CALLS)),
        Fault("refusing events", small(EVENTS), large(EVENTS), events_only=True),
    ]


async def _through(
    gateway: Gateway, fault: Fault, hold_s: float, taken: dict[int, str], recovered: list[float]
) -> None:
    """Calls until some time after the fault, and sends each event that was refused until it is taken."""
    callers = _Callers(gateway, fault, len(taken))
    await callers.begin()
    with callers.at_work() as work:
        await asyncio.sleep(0.3)
        await asyncio.to_thread(fault.begin)
        fault.began = time.monotonic()
        await asyncio.sleep(hold_s)
        fault.healed = time.monotonic()
        await asyncio.to_thread(fault.heal)
        healed = time.monotonic()
        async with asyncio.timeout(RECOVERED_MAX_S):
            while not any(each.status == 202 and each.began > healed for each in fault.told):
                await asyncio.sleep(0.05)
        recovered.append(time.monotonic() - healed)
    await asyncio.gather(*work)
    await callers.settle(taken)


class _Callers:
    """Those who call: each route of the contract with what is right for it, and events besides."""

    def __init__(self, gateway: Gateway, fault: Fault, first: int) -> None:
        self._gateway = gateway
        self._fault = fault
        self._matrix = known()
        self._tokens: dict[str, str] = {}
        self._numbers = count(first)
        self._over = False
        self._taken: dict[int, str] = {}
        self._open: set[int] = set()

    async def begin(self) -> None:
        """Logs everybody in."""
        line = Caller(self._gateway.port)
        for tenant, name, _ in self._matrix.PEOPLE.values():
            body = {**self._matrix.ROWS["POST /api/v1/auth/login"].body(tenant), "tenant": tenant, "name": name}
            while f"{tenant} {name}" not in self._tokens:
                answer = await line.ask(request("POST", "/auth/login", {}, body))
                if answer.status == 200:
                    self._tokens[f"{tenant} {name}"] = answer.document["access_token"]
        line.close()

    @contextmanager
    def at_work(self) -> Iterator[list["asyncio.Task[None]"]]:
        """Calls as long as it is entered."""
        yield [asyncio.ensure_future(self._work(number)) for number in range(CALLERS)]
        self._over = True

    async def settle(self, taken: dict[int, str]) -> None:
        """Sends what was not taken once more, until it is."""
        line = Caller(self._gateway.port)
        for number in sorted(self._open):
            while number not in self._taken:
                await self._event(line, number)
        line.close()
        taken |= self._taken

    async def _work(self, turn: int) -> None:
        line = Caller(self._gateway.port)
        rows = [name for name in self._matrix.ROWS if "/health" not in name]
        for each in count(turn):
            if self._over:
                break
            if each % 2:
                await self._event(line, next(self._numbers))
            else:
                await self._route(line, rows[each // 2 % len(rows)])
        line.close()

    async def _event(self, line: Caller, number: int) -> None:
        body = {**self._matrix.SAID, "attributes": {"number": str(number)}}
        headers = {"X-API-Key": self._matrix.key("acme", "w").text, "Idempotency-Key": f"closed-{number}"}
        self._open.add(number)
        answer = await self._ask(line, "POST", f"/events/{EVENTS}", headers, body, number)
        if answer is not None and answer.status == 202:
            self._taken[number] = str(answer.document["event_id"])
            self._open.discard(number)

    async def _route(self, line: Caller, name: str) -> None:
        row = self._matrix.ROWS[name]
        method, _, path = name.partition(" ")
        body = row.body("acme") if row.body is not None else None
        if "tenant_id" in (body or {}):
            return  # events, which have their numbers
        may = [who for who, (_, __, granted) in self._matrix.PEOPLE.items() if row.permission in {None, *granted}]
        tenant, user, _ = self._matrix.PEOPLE[may[0]]
        headers = {} if row.open else {"Authorization": f"Bearer {self._tokens[f'{tenant} {user}']}"}
        await self._ask(line, method, row.path or path, headers, body)

    async def _ask(
        self, line: Caller, method: str, path: str, headers: dict[str, str], body: Any, number: int | None = None
    ) -> Answer | None:
        began = time.monotonic()
        try:
            answer = await line.ask(request(method, path, headers, body))
        except NoAnswer:
            answer = None
        ended = time.monotonic()
        status, retry = (answer.status, answer.headers.get("retry-after", "")) if answer is not None else (0, "")
        name = answer.correlation_id if answer is not None else ""
        if status != 202:
            await asyncio.sleep(PAUSE_S)
        self._fault.told.append(Told(f"{method} {path}", began, ended, status, retry, name, number))
        return answer
