"""What the read models of these tests are made of: the same flow for two tenants, and definitions."""

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from log_browser import ListBrowser

from domain.ids import derive
from domain.read_models import TOPICS
from schemas.codec import Codec
from schemas.events import DeadLetter, Event
from schemas.record import Record
from sinks.read_models.sink import ReadModelSink
from sinks.read_models.store import writing
from tests.domain.events import AT, workflow
from tests.domain.events import definition as defined
from tests.domain.simulation import Flow, case
from tests.event_strategies import codec

CODEC = codec()


@cache
def records() -> list[Record]:
    """Returns the records, as they lie on Kafka: what acme did, and what other did with other run ids."""
    flow = Flow([], 0)
    for each in case(6).flow(6).first():
        flow.write(each)
        if each.tenant_id == "acme" and hasattr(each, "run_id"):
            flow.write(_of_other(each))
    for tenant in ("acme", "other"):
        flow.write(defined("workflow", workflow(title=f"{tenant}'s"), tenant=tenant))
        flow.write(given_up(tenant))
    return [record for record in flow.records(CODEC) if record.topic in TOPICS]


def given_up(tenant: str, number: int = 0, value: bytes = b'{"source": "crm"}', **said: Any) -> DeadLetter:
    """Returns the dead letter of what was offered, and refused."""
    common = {"event_id": letter_of(tenant, number), "correlation_id": "c", "tenant_id": tenant, "occurred_at": AT}
    place = {"source_topic": "business-events", "source_partition": -1, "source_offset": number}
    why = {"stage": "gateway", "error": "BadEvent", "reason": "missing required field `type`"}
    return DeadLetter(**{**common, **place, **why, "source_value": value, **said})


def letter_of(tenant: str, number: int = 0) -> str:
    """Returns the id of a dead letter of the tenant."""
    return derive(tenant, "letter", str(number))


@cache
def events(tenant: str, topic: str) -> list[Any]:
    """Returns the tenant's events of a topic."""
    found = [CODEC.decode(record) for record in records() if record.topic == topic]
    return [event for event in found if event.tenant_id == tenant]


def run_of(tenant: str) -> str:
    """Returns the id of a run of the tenant, one with steps and calls."""
    return str(events(tenant, "ai-calls")[0].run_id)


def lying(written_with: Codec) -> ListBrowser:
    """Returns the log that they lie on, as who writes with this codec wrote them."""
    if written_with is CODEC:
        return ListBrowser(records())
    found = []
    for record in records():
        made = written_with.encode(CODEC.decode(record), "test")
        found.append(msgspec.structs.replace(record, value=made.value, headers=made.headers))
    return ListBrowser(found)


def place_of(tenant: str, topic: str = "ai-calls") -> str:
    """Returns where a record of the tenant lies, as one word."""
    return next(each.place for each in records() if each.topic == topic and CODEC.decode(each).tenant_id == tenant)


def fill(folder: Path, said: list[Record]) -> None:
    """Puts the records into the read models of the folder."""
    engine = writing(folder, None)
    sink = ReadModelSink(engine, CODEC, lambda _: None, "kafka")
    sink.prepare()
    sink.write(said)
    engine.dispose()


def _of_other(event: Event) -> Event:
    names = [name for name in ("event_id", "run_id", "call_id") if getattr(event, name, None) is not None]
    ids = {name: derive("other", str(getattr(event, name))) for name in names}
    return msgspec.structs.replace(event, tenant_id="other", **ids)
