"""The demo: a day at a car dealership, from a cold start to a summary."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from typing import Any

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table as Grid

from runtime import ingestion, platform
from runtime.ask import ask
from runtime.errors import NotRunning, ServerFailed
from runtime.platform import Facts, Platform, Ports
from runtime.settings import Settings
from runtime.status import Status, wait

TENANT = "dealership"
TIMEOUT_S = 120.0

COUNTS = {
    "events": "SELECT count() FROM business_events WHERE {mine}",
    "runs": "SELECT uniqExact(run_id) FROM workflow_runs WHERE {mine}",
    "steps": "SELECT uniqExact(run_id, step) FROM agent_steps WHERE {mine}",
    "decisions": "SELECT count() FROM compliance_decisions WHERE {mine}",
    "ai_calls": "SELECT uniqExact(call_id) FROM ai_calls WHERE {mine}",
    "cost_usd_micros": "SELECT sum(cost_usd_micros) FROM ai_calls WHERE {mine}",
    "dead_letters": "SELECT count() FROM dead_letters WHERE {mine}",
}
OUTCOMES = "SELECT outcome, count() FROM compliance_decisions WHERE {mine} GROUP BY outcome ORDER BY count() DESC"
ENDS = """
    SELECT status, uniqExact(run_id) FROM workflow_runs WHERE {mine} AND status != 'started'
    GROUP BY status ORDER BY status
"""


class Summary(Struct, frozen=True):
    """What the demo did."""

    events: int
    runs: int
    steps: int
    decisions: int
    ai_calls: int
    cost_usd_micros: int
    dead_letters: int
    seconds: float
    url: str
    data_dir: str
    lag: int
    outcomes: dict[str, int]
    ends: dict[str, int]


def run(conf: Settings, leave: bool, as_json: bool) -> None:
    """Starts the platform unless it runs, takes the day in, waits until all is done, shows the summary.

    A platform that it started stays up until Ctrl-C, or is stopped when `leave`.
    """
    console = Console(stderr=True)
    began = time.monotonic()
    with _running(conf, console) as (facts, here):
        summary = _day(facts, conf, began, console, quiet=as_json)
        if as_json:
            sys.stdout.write(msgspec.json.encode(summary).decode() + "\n")
            sys.stdout.flush()
        else:
            _show(summary, Console())
        if here is not None and not leave:
            stop = threading.Event()
            platform.stop_on_signals(stop.set)
            console.print("The platform stays up; Ctrl-C stops it.", style="bold")
            here.watch(stop)


@contextmanager
def _running(conf: Settings, console: Console) -> Iterator[tuple[Facts, Platform | None]]:
    """Yields the running platform, or one that lasts as long as the demo."""
    try:
        facts = platform.facts(conf)
    except NotRunning:
        here = Platform(conf, Ports())
        with here.running(lambda text: console.print(text, style="dim")) as facts:
            yield facts, here
    else:
        yield facts, None


def _day(facts: Facts, conf: Settings, began: float, console: Console, quiet: bool) -> Summary:
    columns = (SpinnerColumn(), TextColumn("{task.description:34}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=quiet) as bars:
        read = bars.add_task("reading the day's events", total=None)

        def bar(done: int, total: int, text: str = "") -> None:
            bars.update(read, completed=done, total=total, description=f"reading: {text}")

        with as_file(files("examples") / "dealership" / "day.jsonl") as file:
            ingestion.run(facts, file, "dealership", TENANT, None, 0, bar)
        bars.update(read, completed=1, total=1)
        stages: dict[str, TaskID] = {}
        most: dict[str, int] = {}

        def tell(found: Status) -> None:
            for stage, count in found.lag.items():
                most[stage] = max(most.get(stage, 1), count)
                if stage not in stages:
                    stages[stage] = bars.add_task(stage, total=most[stage])
                bars.update(stages[stage], total=most[stage], completed=most[stage] - count)

        found = wait(facts, conf, TIMEOUT_S, tell)
    if not found.idle:
        what = f"is not done after {TIMEOUT_S:.0f} s"
        raise ServerFailed("the platform", what, "; ".join(found.reasons), conf.data_dir / "logs")
    return _summary(facts, conf, began, sum(found.lag.values()))


def _summary(facts: Facts, conf: Settings, began: float, lag: int) -> Summary:
    def rows(sql: str) -> list[list[Any]]:
        return ask(facts, conf, sql.format(mine=f"tenant_id = '{TENANT}'")).rows

    counts = {name: int(rows(sql)[0][0]) for name, sql in COUNTS.items()}
    return Summary(
        **counts,
        seconds=round(time.monotonic() - began, 1),
        url=facts.url,
        data_dir=facts.data_dir,
        lag=lag,
        outcomes={str(name): int(count) for name, count in rows(OUTCOMES)},
        ends={str(name): int(count) for name, count in rows(ENDS)},
    )


def _show(summary: Summary, console: Console) -> None:
    grid = Grid(title="A day at a car dealership", show_header=False)
    ends = ", ".join(f"{count} {name}" for name, count in summary.ends.items())
    outcomes = ", ".join(f"{count} {name}" for name, count in summary.outcomes.items())
    for name, value in (
        ("events in", f"{summary.events}"),
        ("workflow runs", f"{summary.runs} ({ends})"),
        ("agent steps", f"{summary.steps}"),
        ("compliance decisions", f"{summary.decisions} ({outcomes})"),
        ("AI calls", f"{summary.ai_calls}"),
        ("cost", f"{summary.cost_usd_micros} micro-dollars"),
        ("dead letters", f"{summary.dead_letters}"),
        ("lag", f"{summary.lag} records"),
        ("time", f"{summary.seconds} s"),
        ("data", summary.data_dir),
    ):
        grid.add_row(name, value)
    console.print(grid)
    console.print("Try next, while the platform is up:", style="bold")
    for line in (
        "auterity runs list --tenant dealership",
        "auterity runs show RUN_ID",
        'auterity query "SELECT outcome, count() FROM compliance_decisions GROUP BY outcome"',
        "auterity events ai-calls --limit 3",
        "auterity replay --verify",
    ):
        console.print(f"  {line}", markup=False, highlight=False)
