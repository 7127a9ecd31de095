"""Decides what somebody who looks on live is shown of the log, and what is counted: no input, output or subject."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum

from msgspec import Struct

from domain.identity import Permission
from schemas.catalogue import TOPICS
from schemas.events import AgentStep, ComplianceDecision, Event, Outcome, RunStatus, WorkflowRun

FOLLOWED = ("workflow-runs", "agent-steps", "compliance-decisions")
PLACES = tuple((name, number) for name in FOLLOWED for number in range(TOPICS[name].partitions))
"""Every partition that is followed. A position is, for each of them in this order, the offset to read on from."""
REASON_MAX = 300
RULES_MAX = 20
"""Of what a message quotes."""
REMEMBERED = 50_000
"""Events that are known to have been counted: a stage that is taken over says its last ones again."""
ENDED_BADLY = frozenset({RunStatus.FAILED, RunStatus.REFUSED})

Vector = tuple[int, ...]
"""A position, see PLACES."""


class Channel(StrEnum):
    """What a reader may choose."""

    RUNS = "runs"
    STEPS = "steps"
    DECISIONS = "decisions"
    COUNTERS = "counters"
    ALERTS = "alerts"
    """What of the others somebody should look at: runs that failed or were refused, decisions that were escalated."""
    PULSE = "pulse"
    """Figures of now, at most once a second: see domain.pulse. Told to who asks for it alone."""


USUAL = tuple(each for each in Channel if each is not Channel.PULSE)
"""What somebody is told who does not choose."""
TOLD = (Channel.RUNS, Channel.STEPS, Channel.DECISIONS)
"""The channels of events: a message is of one of them."""
NEEDED: Mapping[Channel, Permission] = {Channel.DECISIONS: Permission.READ_DECISIONS}
"""What a channel needs besides the permission to look on at all."""


class Message(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="event"):
    """An event as it is shown: nothing in it is marked as personal in the schemas."""

    channel: Channel
    id: str
    """The event's: of an event that was written twice both are shown, with one id."""
    run_id: str
    correlation_id: str
    status: str
    """Of the run or step; the outcome of a decision."""
    at: datetime
    """When it happened."""
    recorded_at: datetime
    """When it was put on the log."""
    alert: bool = False
    workflow: str = ""
    step: str = ""
    attempt: int = 0
    agent: str = ""
    phase: str = ""
    rules: tuple[str, ...] = ()
    """Of a decision: the rules that applied."""
    reason: str = ""

    @property
    def kind(self) -> int:
        """One of KINDS: what decides who is shown it."""
        return TOLD.index(self.channel) * 2 + self.alert


KINDS = range(len(TOLD) * 2)
"""Channel and whether it is an alert, as a number."""


class View(Struct, frozen=True):
    """What a reader is shown."""

    channels: tuple[Channel, ...]
    kinds: frozenset[int]
    counted: tuple[Channel, ...]
    """What its counters count; nothing when it has none."""
    pulsed: bool = False
    """Whether it is told the figures of now."""


def shown(event: Event, recorded_ms: int) -> Message | None:
    """Returns what is shown of an event; None when nothing is."""
    recorded_at = datetime.fromtimestamp(max(recorded_ms, 0) / 1000, UTC)
    if isinstance(event, WorkflowRun):
        return Message(
            channel=Channel.RUNS,
            id=event.event_id,
            run_id=event.run_id,
            correlation_id=event.correlation_id,
            status=event.status.value,
            at=event.occurred_at,
            recorded_at=recorded_at,
            alert=event.status in ENDED_BADLY,
            workflow=event.workflow,
            reason=event.reason[:REASON_MAX],
        )
    if isinstance(event, AgentStep):
        return Message(
            channel=Channel.STEPS,
            id=event.event_id,
            run_id=event.run_id,
            correlation_id=event.correlation_id,
            status=event.status.value,
            at=event.occurred_at,
            recorded_at=recorded_at,
            step=event.step,
            attempt=event.attempt,
            agent=event.agent,
            reason=event.reason[:REASON_MAX],
        )
    if isinstance(event, ComplianceDecision):
        return Message(
            channel=Channel.DECISIONS,
            id=event.event_id,
            run_id=event.run_id,
            correlation_id=event.correlation_id,
            status=event.outcome.value,
            at=event.occurred_at,
            recorded_at=recorded_at,
            alert=event.outcome is Outcome.ESCALATED,
            step=event.step,
            attempt=event.attempt,
            phase=event.phase.value,
            rules=tuple(finding.rule for finding in event.findings[:RULES_MAX]),
        )
    return None


def view(permissions: Iterable[Permission], wanted: Iterable[Channel] = USUAL) -> View:
    """Returns what somebody who may look on is shown of these channels; what is not permitted is left out."""
    granted, asked = set(permissions), set(wanted)
    allowed = {each for each in Channel if each not in NEEDED or NEEDED[each] in granted}
    channels = tuple(each for each in Channel if each in asked & allowed)
    kinds = {
        number * 2 + alert
        for number, each in enumerate(TOLD)
        for alert in (False, True)
        if each in allowed and (each in asked or (alert and Channel.ALERTS in asked))
    }
    counted = tuple(each for each in TOLD if each in allowed) if Channel.COUNTERS in asked else ()
    return View(channels, frozenset(kinds), counted, Channel.PULSE in asked)


class Counts:
    """How many events of each status a tenant has had; the same event counts once."""

    def __init__(self) -> None:
        self._of: dict[str, dict[Channel, dict[str, int]]] = {}
        self._known: OrderedDict[str, None] = OrderedDict()

    def add(self, tenant_id: str, message: Message) -> None:
        """Takes in the next message."""
        if message.id in self._known:
            return
        self._known[message.id] = None
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        of_channel = self._of.setdefault(tenant_id, {}).setdefault(message.channel, {})
        of_channel[message.status] = of_channel.get(message.status, 0) + 1

    def of(self, tenant_id: str, channels: Iterable[Channel]) -> dict[Channel, dict[str, int]]:
        """Returns the counts of a tenant by channel and status, as they are now."""
        found = self._of.get(tenant_id, {})
        return {channel: dict(found.get(channel, {})) for channel in channels}
