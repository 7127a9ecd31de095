"""What steps know of the conversations of a run: the turns in hand, as far as what follows needs them.

A turn is the call of a step that goes on with a conversation, or is gone on with. What its records need not repeat is
kept here meanwhile: what the step may use, until it is answered; where the conversation stands, until every step that
goes on with it has asked. So the state does not grow with the conversation, but for the names of the steps that are
over and 16 bytes of each long block.
"""

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from domain.conversations import ASSISTANT, REFERRED_MIN, block, head, reference
from domain.definitions import Step, Workflow
from domain.models import LOCAL
from schemas.events import AgentStep, AiCall, CallStatus, ComplianceDecision, Event, Message, Outcome, Phase, StepStatus

PREFIX_BYTES = 16
"""Of the digest of a block that was said; two with one prefix would fail a call, never change what it says."""


class Turn(Struct, frozen=True):
    """What is known of one turn."""

    decision: ComplianceDecision | None = None
    """What the step may use; None once it is over."""
    outcome: AiCall | None = None
    """How its call ended; kept only when that is read before the decision."""
    asked: bool = False
    left: int = 0
    """Steps that go on with the conversation and have not asked yet."""
    local: bool = False
    """True when what is said must not leave."""
    said: bytes = b""
    """Of each long block said in the conversation so far, the first 16 bytes of its digest."""
    changed: dict[str, str] = {}
    """Fields of the output that the rules have changed, as they are now."""
    head: str = ""
    """Of the conversation with the answer, once there is one."""


class Turns(Struct, frozen=True):
    """The turns of a run."""

    turns: dict[str, Turn] = {}
    """By step."""
    over: list[str] = []
    """Steps of conversations that are over."""


NONE = Turns()


def converses(workflow: Workflow, step: Step) -> bool:
    """Returns whether the step's call is part of a conversation over several."""
    return bool(step.continues or workflow.continued_by(step.id))


def opened(requested: AiCall, workflow: Workflow, step: Step, turns: Turns) -> AiCall:
    """Returns the request as it is written: what is new as blocks, the rest by the step whose conversation it is.

    What must not leave stays so in whatever goes on with it. An answer that the rules have changed is said as they left
    it.
    """
    before = turns.turns[step.continues] if step.continues else Turn()
    blocks = [block(each) for each in requested.messages]
    known = set(_prefixes(before.said))
    said = [reference(each) if _prefix(each) in known else each for each in blocks]
    if step.continues:
        text = before.changed.get(workflow.step(step.continues).into)
        if text is not None:
            said.insert(0, block(Message(role=ASSISTANT, content=text)))
    return msgspec.structs.replace(
        requested,
        messages=said,
        input={},
        model=LOCAL if before.local else requested.model,
        continues=step.continues,
        continued_by=len(workflow.continued_by(step.id)),
        conversation=head(before.head, [each.digest for each in said]),
    )


def after(turns: Turns, event: Event) -> Turns:
    """Returns the turns after an event that was read or decided; the same ones when it says nothing of them."""
    if isinstance(event, ComplianceDecision):
        return _allowed(turns, event) if event.phase is Phase.BEFORE else _checked(turns, event)
    if isinstance(event, AgentStep):
        return _performed(turns, event)
    if isinstance(event, AiCall) and event.status is CallStatus.REQUESTED:
        return _asked(turns, event)
    if isinstance(event, AiCall) and event.conversation and event.step not in turns.over:
        turn = turns.turns.get(event.step, Turn())
        return turns if turn.outcome else _put(turns, event.step, msgspec.structs.replace(turn, outcome=event))
    return turns


def _allowed(turns: Turns, decision: ComplianceDecision) -> Turns:
    turn = turns.turns.get(decision.step, Turn())
    if decision.outcome is Outcome.REFUSED or decision.step in turns.over or turn.decision is not None:
        return turns
    return _put(turns, decision.step, msgspec.structs.replace(turn, decision=decision))


def _checked(turns: Turns, decision: ComplianceDecision) -> Turns:
    turn = turns.turns.get(decision.step)
    changed = {each.path: "" for each in decision.findings if each.action == "redact" and each.path is not None}
    if turn is None or not changed or decision.phase is not Phase.AFTER:
        return turns
    now = {name: decision.payload.get(name, "") for name in changed}
    return _put(turns, decision.step, msgspec.structs.replace(turn, changed=now))


def _asked(turns: Turns, requested: AiCall) -> Turns:
    turn = turns.turns.get(requested.step)
    if turn is None or turn.decision is None or turn.asked:
        return turns
    if not requested.conversation:
        return _put(turns, requested.step, None)
    before = turns.turns.get(requested.continues)
    said = before.said if before is not None else b""
    said += b"".join(_prefix(each) for each in requested.messages)
    local = requested.model == LOCAL
    turn = msgspec.structs.replace(turn, asked=True, left=requested.continued_by, local=local, said=said)
    turns = _put(turns, requested.step, turn)
    if before is None:
        return turns
    left = msgspec.structs.replace(before, left=before.left - 1)
    return _put(turns, requested.continues, left if left.left > 0 else None)


def _performed(turns: Turns, performed: AgentStep) -> Turns:
    turn = turns.turns.get(performed.step)
    if turn is None:
        return turns
    if turn.outcome is None:  # of no conversation
        return _put(turns, performed.step, None)
    done = None
    if performed.status is StepStatus.PERFORMED and turn.left:
        done = msgspec.structs.replace(turn, decision=None, outcome=None, head=turn.outcome.conversation)
    turns = _put(turns, performed.step, done)
    return msgspec.structs.replace(turns, over=[*turns.over, performed.step])


def _put(turns: Turns, step: str, turn: Turn | None) -> Turns:
    left = {name: each for name, each in turns.turns.items() if name != step}
    return msgspec.structs.replace(turns, turns=left if turn is None else {**left, step: turn})


def _prefix(message: Message) -> bytes:
    """Returns what is remembered of a block that was said whole; nothing of one that is shorter than its digest."""
    return bytes.fromhex(message.digest)[:PREFIX_BYTES] if len(message.content) >= REFERRED_MIN else b""


def _prefixes(said: bytes) -> Iterator[bytes]:
    for begin in range(0, len(said), PREFIX_BYTES):
        yield said[begin : begin + PREFIX_BYTES]
