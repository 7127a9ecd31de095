"""`python -m benchmarks.relay_calls`: model calls through the whole flow, and by the bare LiteLLM SDK beside it.

Each call is requested on the log, routed, held by a budget, admitted, looked through for personal data, asked, and
settled: its latency is Kafka's append time of its outcome less that of its request. One worker process (with the
detector's) on the measured core; Kafka, the server that speaks OpenAI's API (`tests/models/server.py`), and whoever
requests on the others. The bare SDK asks the same questions on the measured core, in turn with ours.
"""

import argparse
import asyncio
import os
import sys
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean, median, quantiles

import uvloop
from msgspec import Struct

from benchmarks.cores import Cores, cores, pinned
from benchmarks.model_calls import KEY, MAX_TOKENS, MODEL, SETTLE_S, SYSTEM, callers, text
from benchmarks.servers import Servers, running
from benchmarks.table import machine
from connectors.publisher import KafkaPublisher
from connectors.reader import KafkaLog
from domain.definitions import canonical, digest
from domain.ids import derive
from domain.models import LOCAL
from runtime.definitions import put, read
from schemas.events import AiCall, BudgetEntry, CallStatus, EntryKind, Message
from tests.agents.calls import requested
from tests.agents.running import Asking
from tests.models.running import ModelServer, model_server

CALLS, ROUNDS = 1000, 5
RATE, SECONDS = 100.0, 20.0
LATENCY_MS = 50
TENANT, PREFIX = "bench", ""
PRICES = {"input_usd_micros_per_million": 150_000, "output_usd_micros_per_million": 600_000}
OVER = (CallStatus.COMPLETED, CallStatus.FAILED, CallStatus.REFUSED)
LIMIT_S = 120.0
"""For the calls of a round to be over."""


class Load(Struct, frozen=True):
    """What the calls of one round took: average seconds, every latency, and processor time."""

    latencies_s: Sequence[float]
    cpu_s: float


def main(arguments: Sequence[str]) -> None:
    """Prints the table; exit 1 when a call was not answered, or not as often asked as it was made."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.relay_calls", description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of the steady load")
    asked = parser.parse_args(arguments)
    warnings.simplefilter("ignore")  # LiteLLM's own
    os.environ["OPENAI_API_KEY"] = KEY
    here = cores()
    with ExitStack() as stack:
        servers = stack.enter_context(running(here, _say))
        stack.enter_context(pinned(here.others))
        server = stack.enter_context(model_server(LATENCY_MS))
        worker = stack.enter_context(_worker(servers, server, here))
        at_once, steady = uvloop.run(_measured(Flow(servers, server, worker), server, here, asked))
    _print(at_once, steady, asked.calls)
    print(f"\n{machine(here.apart)}")


class Flow:
    """Requests calls, and reads on the log when each was over."""

    def __init__(self, servers: Servers, server: ModelServer, worker: Asking) -> None:
        self._servers, self._worker = servers, worker
        self._log = KafkaLog(servers.bootstrap)
        hosted = {"id": MODEL, "provider": "openai", "endpoint": server.endpoint, **PRICES}
        models = {"id": "default", "default": MODEL, "models": [{"id": LOCAL, "provider": LOCAL}, hosted]}
        cap = {"id": "cap", "limit_usd_micros": 10**12, "period": "month"}
        known = read(servers.bootstrap, servers.codec)
        bodies = [("models", models), ("budgets", {"id": "default", "budgets": [cap]})]
        put(servers.bootstrap, "bench", bodies, known, servers.codec, datetime.now(UTC), TENANT)
        self._models = digest(canonical(models))
        self._made = 0

    async def asked(self, calls: int, rate: float | None = None) -> Load:
        """Requests so many calls, all at once or so many a second, and returns when the last one is settled."""
        begin = self._ends()
        said = [self._requested(self._made + number) for number in range(calls)]
        self._made += calls
        cpu = self._cpu_s()
        async with KafkaPublisher(self._servers.bootstrap, "bench") as publisher:
            encode = self._servers.codec.encode
            if rate is None:
                await publisher.publish([encode(each, "bench") for each in said])
            else:
                start = time.perf_counter()
                waiting = []
                for number, each in enumerate(said):
                    await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
                    waiting.append(asyncio.create_task(publisher.publish([encode(each, "bench")])))
                await asyncio.gather(*waiting)
        latencies = await asyncio.to_thread(self._over, begin, {each.call_id for each in said})
        return Load(latencies, self._cpu_s() - cpu)

    def _over(self, begin: dict[tuple[str, int], int], calls: set[str]) -> Sequence[float]:
        """Returns the calls' latencies when each is over and settled."""
        requested: dict[str, int] = {}
        over: dict[str, int] = {}
        settled: set[str] = set()
        at, last = dict(begin), time.monotonic() + LIMIT_S
        while len(over) < len(calls) or len(settled) < len(calls):
            if time.monotonic() > last:
                sys.exit(f"{len(over)} of {len(calls)} calls are over and {len(settled)} settled after {LIMIT_S:g} s")
            time.sleep(0.2)
            for event, moment_ms in self._news(at):
                if isinstance(event, BudgetEntry):
                    settled |= {event.call_id} if event.kind is EntryKind.SETTLED else set()
                elif event.status is CallStatus.REQUESTED:
                    requested[event.call_id] = moment_ms
                elif event.status is CallStatus.COMPLETED and event.model == MODEL:
                    over[event.call_id] = moment_ms
                elif event.status in OVER:
                    sys.exit(f"a call was not answered by {MODEL}: {event.status} {event.reason}")
        return [(over[call] - requested[call]) / 1000 for call in calls]

    def _news(self, at: dict[tuple[str, int], int]) -> Iterator[tuple[AiCall | BudgetEntry, int]]:
        """Yields what was said since, with its append time; `at` moves on."""
        for (topic, partition), end in self._ends().items():
            for records in self._log.read(topic, partition, at[topic, partition], end):
                for record in records:
                    event = self._servers.codec.decode(record)
                    assert isinstance(event, AiCall | BudgetEntry)
                    yield event, record.timestamp_ms
            at[topic, partition] = end

    def _ends(self) -> dict[tuple[str, int], int]:
        topics = ("ai-calls", "budget-entries")
        return {(topic, partition): end for topic in topics for partition, end in self._log.ends(topic).items()}

    def _cpu_s(self) -> float:
        return sum(map(_cpu_s, _family(self._worker.pid)))

    def _requested(self, number: int) -> AiCall:
        call_id = derive(TENANT, str(number), "call")
        messages = [Message(role="system", content=SYSTEM), Message(role="user", content=text(number))]
        return requested(TENANT, call_id, self._models, messages, datetime.now(UTC), MAX_TOKENS)


