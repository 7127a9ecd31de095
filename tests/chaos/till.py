"""Calls of one tenant against a cap: a provider with books of its own, workers that may be killed, what they say."""

import math
import os
import signal
import time
from collections import Counter, defaultdict
from contextlib import ExitStack
from datetime import UTC, datetime
from random import Random
from types import TracebackType
from typing import Any
from uuid import uuid4

from connectors.reader import KafkaLog
from domain.accounts import Accounts
from domain.book import DECIDED, Book
from domain.decider import step
from domain.definitions import canonical, digest
from domain.ids import derive
from domain.models import LOCAL
from domain.prices import Price, hold
from domain.tokens import messages_tokens_max
from runtime.definitions import put, read
from schemas.events import AiCall, BudgetEntry, CallStatus, EntryKind, Event, Message
from tests.agents.calls import requested
from tests.chaos.arena import Arena
from tests.chaos.crew import Crew
from tests.chaos.part import Part
from tests.harness import feed, until
from tests.models.running import model_server

MODEL = "till"
INPUT, OUTPUT = 1_000_000, 993_800_000
"""Micro-dollars for a million tokens, at the provider as in the models' definition: an attempt is held at a cent."""
MAX_TOKENS = 10
ANSWER = "An answer that takes all of the tokens it may take, and would take more."
ENDS = frozenset({CallStatus.COMPLETED, CallStatus.FAILED, CallStatus.REFUSED})
SETTLE_S = 180.0
QUIET_S = 20.0
"""After the last outcome, what is to be settled is settled within it."""
AWAKE_S = 10.0
"""For a writer that wakes to say what it had in hand."""
POLL_S = 0.05


class Watch:
    """What `ai-calls` and `budget-entries` say so far; decides the accounts from zero beside the workers."""

    def __init__(self, arena: Arena) -> None:
        self.outcomes: dict[str, set[str]] = defaultdict(set)
        """Event ids of outcomes, by call."""
        self.statuses: Counter[str] = Counter()
        """First copies."""
        self.book = Book()
        self.expected: list[BudgetEntry] = []
        self.decided: dict[int, BudgetEntry] = {}
        """The first record with each sequence."""
        self.repeated = 0
        """Records with a sequence that was said before."""
        self._arena = arena
        self._log = KafkaLog(arena.bootstrap)
        self._definitions = read(arena.bootstrap, arena.codec)
        self._at: dict[tuple[str, int], int] = {}
        self._seen: set[str] = set()

    def look(self) -> None:
        """Takes in what is new."""
        for topic in ("ai-calls", "budget-entries"):
            for partition, end in self._log.ends(topic).items():
                begin = self._at.get((topic, partition), 0)
                if begin >= end:
                    continue
                for records in self._log.read(topic, partition, begin, end):
                    for record in records:
                        self._take(self._arena.codec.decode(record), record.timestamp_ms)
                self._at[topic, partition] = end

    @property
    def quiet(self) -> bool:
        """True when all that was asked of the budgets is decided."""
        return len(self.decided) >= len(self.expected)

    def _take(self, event: Event, moment_ms: int) -> None:
        if isinstance(event, AiCall):
            if event.status in ENDS:
                self.outcomes[event.call_id].add(event.event_id)
            if event.event_id not in self._seen:
                self.statuses[event.status.value] += 1
                self._seen.add(event.event_id)
        elif isinstance(event, BudgetEntry) and event.kind in DECIDED:
            self.repeated += event.sequence in self.decided
            self.decided.setdefault(event.sequence, event)
        elif isinstance(event, BudgetEntry):
            more, self.book = step(Accounts(), self.book, event, self._definitions.at(moment_ms))
            self.expected += [each for each in more if isinstance(each, BudgetEntry)]


