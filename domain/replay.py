"""Makes every decision again from the log, and compares it with what the log says was decided.

Deciders put out the same whatever the order of arrival, so the topics are read one after the other: the definitions
first, because every event is decided by those in force when it was appended. What models and people answered is taken
from the log; nothing here has an effect.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from msgspec import Struct, structs

from domain.book import DECIDED as ENTRIES
from domain.decider import Decider, step
from domain.definitions import Definitions
from domain.ids import CANONICAL
from domain.workflows import CALLS
from schemas.codec import Codec
from schemas.errors import Undecodable
from schemas.events import BudgetEntry, Definition, Event, Request
from schemas.record import PREFIX, Record, header, said_by

READ_ORDER = (
    "definitions",
    "business-events",
    "requests",
    "agent-steps",
    "compliance-decisions",
    "budget-entries",
    "ai-calls",
)
"""The topics that deciders read, in the order of the flow."""

VERSION_FIELDS = frozenset({"libraries"})
"""A record that differs in these alone was decided under another version of a library, not otherwise."""

DECIDED = frozenset({"requests", "workflow-runs", "agent-steps", "compliance-decisions"})
"""The topics on which everything is decided."""
ANSWERS = b"auterity/relaycore"
"""Who records on `ai-calls` what models answered; every other record there is decided."""
BUDGETS = b"auterity/budgets"
"""Who decides on `budget-entries` what others ask for there."""

MISSING, EXTRA, BYTES = "missing", "extra", "x-digest"


Offsets = Mapping[tuple[str, int], int]


class Bounds(Struct, frozen=True):
    """What is compared; state is folded from the start whatever they say."""

    tenant_id: str | None = None
    begin_ms: int | None = None
    """Kafka's append time, inclusive."""
    end_ms: int | None = None
    """Exclusive."""

    def hold(self, record: Record, tenant_id: str) -> bool:
        """Returns True when the record is to be compared."""
        if self.tenant_id is not None and tenant_id != self.tenant_id:
            return False
        if self.begin_ms is not None and record.timestamp_ms < self.begin_ms:
            return False
        return self.end_ms is None or record.timestamp_ms < self.end_ms


class Difference(Struct, frozen=True):
    """One place where the log and the decision made again do not agree."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    field: str
    """The first field that differs; `missing`: nothing was recorded for the cause that lies here; `extra`: what lies
    here follows from nothing; `x-digest`: the bytes are not those that were sealed."""
    recorded: str = ""
    decided: str = ""


class Verdict(Struct, frozen=True):
    """What a replay found."""

    checked: int
    """Recorded decisions compared."""
    differences: list[Difference]
    """In the order they were appended."""
    other_version: int
    """Decisions equal but for the versions of the libraries that made them."""
    pending: int
    """Decisions not recorded yet because their cause has not been taken by its stage."""
    records: dict[str, int]
    """By topic: records read within the bounds, first copies."""
    digests: dict[str, str]
    """By topic: SHA-256 over the digests of its partitions' first copies, in hex."""

    @property
    def digest(self) -> str:
        """One SHA-256 over all topics' digests, in hex."""
        text = "".join(f"{topic} {digest}\n" for topic, digest in sorted(self.digests.items()))
        return sha256(text.encode()).hexdigest()


class _Recorded(Struct, frozen=True):
    record: Record
    digest: bytes


class _Decided(Struct, frozen=True):
    stage: str
    cause: Record
    digest: bytes
    compared: bool


