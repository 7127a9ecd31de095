"""The refresh token of a page's session, in a cookie that no script can read.

A page asks for it with a header of its own, which no page of another site can send: the browser would have to ask us
first, and is not answered. Besides, the cookie stays with this site (SameSite), and another origin is refused.
"""

from collections.abc import Mapping

import msgspec
from fastapi import Request

from domain.sessions import RENEWAL
from gateway.answers import Done, Refusal
from gateway.bodies import BadBody
from gateway.door import PREFIX

HEADER, ASKED = "auterity-session", "cookie"
COOKIE = "auterity-session"
PATH = f"{PREFIX}/auth"
"""The cookie goes nowhere else."""
PAGE = "/app/signed-in"
"""The page's own address for who comes back from a provider."""


def asked(request: Request) -> bool:
    """Returns whether the caller wants its refresh token in the cookie; refuses a page of another origin."""
    if request.headers.get(HEADER) != ASKED:
        return False
    origin, host = request.headers.get("origin"), request.headers.get("host", "")
    if origin is not None and origin.partition("://")[2] != host:
        raise Refusal(403, "this origin may not use the cookie")
    return True


def renewal_of(request: Request, said: str | None) -> str:
    """Returns the refresh token of a call: that of its body, else, for who asks for it, that of the cookie."""
    if said is not None:
        return said
    if not asked(request):
        raise BadBody("the body is not what the contract says")
    return request.cookies.get(COOKIE, "")


def kept(request: Request, done: Done) -> Done:
    """Returns the answer with its refresh token in the cookie, where that was asked for."""
    return in_cookie(request, done) if asked(request) else done


def in_cookie(request: Request, done: Done, shown: bool = True) -> Done:
    """Returns the answer with its refresh token in the cookie, not in the document, which is empty unless `shown`."""
    document = {name: each for name, each in done.document.items() if shown and name != "refresh_token"}
    cookie = _cookie(request, done.document["refresh_token"], int(RENEWAL.total_seconds()))
    return msgspec.structs.replace(done, document=document, headers={**done.headers, "Set-Cookie": cookie})


def forgotten(request: Request) -> Mapping[str, str]:
    """Returns the header that has the browser forget the cookie."""
    return {"Set-Cookie": _cookie(request, "", 0)} if asked(request) else {}


def _cookie(request: Request, value: str, age_s: int) -> str:
    origin = request.headers.get("origin", "").partition(":")[0]  # of a page whose TLS ends in front of us
    secure = "; Secure" if "https" in (request.url.scheme, origin) else ""
    return f"{COOKIE}={value}; Max-Age={age_s}; Path={PATH}; HttpOnly; SameSite=Strict{secure}"
