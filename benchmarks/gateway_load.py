"""`python -m benchmarks.gateway_load`: what the gateway takes, and what a bare FastAPI takes beside it.

One process of each in turn on the measured core; Kafka and the callers on the others, all on this machine. Before them
Kafka is given some seconds of plain records: one that has just started compiles itself, and each writer waits for that.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

import msgspec
from msgspec import Struct

from benchmarks.callers import Load, flat_out, paced, run
from benchmarks.cores import Cores, cores, pinned
from benchmarks.process import ROOT
from benchmarks.sample import TENANT, business_event
from benchmarks.servers import Servers, running
from benchmarks.table import machine
from connectors.publisher import KafkaPublisher
from runtime import keys
from runtime.deployment import prepare
from runtime.ports import HOST, choose, is_open
from runtime.settings import Settings
from runtime.users import Users
from schemas.errors import Unavailable

CONNECTIONS, UNDER_WAY = 1000, 64
"""Open at a time, and with a call under way when calls follow each other as fast as they are answered."""
RATE, BATCH = 500.0, 100
SECONDS = 15.0
START_S = 60.0
WARM_S = 4.0
TOPIC = "business-events"
PASSWORD = "a horse, a battery"


class Line(Struct, frozen=True):
    """One row of the table."""

    what: str
    calls_per_s: float
    events_per_s: float
    events_per_core_s: float
    """By the processor time that the process took."""
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_us_per_call: float
    refused: int
    """Answers that are no 2xx, and calls without one."""


def main(arguments: Sequence[str]) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway_load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each load")
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--json", action="store_true", help="one document on standard output")
    asked = parser.parse_args(arguments)
    kept, began = cores(), os.getloadavg()[0]
    with running(kept, _say) as servers:
        asyncio.run(_warm(servers))
        lines = [*_gateway(servers, kept, asked), *_hello(servers, kept, asked)]
    facts = {**machine(kept.apart), "load before": f"{began:.1f}", "load after": f"{os.getloadavg()[0]:.1f}"}
    if asked.json:
        print(msgspec.json.encode({"rows": lines, "machine": facts}).decode())
    else:
        print(table(lines))
        print(", ".join(f"{name} {value}" for name, value in facts.items()))


async def _warm(servers: Servers) -> None:
    """Writes records one by one, as many a second as the gateway will be asked to."""
    records = [servers.codec.encode(business_event(number), "warm") for number in range(int(RATE * WARM_S))]
    async with KafkaPublisher(servers.bootstrap, "warm") as publisher:

        async def one(number: int) -> None:
            await asyncio.sleep(number / RATE)
            await publisher.publish([records[number]])

        await asyncio.gather(*map(one, range(len(records))))


def table(lines: Sequence[Line]) -> str:
    """Returns the lines for people."""
    heads = ("", "calls/s", "events/s", "events/core s", "p50 ms", "p95 ms", "p99 ms", "CPU us/call", "no 2xx")
    rows = [heads]
    for line in lines:
        numbers = (line.calls_per_s, line.events_per_s, line.events_per_core_s)
        times = (line.p50_ms, line.p95_ms, line.p99_ms)
        rows.append(
            (
                line.what,
                *(f"{number:,.0f}" for number in numbers),
                *(f"{number:,.1f}" for number in times),
                f"{line.cpu_us_per_call:,.0f}",
                str(line.refused),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def _gateway(servers: Servers, kept: Cores, asked: argparse.Namespace) -> Iterator[Line]:
    prepare(servers.bootstrap, servers.registry, Settings(), [("tenant", {"id": TENANT})], TENANT)
    key = keys.create(servers.bootstrap, servers.registry, TENANT, ["events:write"], 1, "benchmark")["key"]
    folder = servers.folder / "gateway"
    users = Users(servers.bootstrap, servers.registry, folder, TENANT)
    made = users.create("caller", ["operator"])
    env = {"AUTERITY_KAFKA": servers.bootstrap, "AUTERITY_REGISTRY": servers.registry, "AUTERITY_DATA_DIR": str(folder)}
    with _process(lambda port: ["-m", "runtime.cli", "gateway", "--port", str(port)], env, kept, folder) as (port, pid):
        token = _token(port, {"tenant": TENANT, "name": "caller", "password": made["password"]})
        by_key, by_token = {"X-API-Key": key}, {"Authorization": f"Bearer {token}"}
        batch, one = [_said(number) for number in range(BATCH)], _said(0)
        yield _at_rate(f"gateway, one event, {RATE:.0f}/s, key", port, pid, _request(by_key, one), asked)
        yield _at_rate(f"gateway, one event, {RATE:.0f}/s, token", port, pid, _request(by_token, one), asked)
        before = servers.records([TOPIC])
        line = _fast(f"gateway, {BATCH} events, key", port, pid, _request(by_key, batch), asked, BATCH)
        written = servers.records([TOPIC]) - before
        if written < line.events_per_s * asked.seconds:
            raise Unavailable(f"{written} events on Kafka, fewer than were answered with 202")
        yield line
        yield _fast("gateway, one event, key", port, pid, _request(by_key, one), asked)


def _hello(servers: Servers, kept: Cores, asked: argparse.Namespace) -> Iterator[Line]:
    folder = servers.folder / "hello"
    with _process(lambda port: ["-m", "benchmarks.hello", str(port)], {}, kept, folder) as (port, pid):
        one = _request({}, _said(0))
        yield _at_rate(f"bare FastAPI, one event, {RATE:.0f}/s", port, pid, one, asked)
        yield _fast("bare FastAPI, one event", port, pid, one, asked)


def _at_rate(what: str, port: int, pid: int, request: bytes, asked: argparse.Namespace) -> Line:
    return _measured(what, pid, lambda: paced(port, request, asked.connections, RATE, asked.seconds), 1)


def _fast(what: str, port: int, pid: int, request: bytes, asked: argparse.Namespace, events: int = 1) -> Line:
    work = lambda: flat_out(port, request, asked.connections, UNDER_WAY, asked.seconds)  # noqa: E731
    return _measured(what, pid, work, events)


def _measured(what: str, pid: int, work: Callable[[], Any], events: int) -> Line:
    _say(what)
    before = _cpu_s(pid)
    load: Load = run(work)
    cpu_s = _cpu_s(pid) - before
    done = sum(number for status, number in load.statuses.items() if 200 <= status < 300)
    cuts = quantiles(load.took_ms, n=100)
    return Line(
        what,
        done / load.seconds,
        done * events / load.seconds,
        done * events / cpu_s,
        cuts[49],
        cuts[94],
        cuts[98],
        cpu_s / sum(load.statuses.values()) * 1e6,
        sum(load.statuses.values()) - done,
    )


def _said(number: int) -> dict[str, Any]:
    """Returns what a client says of the event of this number."""
    said: dict[str, Any] = msgspec.to_builtins(business_event(number))
    return {name: said[name] for name in ("occurred_at", "source", "subject", "type", "workflow", "attributes")}


def _request(headers: dict[str, str], body: Any) -> bytes:
    content = msgspec.json.encode(body)
    said = {"Host": HOST, "Content-Type": "application/json", "Content-Length": str(len(content)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    return f"POST /events/{TOPIC} HTTP/1.1\r\n{head}\r\n".encode() + content


def _token(port: int, said: dict[str, str]) -> str:
    import urllib.request

    body = msgspec.json.encode({**said, "new_password": PASSWORD})
    asked = urllib.request.Request(f"http://{HOST}:{port}/auth/login", body, {"Content-Type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked) as answer:
        found: str = msgspec.json.decode(answer.read())["access_token"]
        return found


@contextmanager
def _process(
    arguments: Callable[[int], list[str]], env: dict[str, str], kept: Cores, folder: Path
) -> Iterator[tuple[int, int]]:
    """Yields port and process id of a server on the measured core, once it listens."""
    folder.mkdir(parents=True, exist_ok=True)
    [port] = choose("benchmark", 0, [], 1)
    with (folder / "log").open("wb") as log, pinned(kept.measured):
        argv = [sys.executable, *arguments(port)]
        process = subprocess.Popen(argv, env={**os.environ, **env, "PYTHONPATH": str(ROOT)}, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_S
        while not is_open(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise Unavailable(f"{argv[2]} does not listen: {(folder / 'log').read_text()[-200:]}")
            time.sleep(0.1)
        with pinned(kept.others):
            yield port, process.pid
    finally:
        process.terminate()
        process.wait(START_S)


def _cpu_s(pid: int) -> float:
    """Returns the processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
