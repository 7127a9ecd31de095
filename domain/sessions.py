"""Decides how long somebody stays logged in: the newest token renews a session, an older one ends it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from domain.doors import Call
from domain.factors import Codes
from domain.ids import derive
from schemas.events import Session, SessionStatus

ACCESS = timedelta(hours=1)
RENEWAL = timedelta(days=7)
LIFE = timedelta(days=30)
"""How long a token opens doors, how long a session can be renewed, and how long at all."""
REUSED = "a token was used twice"
LOGGED_OUT = "logged out"
DEVICES_MAX = 100
"""Of a user that are known, the newest ones."""
FORGET_EVERY = 1000
"""Sessions that have run out are forgotten after so many records."""


class Claims(Struct, frozen=True, kw_only=True):
    """What a genuine token says."""

    tenant_id: str
    user: str
    session: str
    number: int
    """Of the renewal that it was given at."""
    use: Literal["access", "refresh"]
    expires_at: datetime


class Held(Struct, frozen=True):
    """A session as it is now."""

    event_id: str
    """Of the record that began it, or renewed it last."""
    tenant_id: str
    user: str
    number: int
    begun_at: datetime
    renewed_at: datetime
    open: bool = True
    address: str = ""
    """Where it was begun."""
    device: str = ""
    """What it was begun with; without it no token of it is good."""
    epoch: int = 0
    """The user's, of the credentials that it was begun with."""


class Sessions:
    """What has become of every session. Of two records that renew one to the same number the first one counts."""

    def __init__(self) -> None:
        self.codes = Codes()
        """Which codes of second factors were used."""
        self._held: dict[str, Held] = {}
        self._devices: dict[tuple[str, str], list[str]] = {}
        self._added = 0

    def add(self, event: Session) -> None:
        """Takes in a record; one that does not follow from those before it changes nothing."""
        self._added += 1
        if self._added % FORGET_EVERY == 0:
            self._held = {
                name: held for name, held in self._held.items() if held.renewed_at + RENEWAL > event.occurred_at
            }
        before = self._held.get(event.session)
        if event.status is SessionStatus.TRIED:
            self.codes.add(event)
        elif event.status is SessionStatus.ENDED:
            if before is not None and _theirs(before, event.tenant_id, event.user):
                self._held[event.session] = replace(before, open=False)
        elif event.status is SessionStatus.OPEN and _follows(before, event):
            self._held[event.session] = held_by(event, before)
            self._remember(event)

    def any(self) -> bool:
        """Returns whether there is a session that has not run out."""
        return bool(self._held)

    def knows(self, tenant_id: str, user: str, device: str) -> bool:
        """Returns whether this user has begun a session with the device before, or none with any."""
        devices = self._devices.get((tenant_id, user))
        return devices is None or device in devices

    def _remember(self, event: Session) -> None:
        devices = self._devices.setdefault((event.tenant_id, event.user), []) if event.device else []
        if event.device and event.device not in devices:
            devices.append(event.device)
            del devices[:-DEVICES_MAX]

    def get(self, session: str) -> Held | None:
        """Returns the session, None when it is not known (any more)."""
        return self._held.get(session)


def held_by(event: Session, before: Held | None = None) -> Held:
    """Returns the session that this event begins, or renews."""
    if before is not None:
        return replace(before, event_id=event.event_id, number=event.number, renewed_at=event.occurred_at)
    at = event.occurred_at
    return Held(
        event.event_id,
        event.tenant_id,
        event.user,
        event.number,
        at,
        at,
        address=event.address,
        device=event.device,
        epoch=event.epoch,
    )


def _follows(before: Held | None, event: Session) -> bool:
    if before is None:
        return event.number == 0
    return before.open and event.number == before.number + 1 and _theirs(before, event.tenant_id, event.user)


def _theirs(held: Held, tenant_id: str, user: str) -> bool:
    return (held.tenant_id, held.user) == (tenant_id, user)


def doubt(claims: Claims, held: Held | None, now: datetime, epoch: int = 0) -> str:
    """Returns why a token is worth nothing now, empty when it is good; REUSED when somebody has renewed it before.

    Of a session begun with credentials of an earlier epoch of the user's no token is good.
    """
    if held is None or not _theirs(held, claims.tenant_id, claims.user):
        return "unknown session"
    if not held.open:
        return "session has ended"
    if held.epoch < epoch or now >= held.begun_at + LIFE:
        return "session is too old"
    if now >= claims.expires_at:
        return "token is expired"
    if claims.use == "refresh" and claims.number != held.number:
        return REUSED
    return ""


def begun(call: Call, tenant_id: str, user: str, session: str, new_id: Callable[[], str], epoch: int = 0) -> Session:
    """Returns the event that begins a session with credentials of this epoch of the user's."""
    return replace(_said(call, tenant_id, user, session, 0, SessionStatus.OPEN, new_id()), epoch=epoch)


def renewed(call: Call, claims: Claims, new_id: Callable[[], str]) -> Session:
    """Returns the event that renews the session of a refresh token; with an Idempotency-Key always the same one."""
    number = claims.number + 1
    key = call.idempotency_key
    event_id = derive(claims.session, str(number), key) if key is not None else new_id()
    return _said(call, claims.tenant_id, claims.user, claims.session, number, SessionStatus.OPEN, event_id)


def ended(call: Call, session: str, held: Held, reason: str, new_id: Callable[[], str]) -> Session:
    """Returns the event that ends a session."""
    said = _said(call, held.tenant_id, held.user, session, held.number, SessionStatus.ENDED, new_id())
    return replace(said, reason=reason)


def _said(
    call: Call, tenant_id: str, user: str, session: str, number: int, status: SessionStatus, event_id: str
) -> Session:
    return Session(
        event_id=event_id,
        tenant_id=tenant_id,
        correlation_id=call.id,
        causation_id=call.id,
        occurred_at=call.at,
        session=session,
        user=user,
        number=number,
        status=status,
        expires_at=call.at + RENEWAL,
        address=call.address,
        device=call.device,
    )


def claimed(session: str, held: Held, use: Literal["access", "refresh"]) -> Claims:
    """Returns what a token says that is given when the session is begun or renewed."""
    return Claims(
        tenant_id=held.tenant_id,
        user=held.user,
        session=session,
        number=held.number,
        use=use,
        expires_at=held.renewed_at + (ACCESS if use == "access" else RENEWAL),
    )
