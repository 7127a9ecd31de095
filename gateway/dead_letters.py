"""GET /dead-letters: what was given up in the caller's tenant, with its bytes; POST .../mend: sent again, mended."""

from base64 import b64encode
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from domain.dead_letters import CREDENTIALS
from domain.definitions import canonical, digest
from domain.doors import OURS, BadEvent, Call, Fact, open_to_clients
from domain.identity import Permission, Principal
from domain.log_records import Head
from domain.mending import KIND, Mended, mended
from domain.read_models import Letter, moment_of
from domain.reading import Query
from gateway.answers import Done, Refusal
from gateway.bodies import Share, read
from gateway.changes import put
from gateway.contracts import contract
from gateway.cursors import behind
from gateway.door import Door
from gateway.events import written
from gateway.letter_documents import LetterDetail, LetterDocument, LetterList, LettersAsked, MendedLetter
from gateway.log_reading import LogReading
from gateway.questions import Asked, asked, builtins, reading
from gateway.reads import Reads
from schemas.catalogue import DOOR_BYTES_MAX, Topic
from schemas.errors import Rejected, TooLarge
from schemas.events import DeadLetter

ID_CHARACTERS_MAX = 200
ANY_FIELDS: dict[str, Any] = {"content": {"application/json": {"schema": {"type": "object"}}}, "required": True}
ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}


def routes(door: Door, log: LogReading, reads: Reads) -> APIRouter:
    """Returns the routes of dead letters."""
    router = APIRouter(prefix="/dead-letters", tags=["dead letters"])
    letters = _Letters(door, log, reads)

    @router.get("", summary="What was given up", **reading(LettersAsked, LetterList))
    async def list_letters(request: Request) -> Response:
        """Returns the tenant's dead letters, by when Kafka took them."""

        async def work(_: Call, principal: Principal, __: Share) -> Done:
            said = asked(request, LettersAsked)
            as_of = await reads.as_of(request)
            return Done(builtins(await letters.page(principal.tenant_id, said, as_of)), status=200)

        return await door.call(request, Permission.READ_DEAD_LETTERS, work)

    @router.get("/{id}", summary="A dead letter", **reading(Asked, LetterDetail, path=("id",)))
    async def letter(request: Request) -> Response:
        """Returns a dead letter with the bytes that were given up."""

        async def work(_: Call, principal: Principal, __: Share) -> Done:
            asked(request, Asked)
            await reads.as_of(request)
            row, event = await letters.found(principal.tenant_id, request)
            return Done(builtins(letters.detail(principal.tenant_id, row, event)), status=200)

        return await door.call(request, Permission.READ_DEAD_LETTERS, work)

    said = contract(
        None, 400, 401, 403, 404, 408, 409, 413, 422, status=202, done="It is on the log.", answer=MendedLetter
    )

    @router.post(
        "/{id}/mend",
        summary="Send a dead letter again",
        **{**said, "openapi_extra": {"requestBody": ANY_FIELDS, "parameters": [ID]}},
    )
    async def mend(request: Request) -> Response:
        """Puts an event on the letter's topic, in its place: once, and with the letter as its cause."""

        async def work(call: Call, principal: Principal, share: Share) -> Done:
            return await letters.mend(request, call, principal, share)

        return await door.call(request, Permission.MEND_DEAD_LETTERS, work)

    return router