class Replay:
    """Takes the records of the topics in READ_ORDER, each partition in order, and gives the verdict.

    `committed` holds, by stage, the offsets that the stage has committed: what it has not taken yet is pending, not
    missing. `keep` names events whose fields are wanted for `explain`. What lies on topics that are `given` is taken as
    it is. `definitions` are those that are known already; more come with the records.
    """

    def __init__(
        self,
        deciders: Sequence[Decider],
        codec: Codec,
        bounds: Bounds,
        committed: Mapping[str, Offsets],
        keep: Iterable[str] = (),
        given: Iterable[str] = (),
        definitions: Definitions | None = None,
    ) -> None:
        self._deciders = deciders
        self._codec = codec
        self._bounds = bounds
        self._committed = committed
        self._keep = set(keep)
        self._given = frozenset(given)
        self._definitions = definitions if definitions is not None else Definitions()
        self._states: dict[tuple[str, bytes], Any] = {}
        self._seen: set[tuple[str, str, bytes]] = set()
        self._hashes: dict[tuple[str, int], Any] = {}
        self._records: dict[str, int] = {}
        self._recorded: dict[str, _Recorded] = {}
        self._decided: dict[str, _Decided] = {}
        self._wrong: list[Difference] = []
        self._unlike: list[tuple[str, Record]] = []
        self._checked = 0
        self.kept: dict[str, tuple[Event | None, Event | None]] = {}
        """By event id: as recorded, as decided again."""

    def take(self, record: Record) -> None:
        """Takes the next record of its partition."""
        try:
            event = self._codec.decode(record)
        except Undecodable as error:
            if self._bounds.hold(record, _tenant(record)) and _decides(record):
                self._wrong.append(_difference(record, BYTES, recorded=str(error)))
            return
        place = (record.topic, event.tenant_id, _short(event.event_id))
        if place in self._seen:
            return
        self._seen.add(place)
        digest = self._digest(record, event)
        compared = self._bounds.hold(record, event.tenant_id)
        if compared:
            self._records[record.topic] = self._records.get(record.topic, 0) + 1
            self._hashes.setdefault((record.topic, record.partition), sha256()).update(digest)
        if _decides(record, event) and record.topic not in self._given:
            self._compare_recorded(record, event, digest, compared)
        if isinstance(event, Definition):
            self._definitions.add(event, record.timestamp_ms)
        for decider in self._deciders:
            if record.topic in decider.inputs:
                self._decide(decider, record, event)

    def verdict(self) -> Verdict:
        """Returns what was found once every record was taken; differences of fields are named by `explain`."""
        wrong = list(self._wrong)
        pending = 0
        for each in self._decided.values():
            if not self._taken(each):
                pending += 1
            elif each.compared:
                wrong.append(_difference(each.cause, MISSING, decided=each.stage))
        wrong += [_difference(each.record, EXTRA) for each in self._recorded.values()]
        other = 0
        for event_id, record in self._unlike:
            recorded, decided = self.kept.get(event_id, (None, None))
            if recorded is None or decided is None:
                wrong.append(_difference(record, ""))
            elif (name := first_unlike(recorded, decided)) is None:
                other += 1
            else:
                values = [repr(getattr(event, name))[:200] for event in (recorded, decided)]
                wrong.append(_difference(record, name, *values))
        wrong.sort(key=lambda each: (each.timestamp_ms, each.topic, each.partition, each.offset, each.field == MISSING))
        digests = {}
        for topic in sorted({topic for topic, _ in self._hashes}):
            parts = sorted((place, each.digest()) for place, each in self._hashes.items() if place[0] == topic)
            digests[topic] = sha256(b"".join(digest for _, digest in parts)).hexdigest()
        return Verdict(self._checked, wrong, other, pending, dict(self._records), digests)

    @property
    def unlike(self) -> list[str]:
        """Ids of the events whose fields differ: a second replay that keeps them can say in what."""
        return [event_id for event_id, _ in self._unlike]

    def _decide(self, decider: Decider, record: Record, event: Event) -> None:
        key = (decider.name, record.key or b"")
        definitions = self._definitions.at(record.timestamp_ms)
        try:
            decided, state = step(decider, self._states.get(key), event, definitions)
        except Exception:  # noqa: BLE001  as the stage does: what fails for this event was a dead letter then, too
            return
        if decider.state is not None:
            self._states[key] = state
        for each in decided:
            if self._topic(each) in self._given:
                continue
            if each.event_id in self._keep:
                self.kept[each.event_id] = (self.kept.get(each.event_id, (None, None))[0], each)
            self._match(each.event_id, decider, record, each)

    def _match(self, event_id: str, decider: Decider, cause: Record, event: Event) -> None:
        digest = sha256(self._codec.body(event)[PREFIX:]).digest()
        recorded = self._recorded.pop(event_id, None)
        if recorded is not None:
            self._checked += 1
            if recorded.digest != digest:
                self._unlike.append((event_id, recorded.record))
        elif event_id not in self._decided and self._unseen(event):  # of two with one id the first is the truth
            compared = self._bounds.hold(cause, event.tenant_id)
            self._decided[event_id] = _Decided(decider.name, _place(cause), digest, compared)

    def _unseen(self, event: Event) -> bool:
        return (self._topic(event), event.tenant_id, _short(event.event_id)) not in self._seen

    def _compare_recorded(self, record: Record, event: Event, digest: bytes, compared: bool) -> None:
        if event.event_id in self._keep:
            self.kept[event.event_id] = (event, self.kept.get(event.event_id, (None, None))[1])
        decided = self._decided.pop(event.event_id, None)
        if not compared:
            return
        if decided is None:
            if isinstance(event, Request) and event.kind in CALLS:
                return  # it came through the gateway: what is to follow from others has been decided before
            self._recorded[event.event_id] = _Recorded(_place(record), digest)
            return
        self._checked += 1
        if decided.digest != digest:
            self._unlike.append((event.event_id, _place(record)))

    def _digest(self, record: Record, event: Event) -> bytes:
        """Returns the SHA-256 of the body in our schema: as it lies there, or re-encoded from an older one."""
        value = record.value or b""
        if not self._codec.own(record):
            value = self._codec.body(event)
        return sha256(value[PREFIX:]).digest()

    def _taken(self, each: _Decided) -> bool:
        place = (each.cause.topic, each.cause.partition)
        return each.cause.offset < self._committed.get(each.stage, {}).get(place, 0)

    def _topic(self, event: Event) -> str:
        return self._codec.topic(event)


def first_unlike(recorded: Event, decided: Event) -> str | None:
    """Returns the first field, in the order of the schema, in which they differ; None when only versions do."""
    for each in structs.fields(type(recorded)):
        if each.name not in VERSION_FIELDS and getattr(recorded, each.name) != getattr(decided, each.name):
            return each.name
    return None


def _short(event_id: str) -> bytes:
    """Returns the 16 bytes of a UUID; clients may name their events otherwise, too."""
    return bytes.fromhex(event_id.replace("-", "")) if CANONICAL.fullmatch(event_id) else event_id.encode()


def _decides(record: Record, event: Event | None = None) -> bool:
    """Returns True for a record that must follow from others, whoever says it wrote it."""
    if record.topic == "ai-calls":
        return not said_by(record, ANSWERS)
    if record.topic == "budget-entries":
        return said_by(record, BUDGETS) or not isinstance(event, BudgetEntry) or event.kind in ENTRIES
    return record.topic in DECIDED


def _tenant(record: Record) -> str:
    return (header(record.headers, "ce_tenantid") or b"").decode(errors="replace")


def _place(record: Record) -> Record:
    """Returns the record without its bytes."""
    return Record(record.topic, record.partition, record.offset, record.timestamp_ms, None, None, ())


def _difference(record: Record, name: str, recorded: str = "", decided: str = "") -> Difference:
    return Difference(
        record.topic, record.partition, record.offset, record.timestamp_ms, name, recorded=recorded, decided=decided
    )
