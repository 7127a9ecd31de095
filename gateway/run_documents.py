"""What is told of runs, agents and definitions, as the contract says it."""

from datetime import datetime
from typing import Any

from msgspec import Struct

from domain import read_models as models
from domain.identity import PLATFORM
from domain.read_models import Tally, moment_of
from domain.run_detail import CallDetail, DecisionDetail


class RunDocument(Struct, frozen=True, kw_only=True):
    """A run, its attempts at steps by status, and what its calls have cost."""

    run_id: str
    workflow: str
    version: int
    status: str
    reason: str
    began_at: datetime | None
    ended_at: datetime | None
    source: str
    subject: str
    correlation_id: str
    steps: dict[str, int]
    cost_usd_micros: int


class StepDocument(Struct, frozen=True, kw_only=True):
    """An attempt at a step."""

    step: str
    attempt: int
    agent: str
    uses: str
    status: str
    reason: str
    began_at: datetime | None
    ended_at: datetime | None


class LineDocument(Struct, frozen=True, kw_only=True):
    """One event of a run, and its place."""

    at: datetime
    recorded_at: datetime
    topic: str
    event_id: str
    causation_id: str
    partition: int
    offset: int
    step: str
    attempt: int
    what: str
    status: str
    reason: str


class EntryDocument(Struct, frozen=True, kw_only=True):
    """An entry of the accounts, and its place."""

    sequence: int
    event_id: str
    causation_id: str
    at: datetime
    recorded_at: datetime
    topic: str
    partition: int
    offset: int
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


class DefinitionDocument(Struct, frozen=True, kw_only=True):
    """The newest version of a workflow, rules or models; the owner is `tenant` or `platform`."""

    kind: str
    id: str
    version: int
    digest: str
    title: str
    owner: str
    defined_at: datetime


class AgentDocument(Struct, frozen=True, kw_only=True):
    """How many attempts at steps of an agent and use are in which state, and when the latest of them began."""

    agent: str
    uses: str
    steps: dict[str, int]
    last_at: datetime


class RunList(Struct, frozen=True):
    """A page of runs."""

    runs: list[RunDocument]
    next: str | None
    as_of: str | None


class RunStatus(Struct, frozen=True):
    """How far a run is."""

    run: RunDocument
    steps: list[StepDocument]
    as_of: str | None


class RunLog(Struct, frozen=True):
    """A page of a run's events."""

    run_id: str
    events: list[LineDocument]
    next: str | None
    as_of: str | None


class StepDetail(StepDocument, frozen=True, kw_only=True):
    """An attempt at a step, with what was decided on it, and the calls that it made."""

    decisions: list[DecisionDetail]
    calls: list[CallDetail]


class RunDetail(Struct, frozen=True, kw_only=True):
    """A run in one answer; `cut` says that it has more events than one answer shows."""

    run: RunDocument
    timeline: list[LineDocument]
    steps: list[StepDetail]
    budget_entries: list[EntryDocument]
    cut: bool
    as_of: str | None


class AgentList(Struct, frozen=True):
    """What the agents are at."""

    agents: list[AgentDocument]
    as_of: str | None


class DefinitionList(Struct, frozen=True):
    """A page of definitions."""

    definitions: list[DefinitionDocument]
    next: str | None
    as_of: str | None


def run_document(run: models.Run, tally: Tally) -> RunDocument:
    """Returns what is told of a run."""
    names = ("run_id", "workflow", "version", "status", "reason", "source", "subject", "correlation_id")
    said = {name: getattr(run, name) for name in names}
    return RunDocument(**said, **_span(run), steps=tally.steps, cost_usd_micros=tally.cost_usd_micros)


def step_document(step: models.Step) -> StepDocument:
    """Returns what is told of an attempt at a step."""
    names = ("step", "attempt", "agent", "uses", "status", "reason")
    return StepDocument(**{name: getattr(step, name) for name in names}, **_span(step))


def line_document(moment: models.Moment) -> LineDocument:
    """Returns what is told of an event of a run."""
    names = ("topic", "event_id", "causation_id", "partition", "offset", "step", "attempt", "what", "status", "reason")
    return LineDocument(**{name: getattr(moment, name) for name in names}, **_times(moment))


def entry_document(entry: models.Entry) -> EntryDocument:
    """Returns what is told of an entry of the accounts."""
    others = ("at", "recorded_at", "topic")
    said = {name: getattr(entry, name) for name in EntryDocument.__struct_fields__ if name not in others}
    return EntryDocument(**said, **_times(entry), topic="budget-entries")


def definition_document(each: models.Definition) -> DefinitionDocument:
    """Returns what is told of a definition."""
    said = {name: getattr(each, name) for name in ("kind", "id", "version", "digest", "title")}
    owner = "platform" if each.tenant_id == PLATFORM else "tenant"
    return DefinitionDocument(**said, owner=owner, defined_at=moment_of(each.occurred_at))


def _times(row: models.Moment | models.Entry) -> dict[str, Any]:
    return {"at": moment_of(row.occurred_at), "recorded_at": moment_of(row.recorded_ms * 1000)}


def _span(life: models.Life) -> dict[str, Any]:
    spans = (("began_at", life.began_at), ("ended_at", life.ended_at))
    return {name: moment_of(at) if at is not None else None for name, at in spans}
