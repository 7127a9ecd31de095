"""The topics: what each says, how it is keyed and kept, who may write it."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct

from schemas import events
from schemas.errors import TooLarge
from schemas.events import Event

PARTITIONS = 8
"""Every keyed topic has as many: what is keyed alike lies alike, and tables fit their topics."""
RECORD_BYTES_MAX = 11 * 1024 * 1024
DEAD_LETTER_BYTES_MAX = 12 * 1024 * 1024
DOOR_BYTES_MAX = 1024 * 1024
"""Doors (ingest, gateway) refuse an event whose record is larger."""
ITEMS_MAX = 20_000
"""A body holds at most as many items of arrays and maps, nested ones counted; no one writes or reads more."""

FOLDER = Path(__file__).parent / "avro"


class Topic(Struct, frozen=True, kw_only=True):
    """One topic: one Avro record, one table, one noun."""

    name: str
    event: type[Event]
    key: Callable[[Any], str]
    key_doc: str
    owner: str
    """The part of the platform that answers for it."""
    open: bool = False
    """True when clients may write it; such records may come without a digest."""
    exported: bool = False
    """True when it is meant for readers outside; its records carry every CloudEvents attribute."""
    partitions: int = PARTITIONS
    retention_ms: int = -1
    bytes_max: int = RECORD_BYTES_MAX

    @property
    def noun(self) -> str:
        """The topic's name as schema file and table: `ai-calls` is `ai_calls`."""
        return self.name.replace("-", "_")

    @property
    def subject(self) -> str:
        """Its subject in the schema registry."""
        return f"{self.name}-value"

    @property
    def schema(self) -> dict[str, Any]:
        """Its Avro schema as written in schemas/avro."""
        return _schema(self.noun)

    @property
    def pii(self) -> dict[str, str]:
        """Class of personal data of each field: `none` or `personal`."""
        return {field["name"]: field["pii"] for field in self.schema["fields"]}


@cache
def _schema(noun: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((FOLDER / f"{noun}.avsc").read_text())
    return schema


def joined(*parts: str) -> str:
    """Returns the parts with slashes between them; a slash or a percent sign within a part is percent-encoded.

    Raises TooLarge at more characters than DOOR_BYTES_MAX.
    """
    if (size := sum(map(len, parts))) > DOOR_BYTES_MAX:
        raise TooLarge(f"a key of {size} characters, more than {DOOR_BYTES_MAX}")
    whole = "/".join(parts)
    if "%" not in whole and whole.count("/") == len(parts) - 1:
        return whole
    return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)


def _run(event: Any) -> str:
    return str(event.run_id)


TOPICS: dict[str, Topic] = {
    topic.name: topic
    for topic in (
        Topic(
            name="business-events",
            event=events.BusinessEvent,
            key=lambda event: joined(event.tenant_id, event.source, event.subject),
            key_doc="tenant/source/subject",
            owner="connectors",
            open=True,
            exported=True,
        ),
        Topic(
            name="requests",
            event=events.Request,
            key=lambda event: event.run_id or event.correlation_id,
            key_doc="run id, or correlation id of a call",
            owner="streams.triggers",
        ),
        Topic(
            name="workflow-runs",
            event=events.WorkflowRun,
            key=_run,
            key_doc="run id",
            owner="agents.supervisor",
            exported=True,
        ),
        Topic(name="agent-steps", event=events.AgentStep, key=_run, key_doc="run id", owner="agents.supervisor"),
        Topic(name="ai-calls", event=events.AiCall, key=_run, key_doc="run id", owner="agents.relaycore"),
        Topic(
            name="budget-entries",
            event=events.BudgetEntry,
            key=lambda event: str(event.tenant_id),
            key_doc="tenant",
            owner="domain.budgets",
        ),
        Topic(
            name="alerts",
            event=events.Alert,
            key=lambda event: str(event.tenant_id),
            key_doc="tenant",
            owner="agents.relaycore",
        ),
        Topic(
            name="compliance-decisions",
            event=events.ComplianceDecision,
            key=_run,
            key_doc="run id",
            owner="streams.compliance",
            exported=True,
        ),
        Topic(
            name="definitions",
            event=events.Definition,
            key=lambda event: joined(event.kind, event.id),
            key_doc="kind/id",
            owner="runtime",
            partitions=1,
        ),
        Topic(
            name="ingest-positions",
            event=events.IngestPosition,
            key=lambda event: joined(event.tenant_id, event.source, event.file),
            key_doc="tenant/source/file digest",
            owner="connectors",
        ),
        Topic(
            name="sessions",
            event=events.Session,
            key=lambda event: str(event.session),
            key_doc="session",
            owner="gateway",
        ),
        Topic(
            name="dead-letters",
            event=events.DeadLetter,
            key=lambda event: joined(event.source_topic, str(event.source_partition), str(event.source_offset)),
            key_doc="source coordinates",
            owner="streams",
            bytes_max=DEAD_LETTER_BYTES_MAX,
        ),
    )
}

BY_EVENT: dict[type, Topic] = {topic.event: topic for topic in TOPICS.values()}
