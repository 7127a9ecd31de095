"""What a call comes to: an answer, or a refusal."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from fastapi import Response
from msgspec import Struct

from domain.doors import Call, Fact
from domain.identity import Verdict
from domain.limits import Standing
from domain.log_position import PLACES_MAX, LogPosition
from gateway.bodies import Unreadable
from gateway.limits import TooMany
from gateway.problems import refused
from schemas.events import CallOutcome, Event
from schemas.record import Outgoing

RETRY_AFTER_S = 1
AGE_MAX_S = 30.0
"""So long a gateway that hears nothing of Kafka decides by what it knows: who may come in, and who no more."""
KEY_CHARACTERS_MAX = 200
"""Of an Idempotency-Key."""
OUTCOMES = {
    401: CallOutcome.UNAUTHENTICATED,
    403: CallOutcome.FORBIDDEN,
    429: CallOutcome.LIMITED,
    500: CallOutcome.FAILED,
    503: CallOutcome.FAILED,
}
"""Of a refusal, by its status; REFUSED for all others."""


class Done(Struct, frozen=True):
    """What a call comes to: the records to write, and the answer to give once they are on the log."""

    document: dict[str, Any]
    records: Sequence[Outgoing] = ()
    status: int = 202
    fact: Fact | None = None
    """What the call's own event says of it."""
    headers: Mapping[str, str] = {}
    finish: Callable[[], Awaitable[None]] | None = None
    """What is done when the call is on the log, and before it is answered."""
    undo: Callable[[], Awaitable[None]] | None = None
    """What is done when the log did not take the call, and before that is answered; raises nothing."""
    answer: Response | None = None
    """Instead of the document."""


class Refusal(Exception):
    """The call is refused; `letters` are written all the same, `more` are members of the problem that is answered."""

    def __init__(self, status: int, detail: str, letters: Sequence[Event] = (), **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.letters = letters
        self.more = more
        self.retry_after_s = RETRY_AFTER_S


class Unfinished(Exception):
    """What the log says was not done."""


UNAVAILABLE = Refusal(503, "not now; sent again with the same Idempotency-Key it is taken once")


class Known:
    """Who is known to call, as far as a call has come."""

    def __init__(self) -> None:
        self.verdict = Verdict(None)
        self.standings: list[Standing] = []
        """Of the limits that the call was counted for."""
        self.accepted = False
        """Whether the log has it as accepted."""


def position(behind: Mapping[tuple[str, int], int], done: Done) -> dict[str, str]:
    """Returns what a caller is told of where on the log it wrote, to read what it wrote."""
    return {"position": LogPosition(behind).encode()} if done.status == 202 and len(behind) <= PLACES_MAX else {}


def check_key(call: Call) -> None:
    """Refuses a call whose Idempotency-Key is too long."""
    if len(call.idempotency_key or "") > KEY_CHARACTERS_MAX:
        raise Refusal(400, f"an Idempotency-Key of more than {KEY_CHARACTERS_MAX} characters")


def told(verdict: Verdict) -> str:
    """Returns what a caller is told of a refusal: not why its credentials are none."""
    return "no valid credentials" if verdict.status == 401 else verdict.reasons[-1]


def refusal_of(error: Exception) -> Refusal:
    """Returns what is answered when this stood in the way."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, TooMany):
        return over(error)
    return Refusal(error.status, str(error)) if isinstance(error, Unreadable) else UNAVAILABLE


def over(met: TooMany) -> Refusal:
    """Returns the refusal of a call that is one too many."""
    refusal = Refusal(met.status, str(met), **met.more)
    refusal.retry_after_s = met.retry_after_s
    return refusal


def answered(counted: str, refusal: Refusal) -> Response:
    said = {"correlation_id": counted, **refusal.more}
    return refused(refusal.status, refusal.detail, refusal.retry_after_s, **said)