class _Letters:
    """The dead letters of tenants."""

    def __init__(self, door: Door, log: LogReading, reads: Reads) -> None:
        self._door = door
        self._log = log
        self._reads = reads

    async def page(self, tenant_id: str, said: LettersAsked, as_of: str | None) -> LetterList:
        texts = {"stage": said.stage, "source_topic": said.topic}
        query = Query(
            of=Letter,
            where={name: value for name, value in texts.items() if value is not None},
            order=("recorded_ms", "event_id"),
            newest_first=True,
            after=behind(said.cursor, (int, str)),
            limit=said.limit,
        )
        page = await self._reads.page(tenant_id, query)
        return LetterList([self._document(tenant_id, each) for each in page.rows], page.next, as_of)

    async def found(self, tenant_id: str, request: Request) -> tuple[Letter, DeadLetter]:
        """Returns the letter that the path names; refuses one that the tenant has not."""
        name = str(request.path_params["id"])
        rows = await self._rows(tenant_id, name) if len(name) <= ID_CHARACTERS_MAX and "\x00" not in name else []
        for row in rows:
            seen = await self._log.one(tenant_id, "dead-letters", row.partition, row.offset)
            if seen is not None and isinstance(seen.event, DeadLetter):
                return row, seen.event
        raise Refusal(404, "no such dead letter")

    def detail(self, tenant_id: str, row: Letter, event: DeadLetter) -> LetterDetail:
        value = event.source_value or b""
        text = _text(value)
        heads = [each for each in event.source_headers if each.name.lower() not in CREDENTIALS]
        return LetterDetail(
            dead_letter=self._document(tenant_id, row),
            key=(event.source_key or b"").decode(errors="replace"),
            bytes=len(value),
            value_base64=b64encode(value).decode(),
            text=text,
            draft=self._draft(event.source_topic, value),
            headers=[Head(each.name, (each.value or b"").decode(errors="replace")) for each in heads],
        )

    async def mend(self, request: Request, call: Call, principal: Principal, share: Share) -> Done:
        door, tenant_id = self._door, principal.tenant_id
        content = await read(request, share, DOOR_BYTES_MAX)
        row, event = await self.found(tenant_id, request)
        topic = open_to_clients(row.source_topic)
        if topic is None:
            raise Refusal(403, "the topic is not open to clients")
        try:
            made = mended(topic, content, event, call, principal)
            record = written(door, topic, made)
        except Rejected as error:
            raise _unmended(error) from error
        await door.usage.take(tenant_id, door.quota(tenant_id), 1, call.at)
        said = digest(canonical(msgspec.json.decode(content)))
        claim = Mended(row.event_id, topic.name, made.event_id, said, principal.id)
        await door.latest()
        known = door.definitions.mended(tenant_id, row.event_id)
        if known is None:
            last = door.definitions.last(tenant_id, KIND, row.event_id)
            await put(door, call, tenant_id, KIND, claim, last)
        elif (known.event_id, known.digest) != (claim.event_id, claim.digest):
            raise Refusal(409, "the dead letter was mended already", event_id=known.event_id)
        fact = Fact("DeadLetterMended", row.event_id, {"event_id": made.event_id})
        return Done({"event_id": made.event_id}, [record], fact=fact)

    async def _rows(self, tenant_id: str, name: str) -> list[Letter]:
        return await self._reads.rows(
            tenant_id, Query(of=Letter, where={"event_id": name}, order=("event_id",), limit=1)
        )

    def _document(self, tenant_id: str, row: Letter) -> LetterDocument:
        known = self._door.definitions.mended(tenant_id, row.event_id)
        names = ("partition", "offset", "stage", "source_topic", "source_partition", "source_offset", "error", "reason")
        return LetterDocument(
            id=row.event_id,
            at=moment_of(row.occurred_at),
            recorded_at=moment_of(row.recorded_ms * 1000),
            **{name: getattr(row, name) for name in names},
            mendable=open_to_clients(row.source_topic) is not None,
            mended=known.event_id if known is not None else None,
        )

    def _draft(self, name: str, value: bytes) -> dict[str, Any] | None:
        """Returns the fields that somebody may mend, when the bytes say any: as JSON, or as Avro."""
        topic = open_to_clients(name)
        if topic is None:
            return None
        said: dict[str, Any] | None
        try:
            said = msgspec.json.decode(value, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            said = self._read(topic, value)
        return None if said is None else {key: each for key, each in said.items() if key not in (*OURS, "tenant_id")}

    def _read(self, topic: Topic, value: bytes) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = msgspec.to_builtins(self._door.codec.value(topic.name, value))
        except Rejected:
            return None
        return found


def _unmended(error: Rejected) -> Refusal:
    field = error.field if isinstance(error, BadEvent) else ""
    status = 413 if isinstance(error, TooLarge) else 422
    return Refusal(
        status, f"{field}: {error}" if field else str(error), errors=[{"field": field, "detail": str(error)}]
    )


def _text(value: bytes) -> str | None:
    """Returns the bytes as text, None when they are none."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return None
    return text if all(each.isprintable() or each in "\r\n\t" for each in text) else None