@contextmanager
def _worker(servers: Servers, server: ModelServer, here: Cores) -> Iterator[Asking]:
    folder = Path(servers.folder) / "relay"
    folder.mkdir()
    worker = Asking(servers, PREFIX, folder)
    try:
        with pinned(here.measured):
            worker.start(server.endpoint)
        yield worker
    finally:
        worker.kill()


async def _measured(
    flow: Flow, server: ModelServer, here: Cores, asked: argparse.Namespace
) -> tuple[dict[str, list[Load]], dict[str, Load]]:
    bare = callers(server)["LiteLLM"]
    at_once: dict[str, list[Load]] = {}
    for number in range(asked.rounds + 1):
        rounds: dict[str, Callable[[], Awaitable[Load]]] = {
            "LiteLLM": lambda: _bare(bare, asked.calls, here),
            "RelayCore": lambda: flow.asked(asked.calls),
        }
        for name, measured in rounds.items():
            load = await measured()
            if number:  # the first one opens connections
                at_once.setdefault(name, []).append(load)
    calls = round(asked.seconds * RATE)
    return at_once, {"LiteLLM": await _bare(bare, calls, here, RATE), "RelayCore": await flow.asked(calls, RATE)}


async def _bare(call: Callable[[int], Awaitable[object]], calls: int, here: Cores, rate: float | None = None) -> Load:
    start = time.perf_counter()

    async def timed(number: int) -> float:
        if rate is not None:
            await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
        begun = time.perf_counter()
        await call(number)
        return time.perf_counter() - begun

    with pinned(here.measured):
        cpu = time.process_time()
        latencies = await asyncio.gather(*(timed(number) for number in range(calls)))
        await asyncio.sleep(SETTLE_S)
        return Load(latencies, time.process_time() - cpu)


def _print(at_once: dict[str, list[Load]], steady: dict[str, Load], calls: int) -> None:
    _row(f"{calls} at once, medians of rounds", "average ms", "p95 ms", "slowest ms", "CPU us a call", "by LiteLLM's")
    _row("---", *["---:"] * 5)
    bare = median(fmean(each.latencies_s) for each in at_once["LiteLLM"])
    for name, loads in at_once.items():
        average = median(fmean(each.latencies_s) for each in loads)
        p95 = median(quantiles(each.latencies_s, n=100)[94] for each in loads)
        slowest = median(max(each.latencies_s) for each in loads)
        cpu = median(each.cpu_s for each in loads) / calls
        _row(name, *(f"{each * 1000:,.0f}" for each in (average, p95, slowest, cpu * 1000)), f"{average / bare:.2f}")
    print()
    heads = ("calls", "average ms", "p50 ms", "p95 ms", "overhead p50 ms", "overhead p95 ms", "CPU us a call")
    _row(f"{RATE:g} a second, steady", *heads)
    _row("---", *["---:"] * len(heads))
    for name, load in steady.items():
        marks, count = [each * 1000 for each in quantiles(load.latencies_s, n=100)], len(load.latencies_s)
        p50, p95, average = marks[49], marks[94], fmean(load.latencies_s) * 1000
        figures = (count, average, p50, p95, p50 - LATENCY_MS, p95 - LATENCY_MS, load.cpu_s / count * 1_000_000)
        _row(name, *(f"{each:,.0f}" for each in figures))


def _row(*cells: str) -> None:
    print("| " + " | ".join(cells) + " |")


def _family(pid: int) -> list[int]:
    """Returns the process and all that descend from it."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    children = [each for task in tasks for each in (task / "children").read_text().split()]
    return [pid, *(each for child in children for each in _family(int(child)))]


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
