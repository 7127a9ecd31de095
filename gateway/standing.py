"""Whether who was let in may still be there: looked at again, every few seconds, for as long as a connection lasts."""

from datetime import datetime

from domain.identity import Permission, Presented, Verdict, authorise, identify, person, presented
from domain.sessions import Claims
from gateway.door import TOKEN_DOTS, Door

Shown = Presented | Claims
"""What a connection was opened with, taken apart."""


def shown_by(door: Door, credentials: str) -> Shown | None:
    """Returns what a caller shows who has been let in with it; raises BadToken."""
    return door.people.tokens.read(credentials) if credentials.count(".") == TOKEN_DOTS else presented(credentials)


async def looked_at(door: Door, shown: Shown, permission: Permission, now: datetime) -> Verdict:
    """Returns whether who has shown this may do so now; raises Unavailable."""
    active = door.active(shown.tenant_id)
    if isinstance(shown, Presented):
        known = door.definitions.key(shown.tenant_id, shown.key_id)
        return authorise(identify(shown, known, active, now), permission)
    user = door.definitions.user(shown.tenant_id, shown.user)
    doubt = await door.people.doubt(shown, user, now)
    return authorise(person(shown.tenant_id, user, active, doubt, shown.session), permission)
