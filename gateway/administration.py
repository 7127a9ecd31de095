"""What the routes of administration share: a change decided by the newest version, once for an Idempotency-Key."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from domain.administration import BadName, BadRole, BadScope, BadTeam, Exists, NotHeld, Unknown
from domain.definitions import canonical, digest
from domain.doors import Call
from domain.identity import Principal
from domain.ids import derive
from domain.trust import RECENT, login_doubt
from gateway.answers import Refusal
from gateway.changes import put
from gateway.door import Door
from schemas.errors import Rejected

USUAL = (400, 401, 403, 404, 408, 409, 413, 422)
Title = Annotated[str, Meta(max_length=200)]
Text = Annotated[str, Meta(max_length=100)]


class Empty(Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing has to be said."""

    tenant_id: Text | None = None


async def change(
    door: Door, call: Call, tenant_id: str, kind: str, name: str, event_id: str, decide: Callable[[], Struct]
) -> bool:
    """Puts what is decided on the log, by what is on it now; returns False when this very call had done so before.

    What cannot be is refused. Of two changes at the same moment one is.
    """
    await door.latest()
    if door.definitions.made(tenant_id, kind, name, event_id) is not None:
        return False
    last = door.definitions.last(tenant_id, kind, name)
    with refusing():
        body = decide()
        made = await put(door, call, tenant_id, kind, body, last, event_id)
    return made is None or made.digest == digest(canonical(msgspec.to_builtins(body)))


def identity(door: Door, call: Call, principal: Principal, *said: Any) -> str:
    """Returns the id of the event that this call makes: the same one for the same call with its Idempotency-Key."""
    if call.idempotency_key is None:
        return door.new_id()
    whole = msgspec.json.encode(said).decode()
    return derive(principal.tenant_id, principal.id, call.route, call.idempotency_key, whole)


def check_own(principal: Principal, tenant_id: str | None) -> None:
    """Refuses a body that names another tenant."""
    if tenant_id not in (None, principal.tenant_id):
        raise Refusal(422, "the body names another tenant than the caller's")


def check_logged_in(door: Door, call: Call, principal: Principal) -> None:
    """Refuses, with `reauthenticate`, whoever has not logged in lately: for what outlasts a token that was stolen."""
    held = door.people.sessions.get(principal.session)
    if doubt := login_doubt(principal, held.begun_at if held is not None else None, call.at):
        raise Refusal(403, doubt, reauthenticate={"max_age_s": int(RECENT.total_seconds())})


@contextmanager
def refusing() -> Iterator[None]:
    """Refuses what the deciders refuse, with a status of its own.

    The call is on the log with its reason, so what was typed is not repeated: it may be a secret in the wrong place.
    """
    try:
        yield
    except Rejected as error:
        statuses = ((Unknown, 404), (Exists, 409), (NotHeld, 403))
        status = next((status for kind, status in statuses if isinstance(error, kind)), 422)
        typed = isinstance(error, (Unknown, Exists, BadName, BadRole, BadScope, BadTeam))
        raise Refusal(status, (error.__doc__ or "").rstrip(".") if typed else str(error)) from error
