"""Conversations over several calls: what is said is a block, named by its digest, and written once.

A call that goes on with another one's conversation says on `requested` only what is new; what was said before follows
from the calls before it, and one digest over all of it says what it has to be. So what the log keeps of a conversation
grows with what is said in it, not with its square.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct

from domain.ids import derive
from schemas.errors import Rejected
from schemas.events import AiCall, Message

REFERRED_MIN = 65
"""Characters of a block from which on its digest is said in place of it; the digest itself has 64."""
ASSISTANT = "assistant"


class BrokenConversation(Rejected):
    """A block cannot be found, or is not what its digest names."""


class Conversation(Struct, frozen=True):
    """What was said so far."""

    messages: tuple[Message, ...] = ()
    """As a model is told them: whole, without digests."""
    digests: tuple[str, ...] = ()
    """Of the messages."""
    head: str = ""
    """Of everything that was ever said, in its order."""


NOTHING = Conversation()


def digest(message: Message) -> str:
    """Returns the SHA-256 of the block, in hex: over JSON in UTF-8 with sorted keys and no spaces, of its role, its
    content, and whatever else of it is not empty."""
    parts: dict[str, Any] = {"role": message.role, "content": message.content}
    for each in msgspec.structs.fields(Message):
        if each.name != "digest" and (value := getattr(message, each.name)):
            parts[each.name] = value
    return sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()


def head(before: str, digests: Iterable[str]) -> str:
    """Returns the digest of a conversation with these blocks behind what it had: each time the SHA-256, in hex, of the
    digest of all before and the block's, both in hex; at first there is none before."""
    for each in digests:
        before = sha256(f"{before}{each}".encode()).hexdigest()
    return before


def call_id(run_id: str, step: str, attempt: int = 1) -> str:
    """Returns the id of the call that a step makes."""
    return derive(run_id, step, str(attempt), "call")


def block(message: Message) -> Message:
    """Returns the message with its digest."""
    return msgspec.structs.replace(message, digest=digest(message))


def reference(message: Message) -> Message:
    """Returns what names a block that was said before."""
    return Message(role="", content="", digest=message.digest)


def with_answer(requested: AiCall, end: AiCall) -> AiCall:
    """Returns the completed call with its answer as a block, whose text is the record's `answer`."""
    if not requested.conversation:
        return end
    said = end.messages[0] if end.messages else Message(role=ASSISTANT, content="")
    named = digest(msgspec.structs.replace(said, content=end.answer))
    return msgspec.structs.replace(
        end,
        messages=[msgspec.structs.replace(said, content="", digest=named)],
        conversation=head(requested.conversation, [named]),
    )


def asked(before: Conversation, requested: AiCall) -> Conversation:
    """Returns the conversation as the call asks it; raises BrokenConversation.

    What begins with an assistant's words has these in place of the last answer: the rules have changed it.
    """
    known = dict(zip(before.digests, before.messages, strict=True))
    said = tuple(_said(each, known) for each in requested.messages)
    digests = tuple(each.digest for each in requested.messages)
    after = head(before.head, digests)
    if after != requested.conversation:
        raise BrokenConversation(f"the conversation before step {requested.step} is not the one that it names")
    kept = len(before.messages)
    if requested.continues and said and said[0].role == ASSISTANT:
        kept -= 1
    return Conversation((*before.messages[:kept], *said), (*before.digests[:kept], *digests), after)


def answered(before: Conversation, done: AiCall) -> Conversation:
    """Returns the conversation with the answer of a completed call behind it; raises BrokenConversation."""
    if len(done.messages) != 1:
        raise BrokenConversation(f"the answer to step {done.step} is no block")
    [said] = done.messages
    whole = _said(msgspec.structs.replace(said, content=done.answer), {})
    after = head(before.head, [said.digest])
    if after != done.conversation:
        raise BrokenConversation(f"the conversation up to the answer to step {done.step} is not the one that it names")
    return Conversation((*before.messages, whole), (*before.digests, said.digest), after)


def folded(calls: Sequence[tuple[AiCall, AiCall | None]]) -> Conversation:
    """Returns the conversation of these calls, each as it was requested and completed, the first one first."""
    now = NOTHING
    for requested, done in calls:
        now = asked(now, requested)
        if done is not None:
            now = answered(now, done)
    return now


def _said(message: Message, known: Mapping[str, Message]) -> Message:
    """Returns the whole message, without its digest."""
    if message.digest == digest(message):
        return msgspec.structs.replace(message, digest="")
    if message != reference(message):
        raise BrokenConversation(f"a block is not what its digest {message.digest[:12]} names")
    if message.digest not in known:
        raise BrokenConversation(f"block {message.digest[:12]} was not said before in the conversation")
    return known[message.digest]
