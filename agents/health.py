"""What this worker knows of models: how their attempts ended, and which are not asked for a while."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from domain import breakers, model_history
from domain.breakers import Attempted, Breaker, Outcome, Status, Transition
from domain.identity import PLATFORM
from domain.ids import derive
from domain.model_history import Evidence, History
from domain.models import LOCAL
from schemas.errors import Undecodable
from schemas.events import AiCall, Alert, AlertKind, CallStatus, Event, Severity
from streams.stage import Tools

TAIL = 300
"""Records of each partition that are read at the start: what became of the latest attempts."""
OUTCOMES = {
    CallStatus.STARTED: Outcome.STARTED,
    CallStatus.COMPLETED: Outcome.SUCCEEDED,
    CallStatus.ATTEMPT_FAILED: Outcome.FAILED,
    CallStatus.IN_DOUBT: Outcome.ABANDONED,
}
KINDS = {
    Status.OPEN: (AlertKind.BREAKER_OPENED, Severity.WARNING),
    Status.HALF_OPEN: (AlertKind.BREAKER_HALF_OPEN, Severity.INFO),
    Status.CLOSED: (AlertKind.BREAKER_CLOSED, Severity.INFO),
}


class Health:
    """The history and the breakers of all models, folded from `ai-calls`: its end at the start, then what this worker
    says. What other workers say meanwhile is not heard until the next start."""

    def __init__(self, tools: Tools, source: str) -> None:
        self._tools = tools
        self._source = f"{source} of {tools.place.folder.name}"
        self._history = History()
        self._breakers: dict[str, Breaker] = {}
        self._seed: asyncio.Task[None] | None = None

    async def seeded(self) -> None:
        """Returns when the end of the log has been taken in; raises Unavailable."""
        if self._seed is None or (self._seed.done() and self._seed.exception() is not None):
            self._seed = asyncio.create_task(asyncio.to_thread(self._read))
        await asyncio.shield(self._seed)

    def evidence(self) -> dict[str, Evidence]:
        """Returns what is known of each model."""
        return self._history.evidence()

    def open(self, now: datetime) -> frozenset[str]:
        """Returns the models that are not asked now."""
        return frozenset(model for model, each in self._breakers.items() if not breakers.may_ask(each, now))

    def take(self, said: Sequence[Event]) -> list[Alert]:
        """Takes in moments of attempts, and returns what people ought to know."""
        alerts = []
        for event in said:
            if not isinstance(event, AiCall) or event.model == LOCAL:
                continue
            self._history = model_history.after(self._history, event)
            if (outcome := OUTCOMES.get(event.status)) is None or event.attempt < 1:  # no model was asked
                continue
            moment = Attempted(attempt_id=f"{event.call_id}:{event.attempt}", outcome=outcome, at=event.occurred_at)
            known = self._breakers.get(event.model, Breaker())
            self._breakers[event.model], changed = breakers.after(known, moment)
            if changed is not None:
                alerts.append(self._alert(event, changed))
        return alerts

    def _alert(self, event: AiCall, changed: Transition) -> Alert:
        kind, severity = KINDS[changed.after]
        return Alert(
            event_id=derive(event.event_id, self._source, kind),
            tenant_id=PLATFORM,
            correlation_id=event.correlation_id,
            causation_id=event.event_id,
            occurred_at=changed.at,
            kind=kind,
            severity=severity,
            subject=event.model,
            source=self._source,
            reason=changed.reason,
            until=changed.until if changed.after is Status.OPEN else None,
        )

    def _read(self) -> None:
        found = []
        for partition, end in self._tools.reader.ends("ai-calls").items():
            for records in self._tools.reader.read("ai-calls", partition, max(0, end - TAIL), end):
                for record in records:
                    try:
                        found.append(self._tools.codec.decode(record))
                    except Undecodable:  # it is a dead letter of the stage's
                        continue
        self.take(sorted((each for each in found if isinstance(each, AiCall)), key=lambda each: each.occurred_at))