class Till:
    """A run on fresh topics; a context, after which its processes are gone.

    The tenant's cap is half of what its calls could cost together.
    """

    def __init__(self, arena: Arena, seed: int, calls: int, workers: int, latency_ms: int) -> None:
        arena.fresh()
        self.arena = arena
        self.chance = Random(f"{seed} money")
        self.tenant = f"till-{uuid4().hex[:8]}"
        self.calls = [derive(self.tenant, str(number), "call") for number in range(calls)]
        self.control = arena.place / "freeze"
        self.workers = [f"money-{number}" for number in range(workers)]
        self.kills = 0
        parts = [
            Part(
                "money",
                name,
                arena.bootstrap,
                arena.registry,
                arena.place / name,
                arena.prefix,
                control=self.control,
            )
            for name in self.workers
        ]
        self.crew = Crew(parts)
        self.session_s = parts[0].session_timeout_s
        self._latency_ms = latency_ms
        self._stack = ExitStack()

    def __enter__(self) -> "Till":
        with ExitStack() as stack:
            self.server = stack.enter_context(model_server(self._latency_ms, {MODEL: (INPUT, OUTPUT)}))
            self.server.script(MODEL, answer=ANSWER)
            self._define()
            self.watch = Watch(self.arena)
            stack.enter_context(self.crew)
            try:
                self.crew.ready()
            except BaseException:
                self.crew.tell_logs()
                raise
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error is not None:
            self.crew.tell_logs()
        self._stack.close()

    @property
    def cap(self) -> int:
        """The tenant's budget in micro-dollars."""
        price = Price(
            model=MODEL,
            valid_from=datetime(2020, 1, 1, tzinfo=UTC),
            input_usd_micros_per_million=INPUT,
            output_usd_micros_per_million=OUTPUT,
        )
        return len(self.calls) * hold(price, messages_tokens_max(_messages(0)), MAX_TOKENS) // 2

    def feed(self, begin: int, end: int) -> None:
        """Requests these calls, all at once."""
        encode = self.arena.codec.encode
        feed(self.arena, [encode(self._requested(number), "test") for number in range(begin, end)])

    def reach(self, answered: float, timeout_s: float) -> None:
        """Returns when the provider has answered so many calls, or all are over, or the time is."""
        last = time.monotonic() + timeout_s
        while time.monotonic() < last and not self._over():
            if sum(each["status"] == 200 for each in self.server.calls()) >= answered:
                return
            time.sleep(POLL_S)
            self.watch.look()

    def kill(self) -> None:
        """kill -9 of a worker; it is started again."""
        until(lambda: self.crew.kill(self.chance.choice(self.workers)), 30)
        self.kills += 1

    def freeze(self, meanwhile: Any) -> None:
        """Freezes the writer of the budgets with decisions in hand, for longer than its session lasts.

        `meanwhile` is done when it may freeze at any moment.
        """
        frozen = self.control.with_suffix(".frozen")
        frozen.unlink(missing_ok=True)
        self.control.touch()
        meanwhile()
        until(lambda: frozen.exists() and bool(frozen.read_text()), 60)
        time.sleep(self.session_s + 3.0)
        self.watch.look()
        before, pid = self.watch.repeated, int(frozen.read_text())
        os.kill(pid, signal.SIGCONT)
        last = time.monotonic() + AWAKE_S
        while self.watch.repeated == before and time.monotonic() < last:
            time.sleep(POLL_S)
            self.watch.look()

    def settle(self) -> int:
        """Returns when every call has its outcome and no hold is open: how many had to wait for their lease's end."""
        last = time.monotonic() + SETTLE_S
        while not self._over() and time.monotonic() < last:
            time.sleep(0.3)
            self.watch.look()
        last = time.monotonic() + QUIET_S
        while not (self.watch.quiet and not self.watch.book.holds) and time.monotonic() < last:
            time.sleep(0.3)
            self.watch.look()
        left = self.watch.book.holds
        if left:  # time itself is an event: here it comes before its time
            moment = max(each.lease_until for each in left.values())
            feed(self.arena, [self.arena.codec.encode(self._late(moment), "test")])
            until(lambda: self.watch.look() or (self.watch.quiet and not self.watch.book.holds), QUIET_S, 0.3)
        return len(left)

    def _over(self) -> bool:
        return len(self.watch.outcomes) == len(self.calls)

    def _define(self) -> None:
        hosted = {
            "id": f"openai/{MODEL}",
            "provider": "openai",
            "endpoint": self.server.endpoint,
            "input_usd_micros_per_million": INPUT,
            "output_usd_micros_per_million": OUTPUT,
        }
        local = {"id": LOCAL, "provider": LOCAL}
        models = {"id": "default", "default": hosted["id"], "models": [local, hosted]}
        cap = {"id": "cap", "limit_usd_micros": self.cap, "period": "total", "downgrade_percent": 100}
        bodies = [("models", models), ("budgets", {"id": "default", "budgets": [cap]})]
        self._models = digest(canonical(models))
        at = self.arena
        put(at.bootstrap, "test", bodies, read(at.bootstrap, at.codec), at.codec, datetime.now(UTC), self.tenant)

    def _requested(self, number: int) -> AiCall:
        call_id = self.calls[number]
        return requested(self.tenant, call_id, self._models, _messages(number), datetime.now(UTC), MAX_TOKENS)

    def _late(self, moment: datetime) -> BudgetEntry:
        event_id = derive(self.tenant, str(math.ceil(moment.timestamp())), "expiry")
        return BudgetEntry(
            event_id=event_id,
            tenant_id=self.tenant,
            correlation_id=event_id,
            occurred_at=moment,
            kind=EntryKind.EXPIRY_REQUESTED,
            hold_id="",
        )


def _messages(number: int) -> list[Message]:
    return [Message(role="user", content=f"Question {number:05d}: what happened?")]
