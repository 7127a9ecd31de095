"""GET /topics, /records: the log as it is, as far as it is the caller's."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import Meta, Struct

from domain.doors import Call
from domain.identity import Permission, Principal
from domain.log_records import LogRecord, shown, topics
from domain.log_scan import SCANNED_MAX, BadLogCursor, Scan, left
from gateway.answers import Done, Refusal
from gateway.bodies import Share
from gateway.door import Door
from gateway.links import Link, Links
from gateway.log_reading import LogReading
from gateway.questions import Limit, asked, builtins, moment, reading
from gateway.reads import Reads
from schemas.catalogue import TOPICS
from schemas.errors import Unavailable
from schemas.events import Event
from schemas.record import Record

OFFSET_MAX = 2**62
Order = Literal["newest", "oldest"]


class PartitionSpan(Struct, frozen=True):
    """From the first offset to the next one; all tenants' records count."""

    partition: int
    begin: int
    end: int


class TopicRow(Struct, frozen=True):
    """A topic that the caller sees; `key` says what its records are keyed by."""

    name: str
    key: str
    owner: str
    open: bool
    schema_versions: int
    partitions: list[PartitionSpan]


class TopicList(Struct, frozen=True):
    """The topics that the caller sees."""

    topics: list[TopicRow]


class SchemaVersion(Struct, frozen=True):
    """A registered schema, as JSON text."""

    version: int
    id: int
    schema: str


class TopicSchema(Struct, frozen=True):
    """What the topic's records are written with; `written` is the id that this gateway writes with."""

    topic: str
    subject: str
    written: int | None
    versions: list[SchemaVersion]


class RecordsAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """Which records of a topic."""

    partition: Annotated[int, Meta(ge=0)] | None = None
    offset: Annotated[int, Meta(ge=0, le=OFFSET_MAX)] | None = None
    """From here on, or (newest first) from here back; needs a partition."""
    time: datetime | None = None
    """Of what Kafka took from then on, or (newest first) before."""
    key: Annotated[str, Meta(max_length=4096)] | None = None
    correlation_id: Annotated[str, Meta(max_length=200)] | None = None
    order: Order | None = None
    """Newest first, unless an offset or a time is given."""
    limit: Limit = 50
    cursor: str | None = None
    """`next` of the page before, with everything else as it was."""


class RecordList(Struct, frozen=True):
    """A page; short or empty with a `next` it ended because `scan_max` offsets, or three seconds, were looked at."""

    topic: str
    order: Order
    records: list[LogRecord]
    next: str | None
    scanned: int
    scan_max: int


class RecordDetail(Struct, frozen=True):
    """A record, what caused it, and what it caused, as far as the read models know of it; `more` there is of it."""

    record: LogRecord
    cause: Link | None
    consequences: list[Link]
    more: bool


def routes(door: Door, log: LogReading, reads: Reads) -> APIRouter:
    """Returns the routes that show the log."""
    router = APIRouter(tags=["log"])
    links = Links(reads)

    @router.get("/topics", summary="The topics", **reading(None, TopicList))
    async def list_topics(request: Request) -> Response:
        """Returns the topics that the caller sees, with the offsets of their partitions."""

        async def work(_: Call, principal: Principal, __: Share) -> Done:
            names = topics(principal)
            spans = await log.asked(lambda: {name: log.browser.spans(name) for name in names})
            return Done(builtins(TopicList([_row(door, name, spans[name]) for name in names])), status=200)

        return await door.call(request, Permission.READ_LOG, work)

    @router.get("/topics/{topic}/schema", summary="A topic's schemas", **reading(None, TopicSchema, path=("topic",)))
    async def schema(request: Request) -> Response:
        """Returns every version that is registered, the oldest first."""

        async def work(_: Call, principal: Principal, __: Share) -> Done:
            return Done(builtins(await _schema(door, _topic(principal, request))), status=200)

        return await door.call(request, Permission.READ_LOG, work)

    @router.get(
        "/topics/{topic}/records", summary="Records of a topic", **reading(RecordsAsked, RecordList, path=("topic",))
    )
    async def records(request: Request) -> Response:
        """Returns the caller's records, decoded, a page at a time."""

        async def work(_: Call, principal: Principal, __: Share) -> Done:
            name, said = _topic(principal, request), asked(request, RecordsAsked)
            return Done(builtins(await _records(log, name, said, principal.tenant_id)), status=200)

        return await door.call(request, Permission.READ_LOG, work)

    @router.get(
        "/records/{topic}/{partition}/{offset}",
        summary="One record",
        **reading(None, RecordDetail, path=("topic", "partition", "offset")),
    )
    async def record(request: Request) -> Response:
        """Returns one record of the caller's, with its cause and its consequences."""

        async def work(_: Call, principal: Principal, __: Share) -> Done:
            name = _topic(principal, request)
            partition, offset = (_number(request.path_params[each]) for each in ("partition", "offset"))
            found = await log.one(principal.tenant_id, name, partition, offset)
            if found is None:
                raise Refusal(404, "no such record")
            cause, consequences, more = await links.of(principal, found.event)
            said = shown(found.record, found.event, log.codec, None)
            return Done(builtins(RecordDetail(said, cause, consequences, more)), status=200)

        return await door.call(request, Permission.READ_LOG, work)

    return router


