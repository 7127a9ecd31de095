"""How far the platform is: its parts, what each stage has not taken yet, and what is still open."""

import time
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct, structs

from connectors.kafka import committed
from connectors.reader import whole
from domain.read_models import TOPICS as READ
from runtime.ask import ask
from runtime.platform import Facts
from runtime.processes import recorded
from runtime.settings import Settings
from runtime.supervisor import worker_name
from schemas.catalogue import TOPICS
from schemas.errors import Unavailable

POLL_S = 0.7
STAGES: dict[str, tuple[str, ...]] = {
    "triggers": ("business-events",),
    "workflows": ("requests", "agent-steps", "compliance-decisions"),
    "compliance": ("agent-steps",),
    "steps": ("compliance-decisions", "ai-calls"),
    "budgets": ("budget-entries",),
    "admissions": ("budget-entries",),
    "ai-calls": ("ai-calls",),
    "clickhouse": tuple(TOPICS),
    "read-models": READ,
}
"""What each stage reads: known here without loading the stages (a test holds it to them)."""

OURS = ("kafka", "registry", "analytics", "read-models", "gateway")
"""The processes of a platform beside its workers, but for those that settings place elsewhere."""

OPEN = """
    SELECT
        (SELECT uniqExactIf(run_id, status = 'started') - uniqExactIf(run_id, status != 'started') FROM workflow_runs),
        (SELECT uniqExact(call_id) - uniqExactIf(call_id, status IN ('completed', 'failed', 'refused', 'cancelled'))
         FROM ai_calls)
"""


class Part(Struct, frozen=True):
    """One process of the platform, or a server it was pointed to."""

    name: str
    state: str
    """running, not running, or external."""
    address: str = ""
    pid: int | None = None


class Status(Struct, frozen=True):
    """What `auterity status` says."""

    idle: bool
    lag: dict[str, int]
    """By stage: records on its topics that it has not committed."""
    parts: list[Part]
    partitions: dict[str, dict[str, int]]
    """By stage: the partitions that are behind."""
    open_runs: int
    open_effects: int
    silent: list[str]
    """What did not answer; lag or open counts are incomplete then."""

    @property
    def reasons(self) -> list[str]:
        """Returns what keeps the platform from being idle, a line each."""
        found = [f"{stage} has {count} records to go" for stage, count in self.lag.items() if count]
        found += [f"{self.open_runs} runs are open"] if self.open_runs else []
        found += [f"{self.open_effects} AI calls are open"] if self.open_effects else []
        return found + self.silent


def status(facts: Facts, conf: Settings) -> Status:
    """Returns the state at this moment, as far as the parts answer."""
    behind: dict[str, dict[str, int]] = {}
    runs = effects = 0
    silent = []
    try:
        behind = lags(facts.kafka, conf.group_prefix)
    except Unavailable as error:
        silent.append(str(error))
    try:
        runs, effects = (int(each) for each in ask(facts, conf, OPEN).rows[0])
    except Unavailable as error:
        silent.append(str(error))
    lag = {stage: sum(partitions.values()) for stage, partitions in behind.items()}
    idle = not silent and not sum(lag.values()) and not runs and not effects
    return Status(idle, lag, _parts(facts, conf), behind, runs, effects, silent)


def wait(facts: Facts, conf: Settings, timeout_s: float, tell: Callable[[Status], None] = lambda _: None) -> Status:
    """Returns the state once it was idle twice running, or after the time; a part that is silent is not idle."""
    until = time.monotonic() + timeout_s
    idle = 0
    while True:
        found = status(facts, conf)
        tell(found)
        idle = idle + 1 if found.idle else 0
        if idle >= 2:
            return found
        if time.monotonic() > until:
            return structs.replace(found, idle=False)
        time.sleep(POLL_S)


def lags(bootstrap: str, prefix: str) -> dict[str, dict[str, int]]:
    """Returns the lag by stage and partition.

    What all stages have committed is read before any end: the other way round, work that moves on in between would
    hide from both.
    """
    done = {stage: committed(bootstrap, f"{prefix}.{stage}") for stage in STAGES}
    lies = whole(bootstrap, TOPICS)
    return {
        stage: {
            f"{place[0]}/{place[1]}": behind
            for place, (first, end) in lies.items()
            if place[0] in topics and (behind := end - max(done[stage].get(place, 0), first)) > 0
        }
        for stage, topics in STAGES.items()
    }


def _parts(facts: Facts, conf: Settings) -> list[Part]:
    addresses = {"kafka": facts.kafka, "registry": facts.registry, "analytics": facts.url, "gateway": facts.gateway}
    external = {"kafka": conf.kafka, "registry": conf.registry, "clickhouse": conf.clickhouse}
    parts = [Part(name, "external", url) for name, url in external.items() if url is not None]
    running = {process.name: process for process in recorded(Path(facts.data_dir))}
    ours = [name for name in OURS if external.get(name) is None] if facts.pid else []
    ours += [worker_name(number) for number in range(1, facts.workers + 1)] if facts.pid else []
    for name in sorted({*ours, *running}):
        process = running.get(name)
        pid = process.record.pid if process is not None and process.record else None
        state = "running" if process is not None else "not running"
        parts.append(Part(name, state, addresses.get(name, ""), pid))
    return parts
