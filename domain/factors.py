"""Decides whether a code of a second factor is right, and which of those that were shown count: each once."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from threading import Lock

from msgspec import Struct, field
from pyotp import TOTP

from domain.doors import Call
from domain.lockout import WINDOW, Lockout
from schemas.events import Session, SessionStatus

STEP_S = 30
STEPS_AROUND = 1
"""So many steps before and behind the present one are right, too: clocks differ."""
WRONG_MAX = 5
"""Wrong codes of a factor within a quarter of an hour after which none is good, whatever gateway they were shown to."""
RECOVERY_CODES = 10
WRONG = 0
"""The number of a code that is not right."""
JUDGED_MAX = 10_000
"""What became of the newest records is remembered for whoever wrote them."""
ISSUER = "Auterity"


class Verdict(StrEnum):
    """What became of a code that was shown."""

    GOOD = "good"
    WRONG = "wrong code"
    LOCKED = "too many wrong codes"


class _Used(Struct):
    newest: int = WRONG
    recovery: set[int] = field(default_factory=set)


class Codes:
    """Which codes have been used, by factor. Of two records that show the same code the first one counts.

    One thread adds while others ask.
    """

    def __init__(self) -> None:
        self._used: dict[str, _Used] = {}
        self._wrong = Lockout(WRONG_MAX)
        self._judged: OrderedDict[str, Verdict] = OrderedDict()
        self._turn = Lock()

    def add(self, event: Session) -> None:
        """Takes in a record of a code; one that was taken in a moment ago changes nothing."""
        with self._turn:
            if event.event_id in self._judged:
                return
            self._judged[event.event_id] = verdict = self._judge(event)
            if verdict is Verdict.WRONG:
                self._wrong.failed(event.session, event.occurred_at)
            if len(self._judged) > JUDGED_MAX:
                self._judged.popitem(last=False)

    def _judge(self, event: Session) -> Verdict:
        if self._wrong.wait_s(event.session, event.occurred_at):
            return Verdict.LOCKED
        used = self._used.setdefault(event.session, _Used())
        if event.number > used.newest:
            used.newest = event.number
            return Verdict.GOOD
        if event.number < WRONG and event.number not in used.recovery:
            used.recovery.add(event.number)
            return Verdict.GOOD
        return Verdict.WRONG

    def judged(self, event_id: str) -> Verdict | None:
        """Returns what became of a record, None when it is not known (any more)."""
        with self._turn:
            return self._judged.get(event_id)

    def wait_s(self, factor: str, now: datetime) -> int:
        """Returns how many seconds no code of this factor is good; 0 when one may be."""
        with self._turn:
            return self._wrong.wait_s(factor, now)


def number_of(code: str, secret: str, recovery: Sequence[str], now: datetime) -> int:
    """Returns the time step of a code, below zero for a recovery code, WRONG for one that is not right.

    All are compared, whichever it is. `recovery` are digests of recovery codes, in their order.
    """
    shown, found = plain(code), WRONG
    present, codes = int(now.timestamp()) // STEP_S, TOTP(secret, interval=STEP_S)
    for step in range(present - STEPS_AROUND, present + STEPS_AROUND + 1):
        if compare_digest(codes.generate_otp(step).encode(), shown.encode()):
            found = step
    hashed = digest(code)
    for index, kept in enumerate(recovery):
        if compare_digest(kept, hashed):
            found = -1 - index
    return found


def digest(recovery_code: str) -> str:
    """Returns what is kept of a recovery code: of 80 random bits, which nobody can guess, a plain SHA-256."""
    return sha256(plain(recovery_code).encode()).hexdigest()


def plain(code: str) -> str:
    """Returns a code as it is compared: however it was grouped, and in small letters."""
    return code.replace(" ", "").replace("-", "").lower()


def tried(call: Call, tenant_id: str, user: str, factor: str, number: int, new_id: Callable[[], str]) -> Session:
    """Returns the event that says that a code was shown; from wrong ones to used ones they lie in one order."""
    return Session(
        event_id=new_id(),
        tenant_id=tenant_id,
        correlation_id=call.id,
        causation_id=call.id,
        occurred_at=call.at,
        session=factor,
        user=user,
        number=number,
        status=SessionStatus.TRIED,
        expires_at=call.at + WINDOW,
    )


def uri(secret: str, tenant_id: str, user: str) -> str:
    """Returns what a person's application for codes is told (`otpauth://`)."""
    return TOTP(secret, interval=STEP_S).provisioning_uri(name=f"{user}@{tenant_id}", issuer_name=ISSUER)
