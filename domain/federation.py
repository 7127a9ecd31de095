"""Decides whom the word of an identity provider lets in, and as what: pure, and nobody where a doubt is left."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from domain.identity import USER_NAME, Role, User
from schemas.errors import Rejected

SIGN_ON = timedelta(minutes=10)
"""Time that somebody has to log in at the provider."""
SKEW = timedelta(seconds=60)
"""By so much a provider's clock may be ahead of ours, or behind."""
SUBJECT_CHARACTERS_MAX = 255
TITLE_CHARACTERS_MAX = 200
WEB = r"^(https://[^\s/?#@\\]+|http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?)(/[^\s?#\\]*)?\Z"
"""An address without query, and without TLS on this machine only."""
REPLAYED = "this log-in was used before"

Granted = Literal["viewer", "operator", "analyst", "compliance-officer", "admin"]
"""The roles of a tenant: no provider makes admins of the platform."""


class IdentityProvider(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where people of a tenant log in instead, as a definition of the tenant."""

    id: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}\Z")]
    title: str = ""
    protocol: Literal["oidc", "saml"] = "oidc"
    issuer: Annotated[str, Meta(pattern=WEB, max_length=1000)]
    client_id: Annotated[str, Meta(min_length=1, max_length=255)]
    client_secret: str = ""
    """Sealed; empty for a client that has none."""
    metadata: Annotated[str, Meta(max_length=100_000)] = ""
    """What a SAML provider says of itself, its certificates above all; XML."""
    gateway: Annotated[str, Meta(pattern=WEB, max_length=1000)]
    """The address at which browsers reach the gateway's routes."""
    name_claim: Annotated[str, Meta(min_length=1, max_length=200)] = "preferred_username"
    roles_claim: Annotated[str, Meta(min_length=1, max_length=200)] = "groups"
    """What a claim within a claim is called has dots: `realm_access.roles`."""
    roles: Annotated[dict[str, list[Granted]], Meta(min_length=1, max_length=1000)]
    """By a value of the roles' claim; who has none of them is not let in."""
    status: Literal["active", "removed"] = "active"
    added: int = 1
    """How often it has been: who came in before it was removed has to log in again."""


class Pending(Struct, frozen=True, kw_only=True):
    """A log-in that somebody began in this browser, and has not ended yet."""

    tenant_id: str
    provider: str
    state: str
    """Comes back with the answer."""
    nonce: str
    """Comes back in the signed token."""
    verifier: str
    """Proves to the provider that who began it ends it (PKCE)."""
    to_page: bool = False
    """True when the page began it, and is where it ends."""
    expires_at: datetime


class Vouched(Struct, frozen=True, kw_only=True):
    """What a provider says of a person, once it is certain that the provider says it."""

    subject: str
    """Who it is to the provider, for ever."""
    name: str
    title: str = ""
    groups: frozenset[str] = frozenset()


class BadAssertion(Rejected):
    """The document is no answer that can be trusted."""


class Assertion(Struct, frozen=True):
    """What a provider has signed."""

    id: str
    said: Vouched


class Admission(Struct, frozen=True):
    """The user that a person is from now on; None, and why, when nobody is let in."""

    user: User | None
    doubt: str = ""


def pending_doubt(pending: Pending | None, tenant_id: str, provider: str, state: str, now: datetime) -> str:
    """Returns why an answer does not belong to a log-in that this browser began, empty when it does."""
    if pending is None:
        return "no log-in was begun in this browser"
    if (pending.tenant_id, pending.provider) != (tenant_id, provider):
        return "the log-in was begun for another provider"
    if not compare_digest(pending.state.encode(), state.encode()):
        return "the state is another log-in's"
    return "the log-in took too long" if now >= pending.expires_at else ""


def token_doubt(provider: IdentityProvider, claims: Mapping[str, Any], nonce: str, now: datetime) -> str:
    """Returns why an ID token with a genuine signature is worth nothing now, empty when it is good.

    The checks are those of OpenID Connect Core 1.0, section 3.1.3.7.
    """
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    party = claims.get("azp", provider.client_id if len(audiences) == 1 else None)
    said, subject = claims.get("nonce"), claims.get("sub")
    if claims.get("iss") != provider.issuer:
        return "the token's issuer is another one"
    if provider.client_id not in audiences or party != provider.client_id:
        return "the token is for somebody else"
    if not isinstance(said, str) or not compare_digest(said.encode(), nonce.encode()):
        return "the token's nonce is another log-in's"
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_CHARACTERS_MAX:
        return "the token names nobody"
    return _age_doubt(claims, now.timestamp(), SKEW.total_seconds())


def vouched(provider: IdentityProvider, claims: Mapping[str, Any]) -> Vouched:
    """Returns what the claims of a good ID token say of the person; what is of no use is left out."""
    name, title = claims.get(provider.name_claim), claims.get("name")
    return Vouched(
        subject=claims["sub"],
        name=name.lower() if isinstance(name, str) else "",
        title=title[:TITLE_CHARACTERS_MAX] if isinstance(title, str) else "",
        groups=_values(claims, provider.roles_claim),
    )


def admitted(provider: IdentityProvider, said: Vouched, known: User | None) -> Admission:
    """Returns the user that the person is from now on; `known` is the tenant's user of this name.

    The roles are those that the provider's groups give now, and no others. A user that was not made by this very
    person at this very issuer is never taken over.
    """
    if not re.match(USER_NAME, said.name):
        return Admission(None, "the provider gives no name that a user can have")
    if known is not None and (known.issuer, known.subject) != (provider.issuer, said.subject):
        return Admission(None, "the name is somebody else's")
    if known is not None and known.status != "active":
        return Admission(None, f"user is {known.status}")
    given = {role for group, roles in provider.roles.items() if group in said.groups for role in roles}
    roles = [role for role in Role if role.value in given]
    if not roles:
        return Admission(None, "no group of the person gives a role")
    if known is None:
        made = User(
            id=said.name,
            title=said.title,
            roles=roles,
            issuer=provider.issuer,
            subject=said.subject,
            provider_added=provider.added,
        )
        return Admission(made)
    again = known.provider_added != provider.added
    epoch = known.epoch + again
    return Admission(replace(known, title=said.title, roles=roles, provider_added=provider.added, epoch=epoch))


def _age_doubt(claims: Mapping[str, Any], at: float, skew_s: float) -> str:
    if not (_moment(claims.get("exp")) and _moment(claims.get("iat")) and _moment(claims.get("nbf", 0))):
        return "the token does not say when it is good"
    if at >= claims["exp"] + skew_s:
        return "the token is expired"
    return "the token is not good yet" if max(claims["iat"], claims.get("nbf", 0)) > at + skew_s else ""


def _moment(said: Any) -> bool:
    return isinstance(said, int | float) and not isinstance(said, bool) and 0 <= said < 1e11


def _values(claims: Mapping[str, Any], path: str) -> frozenset[str]:
    """Returns the texts of a claim, which may lie in others."""
    found: Any = claims.get(path)
    if found is None:
        found = claims
        for part in path.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    many = found if isinstance(found, list) else [found]
    return frozenset(each for each in many if isinstance(each, str) and each)
