"""Decides what a record changes in the read models.

Which rows there are in the end follows from the records of each partition in their order, and not from the order of
partitions: what several topics say of one row is merged by how far each says it is.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from domain.ledger_rows import entry, letter
from domain.read_models import EPOCH, ApiKey, Call, Definition, Life, Row, Tenant, User, Versioned, micros
from domain.run_rows import of_run, rows
from schemas.errors import Rejected
from schemas.events import BudgetEntry, DeadLetter, Event
from schemas.events import Definition as Defined
from schemas.record import Record, said_by

GATEWAY = b"auterity/gateway"
"""The source that gateways name in their records' headers."""
CHARACTERS_MAX = 200
"""Of a text: one that names a row is refused beyond, any other is cut, so that each can be in an index."""
LONG = {"reason": 1000, "subject": 1000, "title": 1000}
"""Texts that may be longer, and are in none."""

Key = tuple[type[Row], tuple[Any, ...]]
Known = Mapping[Key, Row]


class Unkeepable(Rejected):
    """The read models have no place for what the record says."""


class Change(Struct, frozen=True):
    """What one record says: nothing when its first row, where `once`, is known already."""

    rows: Sequence[Row] = ()
    once: bool = False


def concerns(record: Record) -> bool:
    """Returns whether the record may say anything: of what enterprise systems say nothing does, if no gateway took it.

    So nobody decodes what is most of the log.
    """
    return record.topic != "business-events" or said_by(record, GATEWAY)


def changes(event: Event, record: Record) -> Change:
    """Returns what the event, read from this record, says of the read models; raises Unkeepable.

    Calls through the gateway say nothing; neither do definitions that cannot be read.
    """
    if isinstance(event, Defined):
        newest = _defined(event, record.timestamp_ms)
        return Change([] if newest is None else [_checked(newest)])
    if isinstance(event, BudgetEntry):  # what was only asked for is none
        return Change([_checked(entry(event, record))] if event.sequence else [], once=bool(event.sequence))
    if isinstance(event, DeadLetter):
        return Change([_checked(letter(event, record))], once=True)
    if (found := of_run(event)) is None:
        return Change()
    return Change([_checked(each) for each in rows(found, record)], once=True)


def folded(known: Known, said: Iterable[Change]) -> dict[Key, Row]:
    """Returns the rows that differ from the known ones once this has been taken in, in its order.

    `known` has the rows, of those that are said, that are there. The first record with an event id is the truth.
    """
    fresh: dict[Key, Row] = {}
    for change in said:
        if change.once and ((first := key_of(change.rows[0])) in fresh or first in known):
            continue
        for row in change.rows:
            key = key_of(row)
            old = fresh.get(key) or known.get(key)
            new = row if old is None else merged(old, row)
            if new != old:
                fresh[key] = new
    return fresh


def key_of(row: Row) -> Key:
    """Returns what names the row among all."""
    return type(row), row.key


_R = TypeVar("_R", bound=Row)


def merged(old: _R, new: _R) -> _R:
    """Returns the row after both have been said of it."""
    if isinstance(old, Life) and isinstance(new, Life):
        far = old if (old.rank, old.fact) >= (new.rank, new.fact) else new
        began = [each for each in (old.began_at, new.began_at) if each is not None]
        recorded_ms = min(old.recorded_ms, new.recorded_ms)
        row = msgspec.structs.replace(far, began_at=min(began, default=None), recorded_ms=recorded_ms)
        if isinstance(old, Call) and isinstance(new, Call):  # each event is taken in once: what attempts cost adds up
            row = msgspec.structs.replace(row, cost_usd_micros=old.cost_usd_micros + new.cost_usd_micros)
        return row
    if isinstance(old, Versioned) and isinstance(new, Versioned) and new.version > old.version:
        return new
    return old


class _Public(Struct):
    """What is read of a definition's body: nothing else of it is even looked at."""

    title: str = ""
    roles: list[str] = []
    scopes: list[str] = []
    expires_at: datetime = EPOCH
    status: str = "active"


_READ = msgspec.json.Decoder(_Public)


def _defined(event: Defined, recorded_ms: int) -> Versioned | None:
    try:
        said = _READ.decode(event.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    common: dict[str, Any] = {
        "tenant_id": event.tenant_id,
        "id": event.id,
        "version": event.version,
        "title": said.title,
        "occurred_at": micros(event.occurred_at),
        "recorded_ms": recorded_ms,
    }
    if event.kind == "tenant":
        return Tenant(**common, status=said.status)
    if event.kind == "user":
        return User(**common, status=said.status, roles=said.roles)
    if event.kind == "api-key":
        expires_at = micros(said.expires_at) if said.expires_at.tzinfo is not None else 0
        return ApiKey(**common, status=said.status, scopes=said.scopes, expires_at=expires_at)
    if event.kind not in ("workflow", "rules", "models"):
        return None
    return Definition(**common, kind=event.kind, digest=event.digest)


def _checked(row: _R) -> _R:
    """Returns the row with texts as they are kept; raises Unkeepable when its key is none that can be."""
    for name in row.KEY:
        value = getattr(row, name)
        if isinstance(value, str) and (len(value) > CHARACTERS_MAX or "\x00" in value):
            raise Unkeepable(f"{name} has {len(value)} characters, more than {CHARACTERS_MAX}, or a zero byte")
    said = {name: getattr(row, name) for name in row.__struct_fields__}
    kept = {name: _kept(value, LONG.get(name, CHARACTERS_MAX)) for name, value in said.items()}
    return row if kept == said else type(row)(**kept)


def _kept(value: Any, characters_max: int) -> Any:
    """Returns the value as every database takes it: its texts without zero bytes, and cut."""
    if isinstance(value, list):
        return [_kept(each, characters_max) for each in value]
    return value.replace("\x00", "\ufffd")[:characters_max] if isinstance(value, str) else value
