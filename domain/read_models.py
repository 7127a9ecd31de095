"""What the read models hold, row by row."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from msgspec import Struct, field

RUN_TOPICS = ("requests", "workflow-runs", "agent-steps", "compliance-decisions", "ai-calls")
TOPICS = ("business-events", *RUN_TOPICS, "budget-entries", "dead-letters", "definitions")
"""What they are made of."""
LIMIT_MAX = 10_000
"""Rows of one answer."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
Place = tuple[str, int]
"""A topic and one of its partitions."""


def micros(moment: datetime) -> int:
    """Returns the microseconds since 1970."""
    return (moment - EPOCH) // MICROSECOND


def moment_of(at: int) -> datetime:
    """Returns the moment of so many microseconds since 1970."""
    return EPOCH + at * MICROSECOND


class Row(Struct, frozen=True, kw_only=True):
    """One row of a table; moments (`..._at`) are microseconds since 1970 in UTC, `recorded_ms` is Kafka's append."""

    TABLE: ClassVar[str]
    KEY: ClassVar[tuple[str, ...]]

    tenant_id: str

    @property
    def key(self) -> tuple[Any, ...]:
        """What names the row within its table; always begins with the tenant."""
        return tuple(getattr(self, name) for name in self.KEY)


class Moment(Row, frozen=True, kw_only=True):
    """One event of a run, a line of its log."""

    TABLE = "moments"
    KEY = ("tenant_id", "run_id", "topic", "event_id")

    run_id: str
    topic: str
    event_id: str
    causation_id: str
    partition: int
    offset: int
    occurred_at: int
    recorded_ms: int
    step: str
    attempt: int
    what: str
    """Who acts, or what is asked: agent and use, phase, model, type of the event behind it."""
    status: str
    reason: str


class Life(Row, frozen=True, kw_only=True):
    """Something with a beginning and an end, as its furthest event says it."""

    run_id: str
    status: str
    reason: str
    began_at: int | None
    ended_at: int | None
    recorded_ms: int
    """Of the first of its events."""
    rank: int
    """How far the event that says this is; of two that are equally far the one with the larger id counts."""
    fact: str
    """The id of that event."""


class Run(Life, frozen=True, kw_only=True):
    """A run of a workflow."""

    TABLE = "runs"
    KEY = ("tenant_id", "run_id")

    workflow: str
    version: int
    source: str
    subject: str
    correlation_id: str


class Step(Life, frozen=True, kw_only=True):
    """An attempt at a step of a run."""

    TABLE = "steps"
    KEY = ("tenant_id", "run_id", "step", "attempt")

    step: str
    attempt: int
    agent: str
    uses: str


class Call(Life, frozen=True, kw_only=True):
    """A call of a model."""

    TABLE = "calls"
    KEY = ("tenant_id", "run_id", "call_id")

    call_id: str
    step: str
    attempts: int
    model: str
    provider: str
    input_tokens: int
    output_tokens: int
    cost_usd_micros: int
    """What all its attempts were billed; one that nobody knows the end of its whole hold."""
    latency_ms: int
    degraded: bool
    cached: str = ""
    """exact or semantic when the answer had been given before; empty when a model was asked."""
    saved_usd_micros: int = 0
    """What that answer cost when a model was asked."""


class Decision(Row, frozen=True, kw_only=True):
    """A decision of compliance on a step of a run."""

    TABLE = "decisions"
    KEY = ("tenant_id", "run_id", "event_id")

    run_id: str
    event_id: str
    step: str
    attempt: int
    phase: str
    outcome: str
    rules: str
    rules_version: int
    applied: list[str]
    """The ids of the rules that applied."""
    occurred_at: int
    recorded_ms: int


class Entry(Row, frozen=True, kw_only=True):
    """An entry of the tenant's accounts, as it was decided; of one sequence the first record counts."""

    TABLE = "entries"
    KEY = ("tenant_id", "sequence")

    sequence: int
    event_id: str
    causation_id: str
    partition: int
    offset: int
    occurred_at: int
    recorded_ms: int
    kind: str
    hold_id: str
    run_id: str
    step: str
    call_id: str
    attempt: int
    model: str
    provider: str
    workflow: str
    principal: str
    team: str
    amount_usd_micros: int
    held_usd_micros: int
    billed_usd_micros: int
    in_doubt: bool
    level: str
    reason: str


class Letter(Row, frozen=True, kw_only=True):
    """Something that was given up: where its bytes lie, and why."""

    TABLE = "letters"
    KEY = ("tenant_id", "event_id")

    event_id: str
    partition: int
    offset: int
    occurred_at: int
    recorded_ms: int
    stage: str
    source_topic: str
    source_partition: int
    source_offset: int
    error: str
    reason: str


class Versioned(Row, frozen=True, kw_only=True):
    """The newest version of a definition; of two records with one version the first counts."""

    version: int
    title: str
    occurred_at: int
    recorded_ms: int


class Definition(Versioned, frozen=True, kw_only=True):
    """What the platform decides by: a workflow, rules, models."""

    TABLE = "definitions"
    KEY = ("tenant_id", "kind", "id")

    kind: str
    id: str
    digest: str


class User(Versioned, frozen=True, kw_only=True):
    """A person, without what a password is checked with."""

    TABLE = "users"
    KEY = ("tenant_id", "id")

    id: str
    roles: list[str]
    status: str


class ApiKey(Versioned, frozen=True, kw_only=True):
    """A program's key, without what a secret is checked with."""

    TABLE = "api_keys"
    KEY = ("tenant_id", "id")

    id: str
    scopes: list[str]
    expires_at: int
    status: str


class Tenant(Versioned, frozen=True, kw_only=True):
    """A client of the platform."""

    TABLE = "tenants"
    KEY = ("tenant_id", "id")

    id: str
    status: str


ROWS: tuple[type[Row], ...] = (Moment, Run, Step, Call, Decision, Entry, Letter, Definition, User, ApiKey, Tenant)
SHARED: tuple[type[Row], ...] = (Definition,)
"""Of these a tenant sees the platform's, too."""


class Tally(Struct, frozen=True):
    """What a run has come to: attempts at steps by status, and the cost of its calls."""

    steps: dict[str, int] = field(default_factory=dict)
    cost_usd_micros: int = 0


class Applied(Struct, frozen=True):
    """How far the read models are."""

    offsets: Mapping[Place, int] = field(default_factory=dict)
    """By topic and partition the next offset; all before it is in."""
    recorded_ms: int = 0
    """When Kafka took the newest record that is in."""