def _topic(principal: Principal, request: Request) -> str:
    """Returns the topic that the path names; one that the caller does not see is one that there is not."""
    name = str(request.path_params["topic"])
    if name not in topics(principal):
        raise Refusal(404, "no such topic")
    return name


def _row(door: Door, name: str, spans: Mapping[int, tuple[int, int]]) -> TopicRow:
    topic = TOPICS[name]
    partitions = [PartitionSpan(number, *span) for number, span in sorted(spans.items())]
    return TopicRow(name, topic.key_doc, topic.owner, topic.open, len(door.codec.numbers(name)), partitions)


async def _schema(door: Door, name: str) -> TopicSchema:
    try:
        await door.refresh(name)
    except Unavailable as error:
        raise Refusal(503, "the registry does not answer now") from error
    try:
        written: int | None = door.codec.written(name)
    except KeyError:
        written = None
    texts = door.codec.schemas(name)
    versions = [
        SchemaVersion(version, number, msgspec.json.format(msgspec.json.encode(texts[number]), indent=2).decode())
        for version, number in enumerate(sorted(texts), 1)
    ]
    return TopicSchema(name, TOPICS[name].subject, written, versions)


async def _records(log: LogReading, name: str, said: RecordsAsked, tenant_id: str) -> RecordList:
    if said.offset is not None and said.partition is None:
        raise Refusal(400, "in the query: an offset needs a partition")
    whole = said.offset is None and said.time is None
    order: Order = said.order or ("newest" if whole else "oldest")
    newest, key = order == "newest", said.key.encode() if said.key is not None else None
    spans = await _spans(log, name, said, newest, key)
    if said.cursor is not None:
        try:
            spans = left(said.cursor, name, newest, spans)
        except BadLogCursor as error:
            raise Refusal(400, str(error)) from error
    scan = Scan(name, spans, newest, said.limit)

    def wanted(record: Record, event: Event) -> bool:
        return (key is None or record.key == key) and said.correlation_id in (None, event.correlation_id)

    await log.scanned(scan, name, tenant_id, wanted)
    found, following = scan.page()
    return RecordList(name, order, found, following, scan.scanned, SCANNED_MAX)


async def _spans(
    log: LogReading, name: str, said: RecordsAsked, newest: bool, key: bytes | None
) -> dict[int, tuple[int, int]]:
    """Returns where to look."""
    spans = await log.spans(name)
    if key is not None:
        lies = log.browser.partition(name, key)
        spans = {number: span for number, span in spans.items() if number == lies}
    if said.partition is not None:
        spans = {number: span for number, span in spans.items() if number == said.partition}
    at = dict.fromkeys(spans, said.offset + newest) if said.offset is not None else {}
    if (micros := moment("time", said.time)) is not None:
        since = await log.asked(lambda: log.browser.since(name, max(0, micros // 1000)))
        for number in spans:
            other = since.get(number, 0)
            at[number] = other if number not in at else min(at[number], other) if newest else max(at[number], other)
    return {number: _from(span, at.get(number), newest) for number, span in spans.items()}


def _from(span: tuple[int, int], at: int | None, newest: bool) -> tuple[int, int]:
    if at is None:
        return span
    return (span[0], min(span[1], at)) if newest else (max(span[0], at), span[1])


def _number(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    raise Refusal(404, "no such record")
