"""Whether who was let in may still be there: looked at again, every few seconds, for as long as a connection lasts."""

from datetime import datetime

import msgspec

from domain.doors import Call
from domain.identity import Permission, Verdict, authorise
from gateway.callers import Shown, verdict_on
from gateway.door import Door


async def looked_at(door: Door, shown: Shown, call: Call, permission: Permission, now: datetime) -> Verdict:
    """Returns whether who has shown this in a call may do so now; raises Unavailable."""
    again = msgspec.structs.replace(call, at=now)
    return authorise(await verdict_on(door.definitions, door.people, shown, again), permission)
