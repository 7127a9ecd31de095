"""What people prove themselves with: a password, and a code of the second factor. Guesses are counted first."""

import secrets

import msgspec
from msgspec import Struct
from pyotp import random_base32

from domain import factors
from domain.doors import Call
from domain.factors import Verdict as Judged
from domain.identity import PLATFORM, Factor, Principal, User, Verdict, person
from gateway.answers import Known, Refusal, told
from gateway.door import SOURCE, Door
from gateway.passwords import Busy
from gateway.sealing import Sealing
from schemas.errors import Unavailable

TOTP, RECOVERY = "totp", "recovery"
RECOVERY_BYTES = 10


class Enrolment(Struct, frozen=True):
    """A second factor as it is made; the secret is shown now, and never again."""

    factor: Factor
    secret: str


async def password(door: Door, call: Call, tenant_id: str, name: str, shown: str, known: Known) -> User:
    """Returns the user whose password this is, and says so of the caller; raises Refusal, and Busy.

    The try counts as failed for the name until `went_well`. Who is known without it, and shows it once more, is told
    that it is the password.
    """
    people, more = door.people, {"needs": "password"} if known.verdict.allowed else {}
    if wait_s := people.try_now(tenant_id, name, call.address, call.at):
        known.verdict = Verdict(known.verdict.principal, [_named(door, tenant_id, name)], 401)
        raise waiting("too many failed attempts", wait_s)
    user = door.definitions.user(tenant_id, name)
    try:
        genuine = await people.passwords.genuine(tenant_id, name, user.password if user is not None else "", shown)
    except Busy:
        people.not_looked_at(tenant_id, name, call.address)
        raise
    if door.definitions.user(tenant_id, name) != user:
        genuine = False  # changed meanwhile: what was looked at is worth nothing any more
    doubt = "" if genuine else "wrong password"
    verdict = person(tenant_id, user, door.active(tenant_id), doubt, second_factor=door.second_factor(tenant_id))
    if not verdict.allowed or user is None:
        doubts = [*verdict.reasons, _named(door, tenant_id, name)]
        known.verdict = Verdict(known.verdict.principal, doubts, verdict.status)
        raise Refusal(verdict.status, told(verdict), (), **more)
    known.verdict = verdict
    people.right_password(tenant_id, name, call.address)
    return user


async def code(door: Door, call: Call, tenant_id: str, user: User, factor: Factor, shown: str, known: Known) -> None:
    """Returns when the code is right and this call is the first on the log to show it; raises Refusal.

    Wrong ones lie on the log, too: they are counted there, for all gateways.
    """
    known.verdict = doubtful(tenant_id, user, "wrong code")
    codes = door.people.sessions.codes
    if wait_s := codes.wait_s(factor.id, call.at):
        raise waiting("too many wrong codes", wait_s)
    number = _number(door.people.passwords.sealing, tenant_id, user.id, factor, shown, call)
    event = factors.tried(call, tenant_id, user.id, factor.id, number, door.new_id)
    await door.publisher.publish([door.codec.encode(event, SOURCE)])
    await door.people.catch_up()
    judged = codes.judged(event.event_id)
    if judged is None:
        raise Unavailable("what became of a code is not known")
    if judged is Judged.LOCKED:
        raise waiting("too many wrong codes", max(1, codes.wait_s(factor.id, call.at)))
    if judged is not Judged.GOOD:
        raise Refusal(401, "the code is not good, or was used before", needs="code")
    known.verdict = person(tenant_id, user, door.active(tenant_id), "", second_factor=door.second_factor(tenant_id))


def doubtful(tenant_id: str, user: User, doubt: str) -> Verdict:
    """Returns the verdict on somebody whose password was right, and whose second factor was not shown."""
    return Verdict(Principal(tenant_id, f"user/{user.id}"), [doubt], 401)


def waiting(why: str, wait_s: int) -> Refusal:
    """Returns the refusal of somebody who guesses."""
    refusal = Refusal(429, why)
    refusal.retry_after_s = wait_s
    return refusal


def enrolment(sealing: Sealing, tenant_id: str, user: str, factor_id: str) -> Enrolment:
    """Returns a new factor that nobody has shown a code of yet."""
    secret = random_base32()
    sealed = sealing.seal(TOTP, tenant_id, user, factor_id, content=secret.encode())
    return Enrolment(Factor(id=factor_id, secret=sealed), secret)


def confirmed(sealing: Sealing, tenant_id: str, user: str, factor: Factor) -> tuple[Factor, list[str]]:
    """Returns the factor as it counts from now on, and its recovery codes, which are kept nowhere."""
    made = [_grouped(secrets.token_hex(RECOVERY_BYTES)) for _ in range(factors.RECOVERY_CODES)]
    whose = (RECOVERY, tenant_id, user, factor.id)
    sealed = [sealing.seal(*whose, content=factors.digest(each).encode()) for each in made]
    return msgspec.structs.replace(factor, recovery=sealed, status="active"), made


def _number(sealing: Sealing, tenant_id: str, user: str, factor: Factor, shown: str, call: Call) -> int:
    secret = sealing.opened(TOTP, tenant_id, user, factor.id, sealed=factor.secret)
    kept = [sealing.opened(RECOVERY, tenant_id, user, factor.id, sealed=each) for each in factor.recovery]
    if secret is None or None in kept:
        return factors.WRONG  # sealed with another key, as the password would be
    return factors.number_of(shown, secret.decode(), [each.decode() for each in kept if each is not None], call.at)


def _grouped(code_text: str) -> str:
    return "-".join(code_text[place : place + 5] for place in range(0, len(code_text), 5))


def _named(door: Door, tenant_id: str, name: str) -> str:
    """Returns who was meant, for an auditor who counts guesses: nothing as it was typed, unless it names a tenant."""
    there = tenant_id if tenant_id == PLATFORM or door.definitions.tenant(tenant_id) is not None else "no tenant"
    return f"tried {there}/{door.people.passwords.sealing.digest(tenant_id, name)}"
