"""What a call asks all in all, when it goes on with a conversation: from memory, or from where it lies on the log."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec
from msgspec import Struct

from domain.calls import Call
from domain.conversations import NOTHING, BrokenConversation, Conversation, answered, asked, call_id
from domain.ids import derive
from schemas.errors import Undecodable
from schemas.events import AiCall, CallStatus
from schemas.record import EVENT_ID, Record, header
from streams.stage import Tools, decoded

CHARACTERS_MAX = 32 * 1024 * 1024
"""Of all conversations kept in memory, each reckoned whole; beyond it those go that were not asked for longest."""
GAP_MAX = 500
"""Records between two that are wanted, up to which they are read in one go."""
PLACES_MAX = 10_000
"""Places of requests that were read since we began, kept for those that a crash left without a state."""
TOPIC = "ai-calls"

Known = Callable[[str], Call | None]
"""Says what is known of the call of an id."""


class _Turn(Struct, frozen=True):
    """One call of those before, and where it lies."""

    step: str
    call_id: str
    asked: int
    answered: int
    until: int
    """Where the call was requested that goes on with it."""


class Conversations:
    """Finds what was said before a call. Whatever is found is compared with the digest that the call names."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._kept: OrderedDict[tuple[str, str], Conversation] = OrderedDict()
        """By tenant and call."""
        self._characters = 0
        self._places: OrderedDict[str, int] = OrderedDict()

    async def whole(self, requested: AiCall, offset: int, partition: int, known: Known) -> AiCall:
        """Returns the request at this offset with all messages that are asked; raises BrokenConversation, Unavailable.

        Where the conversation was not kept, the records of its calls are read again. Of two outcomes of a call, as a
        crash may leave them, the first one counts; it is looked for when the one that we know is not what is named.
        """
        if not requested.conversation:
            return requested
        self._places[requested.call_id] = offset
        if len(self._places) > PLACES_MAX:
            self._places.popitem(last=False)
        found = self._remembered(requested)
        if found is None:
            turns = self._turns(requested, offset, known)
            try:
                found = asked(await self._read(turns, requested, partition, first=False), requested)
            except (BrokenConversation, Undecodable):
                try:
                    found = asked(await self._read(turns, requested, partition, first=True), requested)
                except Undecodable as error:
                    raise BrokenConversation(
                        f"what step {requested.step} goes on with cannot be read: {error}"
                    ) from error
        self._keep((requested.tenant_id, requested.call_id), found)
        return msgspec.structs.replace(requested, messages=list(found.messages))

    def keep(self, done: AiCall) -> None:
        """Remembers the answer of a call whose conversation is in memory."""
        before = self._kept.get((done.tenant_id, done.call_id))
        if before is not None and done.status is CallStatus.COMPLETED:
            self._keep((done.tenant_id, done.call_id), answered(before, done))

    def _remembered(self, requested: AiCall) -> Conversation | None:
        """Returns what is asked, when what was said before is in memory, and is what is named; or when nothing was."""
        if not requested.continues:
            return asked(NOTHING, requested)
        name = requested.tenant_id, call_id(requested.run_id, requested.continues)
        if name not in self._kept:
            return None
        self._kept.move_to_end(name)
        try:
            return asked(self._kept[name], requested)
        except BrokenConversation:
            return None

    def _keep(self, name: tuple[str, str], conversation: Conversation) -> None:
        self._drop(name)
        self._kept[name] = conversation
        self._characters += _size(conversation)
        while self._characters > CHARACTERS_MAX:
            self._drop(next(iter(self._kept)))

    def _drop(self, name: tuple[str, str]) -> None:
        found = self._kept.pop(name, None)
        if found is not None:
            self._characters -= _size(found)

    def _turns(self, requested: AiCall, offset: int, known: Known) -> list[_Turn]:
        """Returns the calls before, the first one first, with the places that are known of them."""
        assert requested.workflow_digest is not None
        workflow = self._tools.definitions.workflow(requested.workflow_digest)
        found: list[_Turn] = []
        for step in reversed(workflow.conversation(requested.step)[:-1]):
            name = call_id(requested.run_id, step.id)
            call = known(name) or Call()
            at = call.offset if call.offset >= 0 else self._places.get(name, -1)
            if at < 0:
                raise BrokenConversation(f"the call of step {step.id}, whose conversation is gone on with, is unknown")
            found.append(_Turn(step.id, name, at, call.answered, offset))
            offset = at
        return found[::-1]

    async def _read(self, turns: Sequence[_Turn], by: AiCall, partition: int, *, first: bool) -> Conversation:
        """Returns the conversation of these calls; with `first` each outcome is looked for from its request on."""
        wanted = {each.asked for each in turns}
        if not first:
            wanted |= {each.answered for each in turns if each.answered >= 0}
        spans = [(each.asked + 1, each.until) for each in turns] if first else []
        ends = {derive(each.call_id, "outcome").encode() for each in turns} if first else set()
        records = await asyncio.to_thread(self._records, partition, wanted, spans, ends)
        said: dict[tuple[str, bool], AiCall] = {}
        for record in records:
            event = await decoded(record, self._tools)
            if isinstance(event, AiCall) and (event.tenant_id, event.run_id) == (by.tenant_id, by.run_id):
                ended = event.status is CallStatus.COMPLETED
                if ended or event.status is CallStatus.REQUESTED:
                    said.setdefault((event.call_id, ended), event)
        now = NOTHING
        for each in turns:
            requested, done = said.get((each.call_id, False)), said.get((each.call_id, True))
            if requested is None or done is None:
                what = "answer to" if requested is not None else "request of"
                raise BrokenConversation(f"the {what} step {each.step}, which is gone on with, is not on the log")
            now = answered(asked(now, requested), done)
        return now

    def _records(
        self, partition: int, wanted: Iterable[int], spans: Iterable[tuple[int, int]], ends: set[bytes]
    ) -> list[Record]:
        """Returns the records at these offsets, and those of the spans that have one of these event ids, in order."""
        found: dict[int, Record] = {}
        offsets = set(wanted)
        for begin, end in [*_joined(offsets), *spans]:
            for batch in self._tools.reader.read(TOPIC, partition, begin, end):
                for each in batch:
                    if each.offset in offsets or (ends and header(each.headers, EVENT_ID) in ends):
                        found[each.offset] = each
        return [found[each] for each in sorted(found)]


def _joined(offsets: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yields spans that hold the offsets, with no longer gap in one than is worth reading."""
    begin = end = -1
    for each in sorted(offsets):
        if end < 0 or each - end > GAP_MAX:
            if end >= 0:
                yield begin, end
            begin = each
        end = each + 1
    if end >= 0:
        yield begin, end


def _size(conversation: Conversation) -> int:
    return sum(len(each.content) for each in conversation.messages)
