"""Attacks on authentication: what somebody sends who wants in and should not get in."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from hmac import digest
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from gateway_calls import PASSWORD, SAID, SIGNING
from hook_calls import HOOK, signed
from joserfc import jwt
from joserfc.jwk import ECKey
from msgspec import Struct

from runtime.secrets import signing_key
from tests.gateway.caller import request
from tests.gateway.conftest import SECRET, SIGNED_WITH, WEBHOOKS, key

VERIFY, EVENTS, LOGIN, REFRESH = "/api/v1/auth/verify", "/api/v1/events/business-events", "/auth/login", "/auth/refresh"
GENUINE = key("acme", "w").text
THEIRS = {**SAID, "tenant_id": "other"}


class Booty(Struct, frozen=True):
    """What attackers got hold of: tokens as the gateway gave them."""

    access: str
    """Of acme's operator."""
    refresh: str
    renewed: str
    """A refresh token that was used."""
    ended: str
    """An access token of a session that is over."""
    other: str
    """An access token of the other tenant's admin."""


class Attack(Struct, frozen=True):
    """One try; `request` makes its bytes of the booty."""

    name: str
    request: Callable[[Booty], bytes]

    def __str__(self) -> str:
        return self.name


def attacks() -> list[Attack]:
    """Returns all of them; each has a name of its own."""
    groups = (_metacharacters(), _keys(), _tokens(), _headers(), _paths(), _roles(), _signatures(), _lines())
    return [attack for group in groups for attack in group]


def claimed(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns head and claims of a token."""
    head, claims, _ = (
        json.loads(_unpacked(part)) if number < 2 else {} for number, part in enumerate(token.split("."))
    )
    return head, claims


def _get(headers: Mapping[str, str], path: str = VERIFY) -> bytes:
    return request("GET", path, {**headers, "Connection": "close"})


def _post(path: str, body: Any, headers: Mapping[str, str] | None = None) -> bytes:
    return request("POST", path, {**(headers or {}), "Connection": "close"}, body)


def _attack(name: str, content: bytes) -> Attack:
    return Attack(name, lambda _: content)


STRANGE = {
    "quote": "' OR '1'='1",
    "comment": "w'--",
    "union": "' UNION SELECT digest FROM keys--",
    "drop": "'; DROP TABLE keys;--",
    "wildcard": "%",
    "star": "*",
    "regex": ".*",
    "template": "{{7*7}}${7*7}",
    "shell": "$(id)`id`|id",
    "ldap": "*)(uid=*))(|(uid=*",
    "nosql": '{"$ne":null}',
    "traversal": "../../platform",
    "entity": "&#x61;cme",
}
LOOK_ALIKES = {
    "cyrillic": "аcme",
    "fullwidth": "ａｃｍｅ",
    "zero width": "ac\u200bme",
    "right to left": "\u202eemca",
    "combining": "acme\u0301",
}


def _metacharacters() -> Iterator[Attack]:
    """Strange text in each part of a key, and in each field of a log-in."""
    for name, text in STRANGE.items():
        for part, shown in {
            "secret": f"auterity.acme.{'w' * 16}.{text}",
            "id": f"auterity.acme.{text}.{SECRET}",
            "tenant": f"auterity.{text}.{'w' * 16}.{SECRET}",
        }.items():
            yield _attack(f"{name} as the {part} of a key", _get({"X-API-Key": shown}))
        said = {"tenant": "acme", "name": "admin", "password": PASSWORD}
        for field in said:
            if name in ("quote", "union", "wildcard", "nosql", "traversal") or field == "name":
                yield _attack(f"{name} as the {field} of a log-in", _post(LOGIN, {**said, field: text}))
    for name, text in LOOK_ALIKES.items():
        yield _attack(
            f"{name} tenant of a key",
            _get({"X-API-Key": f"auterity.{text}.{'w' * 16}.{SECRET}"}).replace(b"?", b"\xc3\xa4"),
        )
        yield _attack(
            f"{name} tenant of a log-in", _post(LOGIN, {"tenant": text, "name": "admin", "password": PASSWORD})
        )
    for name, body in {
        "a list as the password": {"tenant": "acme", "name": "admin", "password": [PASSWORD]},
        "an object as the name": {"tenant": "acme", "name": {"$gt": ""}, "password": PASSWORD},
        "true as the password": {"tenant": "acme", "name": "admin", "password": True},
        "null as the password": {"tenant": "acme", "name": "admin", "password": None},
        "no password": {"tenant": "acme", "name": "admin"},
        "one more field": {"tenant": "acme", "name": "admin", "password": PASSWORD, "roles": ["admin"]},
        "a longer name": {"tenant": "acme", "name": "admin" * 100, "password": PASSWORD},
        "a NUL in the name": {"tenant": "acme", "name": "admin\0", "password": PASSWORD},
        "spaces around the name": {"tenant": "acme", "name": " admin ", "password": PASSWORD},
        "the name in capitals": {"tenant": "acme", "name": "ADMIN", "password": PASSWORD},
        "a suspended user": {"tenant": "acme", "name": "away", "password": PASSWORD},
        "a user of a suspended tenant": {"tenant": "gone", "name": "admin", "password": PASSWORD},
        "the platform's admin in a tenant": {"tenant": "acme", "name": "platform-admin", "password": PASSWORD},
        "a one-time password as it is": {"tenant": "acme", "name": "new", "password": PASSWORD},
    }.items():
        yield _attack(f"{name} at a log-in", _post(LOGIN, body))


def _keys() -> Iterator[Attack]:
    """Keys that are nearly one, or one of somebody else, and places that are none for a key."""
    w = "w" * 16
    for name, shown in {
        "expired": key("acme", "x").text,
        "revoked": key("acme", "v").text,
        "unknown": key("acme", "n").text,
        "of nobody's tenant": key("nobody", "w").text,
        "of the platform": key("platform", "w").text,
        "of a suspended tenant": key("gone", "w").text,
        "cut at the end": GENUINE[:-1],
        "cut at the beginning": GENUINE[1:],
        "with one more letter": GENUINE + "s",
        "padded with =": GENUINE + "=",
        "with a dot": GENUINE + ".",
        "with a comma and another": GENUINE + ", " + GENUINE,
        "with a semicolon": GENUINE + ";",
        "with a quote around": f'"{GENUINE}"',
        "with a space within": GENUINE.replace(".", ". "),
        "with a tab within": GENUINE.replace(".", "\t."),
        "in capitals": GENUINE.upper(),
        "with a capital prefix": GENUINE.replace("auterity", "Auterity"),
        "with another prefix": GENUINE.replace("auterity", "authority"),
        "without its secret": f"auterity.acme.{w}.",
        "without its id": f"auterity.acme..{SECRET}",
        "without a tenant": f"auterity..{w}.{SECRET}",
        "of dots": "...",
        "with its digest": f"auterity.acme.{w}.{sha256(SECRET.encode()).hexdigest()}",
        "with the digest of nothing": f"auterity.acme.nobody.{sha256(b'').hexdigest()}",
        "with the secret that nobody has": "auterity.acme.nobody.-",
        "in base64": b64encode(GENUINE.encode()).decode(),
        "percent-encoded": GENUINE.replace(".", "%2e"),
        "escaped": GENUINE.replace(".", "\\u002e"),
        "with other dots": GENUINE.replace(".", "·"),
        "twice as long": GENUINE * 2,
        "of 60,000 letters": "auterity.acme." + "w" * 60_000 + "." + SECRET,
        "with the longest secret": GENUINE + "s" * 60_000,
        "of one letter": "a",
        "of null": "null",
        "of undefined": "undefined",
        "of an object": '{"key":"x"}',
        "of true": "true",
    }.items():
        yield _attack(f"a key {name}", _get({"X-API-Key": shown}))
    encoded = b64encode(GENUINE.encode()).decode()
    user = b64encode(f"admin:{PASSWORD}".encode()).decode()
    for name, headers in {
        "Basic": {"Authorization": f"Basic {encoded}"},
        "Basic with a password": {"Authorization": f"Basic {user}"},
        "no scheme": {"Authorization": GENUINE},
        "Token": {"Authorization": f"Token {GENUINE}"},
        "Bearer without a space": {"Authorization": f"Bearer{GENUINE}"},
        "Bearer twice": {"Authorization": f"Bearer Bearer {GENUINE}"},
        "a cookie": {"Cookie": f"key={GENUINE}; X-API-Key={GENUINE}; access_token={GENUINE}"},
        "Proxy-Authorization": {"Proxy-Authorization": f"Bearer {GENUINE}"},
        "X-Api-Token": {"X-Api-Token": GENUINE},
        "X_API_KEY": {"X_API_KEY": GENUINE},
        "Api-Key": {"Api-Key": GENUINE},
        "Referer": {"Referer": f"http://gateway/?key={GENUINE}"},
    }.items():
        yield _attack(f"a key by {name}", _get(headers))
    yield _attack("a key in the query", _get({}, f"{VERIFY}?key={GENUINE}&api_key={GENUINE}&access_token={GENUINE}"))
    yield _attack("a key in the path", _get({}, f"{VERIFY}/{GENUINE}"))
    yield _attack("a key in the user of the address", _get({}, f"http://{GENUINE}@gateway{VERIFY}"))
    yield _attack("a key in the body", _post(EVENTS, {**SAID, "key": GENUINE}))
    dead = key("acme", "x").text
    yield _attack("a dead Bearer before a key", _get({"Authorization": f"Bearer {dead}", "X-API-Key": GENUINE}))
    for name, first, second in (("dead, then genuine", dead, "n"), ("two that are dead", dead, "v")):
        lines = (
            f"GET {VERIFY} HTTP/1.1\r\nHost: gateway\r\nX-API-Key: {first}\r\nX-API-Key: {key('acme', second).text}\r\n"
        )
        yield _attack(f"two keys: {name}", f"{lines}Connection: close\r\n\r\n".encode())


def _tokens() -> Iterator[Attack]:
    """Tokens that somebody has made, changed, kept for too long, or shows where they do not belong."""

    def bearer(name: str, make: Callable[[Booty], str]) -> Attack:
        return Attack(f"a token {name}", lambda booty: _get({"Authorization": f"Bearer {make(booty)}"}))

    def made(name: str, head: Mapping[str, Any], claims: Mapping[str, Any], signed: Callable[[bytes], bytes]) -> Attack:
        def make(booty: Booty) -> str:
            old_head, old_claims = claimed(booty.access)
            new_head = {**old_head, **head}
            said = (
                _packed({k: v for k, v in new_head.items() if v is not ...})
                + b"."
                + _packed({k: v for k, v in {**old_claims, **claims}.items() if v is not ...})
            )
            return (said + b"." + _encoded(signed(said))).decode()

        return bearer(name, make)

    def es256(by: dict[str, Any]) -> Callable[[bytes], bytes]:
        signing = ECKey.import_key(by)

        def signed(said: bytes) -> bytes:
            from joserfc.jws import JWSRegistry

            return JWSRegistry.algorithms["ES256"].sign(said, signing)

        return signed

    public = ECKey.import_key(SIGNING)
    pem = public.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = public.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    shown = {name: SIGNING[name] for name in ("kty", "crv", "x", "y")}
    foreign = signing_key()
    ours, theirs = es256(SIGNING), es256({**foreign, "kid": SIGNING["kid"]})
    admin = {"sub": "admin"}
    for none in ("none", "None", "NONE", "nOnE", "", "null"):
        yield made(f"of alg {none!r}", {"alg": none}, admin, lambda _: b"")
        yield made(f"of alg {none!r} with a signature", {"alg": none}, admin, ours)
    yield made("without alg", {"alg": ...}, admin, lambda _: b"")
    yield made("of alg null", {"alg": None}, admin, lambda _: b"")
    yield made("of two algs", {"alg": ["none", "ES256"]}, admin, lambda _: b"")
    for name, secret in {
        "the public key (PEM)": pem,
        "the public key (PEM, stripped)": pem.strip(),
        "the public key (DER)": der,
        "the public key (JWK)": json.dumps(shown).encode(),
        "the x of the public key": SIGNING["x"].encode(),
        "the kid": SIGNING["kid"].encode(),
        "nothing": b"",
        "secret": b"secret",
    }.items():
        yield made(f"of HS256 with {name}", {"alg": "HS256"}, admin, lambda said, by=secret: digest(by, said, "sha256"))
    for alg in ("HS384", "HS512", "RS256", "PS256", "ES384", "ES512", "ES256K", "EdDSA"):
        yield made(
            f"that says it is {alg}",
            {"alg": alg},
            {},
            ours if alg[0] == "E" else lambda said: digest(pem, said, "sha256"),
        )
    for name, kid in {
        "of nobody": "nobody",
        "of a file": "../../../dev/null",
        "of a device": "/dev/null",
        "of SQL": "x' UNION SELECT 'secret'--",
        "of a shell": "key;id|id",
        "of an address": "http://127.0.0.1/key.json",
        "of nothing": "",
        "of null": None,
        "of a number": 0,
        "of a list": [SIGNING["kid"]],
        "of an object": {"kid": SIGNING["kid"]},
        "of NUL": SIGNING["kid"] + "\0",
        "that is left out": ...,
    }.items():
        yield made(f"with a kid {name}, signed by another key", {"kid": kid}, admin, theirs)
    strange = {name: foreign[name] for name in ("kty", "crv", "x", "y")}
    yield made("with its own key (jwk)", {"jwk": strange}, admin, theirs)
    yield made("with the address of its key (jku)", {"jku": "http://127.0.0.1/keys.json"}, admin, theirs)
    yield made("with the address of its certificate (x5u)", {"x5u": "http://127.0.0.1/cert.pem"}, admin, theirs)
    yield made("with its certificate (x5c)", {"x5c": [b64encode(der).decode()]}, admin, theirs)
    yield made("with something critical", {"crit": ["exp"], "exp": 1}, {}, ours)
    yield made("that is compressed", {"zip": "DEF"}, admin, theirs)
    yield made("signed by another key", {}, {}, theirs)
    for name, signature in {
        "empty": b"", "zero": bytes(64), "of ones": b"\xff" * 64, "short": bytes(63), "long": bytes(65),
        "in DER": bytes.fromhex("3006020101020101"),
    }.items():  # fmt: skip
        yield made(f"whose signature is {name}", {}, admin, lambda _, kept=signature: kept)
    for name, claims in {
        "an admin": admin,
        "another tenant": {"tid": "other"},
        "the platform": {"tid": "platform", "sub": "admin"},
        "more roles": {"roles": ["admin"], "permissions": ["*"], "scope": "*"},
        "a later end": {"exp": 4102444800},
    }.items():
        kept: Callable[[bytes], bytes] = lambda _: bytes(64)  # noqa: E731
        yield made(f"changed to {name}", {}, claims, kept)
    for name, claims in {
        "expired": {"exp": 1},
        "expired before time began": {"exp": -1},
        "with an end as text": {"exp": "4102444800"},
        "with an end beyond all time": {"exp": 10**18},
        "with an end that is no number": {"exp": None},
        "with an end in fractions": {"exp": 4102444800.5},
        "without an end": {"exp": ...},
        "of another issuer": {"iss": "somebody"},
        "of two issuers": {"iss": ["auterity", "x"]},
        "without an issuer": {"iss": ...},
        "without a session": {"sid": ...},
        "of a session that is none": {"sid": "01999999-0000-7000-8000-000000000000"},
        "of no session": {"sid": ""},
        "of a list of sessions": {"sid": []},
        "of another tenant's session": {"tid": "other"},
        "of the platform's tenant": {"tid": "platform"},
        "of another user's session": {"sub": "admin"},
        "of a user with a NUL": {"sub": "operator\0"},
        "without a user": {"sub": ...},
        "with a number as text": {"num": "0"},
    }.items():
        yield made(f"signed by us: {name}", {}, claims, ours)
    for typ in ("rt+jwt", "JWT", "", None, ...):
        yield made(f"signed by us: of type {typ!r}", {"typ": typ}, {}, ours)
    yield bearer("to renew, to open", lambda booty: booty.refresh)
    yield bearer("of a session that is over", lambda booty: booty.ended)
    yield bearer("cut", lambda booty: booty.access[:-1])
    yield bearer("with one more letter", lambda booty: booty.access + "A")
    yield bearer("with one more part", lambda booty: booty.access + ".A")
    yield bearer("without its signature", lambda booty: booty.access.rpartition(".")[0] + ".")
    yield bearer("with a space", lambda booty: booty.access.replace(".", " ."))
    yield bearer("in capitals", lambda booty: booty.access.upper())
    yield bearer("with the claims of another", lambda booty: _crossed(booty.access, booty.other))
    yield bearer("of empty parts", lambda _: "..")
    yield bearer("of dots and letters", lambda _: "a.b.c")
    yield bearer("of five parts (JWE)", lambda booty: booty.access + ".a.b")
    yield bearer("of 60,000 letters", lambda booty: booty.access.replace(".", "." + "A" * 60_000, 1))
    yield bearer("of JSON", lambda _: json.dumps({"payload": "e30", "signatures": []}))
    yield Attack("a token in the query", lambda booty: _get({}, f"{VERIFY}?access_token={booty.access}"))
    yield Attack("a token in a cookie", lambda booty: _get({"Cookie": f"access_token={booty.access}"}))
    yield Attack("a token by Basic", lambda booty: _get({"Authorization": f"Basic {booty.access}"}))
    yield Attack("a token as a key", lambda booty: _get({"X-API-Key": f"auterity.acme.{booty.access}"}))
    for name, renewal in {
        "a refresh token that was used": lambda booty: booty.renewed,
        "an access token, to renew": lambda booty: booty.access,
        "an access token of type rt+jwt": lambda booty: _retyped(booty.access, "rt+jwt"),
        "a refresh token that is cut": lambda booty: booty.refresh[:-2],
        "a key, to renew": lambda _: GENUINE,
        "nothing, to renew": lambda _: "",
    }.items():
        yield Attack(name, lambda booty, shown=renewal: _post(REFRESH, {"refresh_token": shown(booty)}))


def _headers() -> Iterator[Attack]:
    """Headers that some gateway or framework believes."""
    for name in (
        "X-Forwarded-User",
        "X-Remote-User",
        "Remote-User",
        "X-User",
        "X-Authenticated-User",
        "X-WEBAUTH-USER",
    ):
        yield _attack(f"{name}: admin", _get({name: "admin"}))
    for name in (
        "X-Tenant",
        "X-Tenant-Id",
        "X-Auterity-Tenant",
        "X-Role",
        "X-Roles",
        "X-Permissions",
        "X-Internal",
        "X-Debug",
    ):
        yield _attack(f"{name}: admin", _get({name: "admin"}))
    for name in (
        "X-Forwarded-For",
        "X-Real-IP",
        "X-Client-IP",
        "True-Client-IP",
        "X-Originating-IP",
        "CF-Connecting-IP",
    ):
        yield _attack(f"{name} of this machine", _get({name: "127.0.0.1"}))
    yield _attack("Forwarded of this machine", _get({"Forwarded": "for=127.0.0.1;host=localhost;proto=https"}))
    for name in ("X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Path", "X-Forwarded-Prefix"):
        yield _attack(f"{name} of health", _get({name: "/health/live"}))
        yield _attack(f"{name} at health", _post("/health/live", SAID, {name: EVENTS}))
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        yield _attack(f"{name} of a log-out", _get({name: "GET"}, "/auth/logout"))
    for host in (
        "localhost",
        "127.0.0.1",
        "gateway:80@evil",
        "evil\tgateway",
        "",
        "a" * 5000,
        "[::1]",
        "gateway/health",
    ):
        yield _attack(f"Host {host[:20]!r}", request("GET", VERIFY, {"Connection": "close"}, host=host))
    two = f"GET {VERIFY} HTTP/1.1\r\nHost: gateway\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    yield _attack("two Hosts", two.encode())
    for name, text in {"CRLF": "x%0d%0aX-API-Key:%20" + GENUINE, "a tab": f"x\tX-API-Key: {GENUINE}"}.items():
        yield _attack(f"a header within a header by {name}", _get({"X-Trace": text}))
    folded = (
        f"GET {VERIFY} HTTP/1.1\r\nHost: gateway\r\nX-Trace: x\r\n X-API-Key: {GENUINE}\r\nConnection: close\r\n\r\n"
    )
    yield _attack("a header within a header by a fold", folded.encode())
    yield _attack("a WebSocket without credentials", _get({"Upgrade": "h2c", "HTTP2-Settings": "AAMAAABk"}))


def _paths() -> Iterator[Attack]:
    """Paths that somebody in between may read otherwise than the gateway; without credentials."""
    for path in (
        "//api/v1/auth/verify", "/api//v1/auth/verify", "/./api/v1/auth/verify", "/api/./v1/auth/verify",
        "/api/v1/../v1/auth/verify", "/health/../api/v1/auth/verify", "/health/live/../../auth/verify",
        "/api/v1/auth/verify/", "/api/v1/auth/verify//", "/api/v1/auth/verify/.", "/api/v1/auth/verify/..",
        "/API/V1/AUTH/VERIFY", "/Api/v1/auth/verify", "/api/v1/auth/verify;x=1", "/api/v1/auth;/verify",
        "/api/v1/auth/verify;/health", "/api/v1/auth/verify%00", "/api/v1/auth/verify%20", "/api/v1/auth/verify%0a",
        "/api/v1/auth/verify%3f", "/api/v1/auth/verify%23", "/api/v1/auth%2fverify", "/api%2fv1%2fauth%2fverify",
        "/%61pi/v1/auth/verify", "/api/v1/%61uth/verify", "/%2e/api/v1/auth/verify", "/%2e%2e/api/v1/auth/verify",
        "/health/%2e%2e/auth/verify", "/health%2f..%2fauth%2fverify", "/%252e%252e/auth/verify",
        "/api/v1/auth%252fverify",         "/api\\v1\\auth\\verify", "/api/v1/auth/verify?/health/live",
        "/api/v1/auth/verify#/health",
        "/api/v1/auth/verify%c0%af",
        "/api/v1/auth/verify%ff", "/api/v1/auth/verify.json", "/api/v1/auth/verify~", "/api/v2/auth/verify",
        "http://localhost/api/v1/auth/verify", "http://127.0.0.1:1/api/v1/auth/verify", "*", "api/v1/auth/verify",
        "/api/v1/auth/verify" + "/" * 3000, "/events/business-events/../definitions", "/admin", "/metrics", "/docs",
        "/redoc", "/swagger.json", "/.env", "/secrets.json", "/debug/pprof", "/api/v1/events/%2e%2e/auth/verify",
    ):  # fmt: skip
        yield _attack(f"path {path[:60]}", _get({}, path))
    for method in ("HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PATCH", "get", "GETT", "CONNECT", "PROPFIND"):
        yield _attack(f"method {method}", request(method, VERIFY, {"Connection": "close"}))


def _signatures() -> Iterator[Attack]:
    """Deliveries that nobody signed with the secret of the webhook, or not just so."""
    secret = b64encode(SIGNED_WITH)
    for name, wrong in {
        "nothing": b"", "zeros": bytes(32), "the secret as text": secret, "the prefix too": b"whsec_" + secret,
        "its id": WEBHOOKS["acme"].encode(), "the body": json.dumps(SAID).encode(),
    }.items():  # fmt: skip
        yield _attack(f"a delivery signed with {name}", _post(HOOK, SAID, signed(secret=wrong)))
    yield _attack("a delivery to nobody signed with zeros", _post("/hooks/nobody", SAID, signed(secret=bytes(32))))
    genuine = signed()
    shown, at = genuine["webhook-signature"], genuine["webhook-timestamp"]
    for name, more in {
        "of another id": {"webhook-id": "msg_2"}, "an id that swallows the time": {"webhook-id": f"msg_1.{at}"},
        "a second later": {"webhook-timestamp": str(int(at) + 1)},
        "a time with a sign": {"webhook-timestamp": f"+{at}"},
        "a time with a zero": {"webhook-timestamp": f"0{at}"}, "without a version": {"webhook-signature": shown[3:]},
        "of version 0": {"webhook-signature": f"v0,{shown[3:]}"}, "cut": {"webhook-signature": shown[:-1]},
        "in small letters": {"webhook-signature": shown.lower()}, "twice in one": {"webhook-signature": shown * 2},
        "with commas": {"webhook-signature": f"v1,AA==,{shown}"}, "of none": {"webhook-signature": "v1,"},
        "of a thousand": {"webhook-signature": " ".join(["v1,AA=="] * 999 + [shown])},
    }.items():  # fmt: skip
        yield _attack(f"a delivery {name}", _post(HOOK, SAID, {**genuine, **more}))
    yield _attack("a delivery with more", _post(HOOK, {**SAID, "tenant_id": "other"}, genuine))
    yield _attack("a delivery to another webhook", _post(f"/hooks/{'H' * 16}", SAID, genuine))
    yield _attack("a delivery of another tenant's event", _post(HOOK, THEIRS, signed(THEIRS)))
    yield _attack("a delivery of last week", _post(HOOK, SAID, signed(late_s=7 * 86_400)))
    yield _attack("a delivery of tomorrow", _post(HOOK, SAID, signed(late_s=-86_400)))


def _roles() -> Iterator[Attack]:
    """A key that may read only, that wants to write."""
    reads = {"X-API-Key": key("acme", "r").text}
    for name, more in {
        "scopes": {"scopes": ["events:write"]}, "roles": {"roles": ["admin"]}, "permissions": {"permissions": ["*"]},
        "principal": {"principal": "user/admin"}, "tenant": {"tenant_id": "other"},
        "proto": {"__proto__": {"admin": True}},
    }.items():  # fmt: skip
        yield _attack(f"{name} in the body of who may not write", _post(EVENTS, {**SAID, **more}, reads))
    for name in ("X-Scope", "X-Permissions", "X-Roles", "X-Principal", "X-Tenant"):
        yield _attack(f"{name} of who may not write", _post(EVENTS, SAID, {**reads, name: "events:write"}))
    yield _attack("a query of who may not write", _post(f"{EVENTS}?scope=events:write&role=admin", SAID, reads))
    yield _attack("a method override of who may not write", _get({**reads, "X-HTTP-Method-Override": "POST"}, EVENTS))
    writes = {"X-API-Key": GENUINE}
    for topic in (
        "definitions",
        "sessions",
        "requests",
        "Business-Events",
        "business-events%00",
        "..%2fdefinitions",
        "__consumer_offsets",
    ):
        yield _attack(f"the topic {topic}", _post(f"/events/{topic}", SAID, writes))
    yield _attack("an event of another tenant", _post(EVENTS, {**SAID, "tenant_id": "other"}, writes))
    yield _attack("an event of the platform", _post(EVENTS, {**SAID, "tenant_id": "platform"}, writes))
    yield _attack(
        "a tenant twice",
        _post(EVENTS, json.dumps(SAID)[:-1].encode() + b',"tenant_id":"acme","tenant_id":"other"}', writes),
    )
    yield _attack("a key that logs out", _post("/auth/logout", None, writes))


def _lines() -> Iterator[Attack]:
    """HTTP that is read in two ways: a genuine request hides in one that is not."""
    hidden = f"GET {VERIFY} HTTP/1.1\r\nHost: gateway\r\n\r\n"
    head = f"POST {LOGIN} HTTP/1.1\r\nHost: gateway\r\n"
    for name, content in {
        "length and chunks": f"{head}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}",
        "two lengths": f"{head}Content-Length: 0\r\nContent-Length: 60\r\n\r\n{hidden}",
        "a length with a sign": f"{head}Content-Length: +0\r\n\r\n{hidden}",
        "a negative length": f"{head}Content-Length: -1\r\n\r\n{hidden}",
        "a length in hex": f"{head}Content-Length: 0x0\r\n\r\n{hidden}",
        "chunked with a letter more": f"{head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}",
        "chunked twice": f"{head}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n{hidden}",
        "a space before the colon": f"{head}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{hidden}",
        "bare line feeds": f"POST {LOGIN} HTTP/1.1\nHost: gateway\n\n{hidden}",
        "a bare carriage return": f"{head}X: a\rX-API-Key: {GENUINE}\r\n\r\n",
        "no version": f"GET {VERIFY}\r\n\r\n",
        "version 3": f"GET {VERIFY} HTTP/3.0\r\nHost: gateway\r\n\r\n",
        "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "no Host": f"GET {VERIFY} HTTP/1.1\r\n\r\n",
        "a header without a name": f"{head}: x\r\nContent-Length: 0\r\n\r\n",
        "a NUL in a header": f"{head}X-API-Key: {GENUINE}\0\r\nContent-Length: 0\r\n\r\n",
        "a NUL in the path": f"GET {VERIFY}\0 HTTP/1.1\r\nHost: gateway\r\n\r\n",
        "a space in the path": f"GET {VERIFY} x HTTP/1.1\r\nHost: gateway\r\n\r\n",
        "a header of 100,000 letters": f"GET {VERIFY} HTTP/1.1\r\nHost: gateway\r\nX: {'x' * 100_000}\r\n\r\n",
        "a chunk of a wrong size": f"{head}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx",
        "TLS": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "noise": "\x00\xff\xfe\r\n\r\n",
    }.items():
        yield _attack(f"lines: {name}", content.encode("latin-1"))


def _packed(said: Mapping[str, Any]) -> bytes:
    return _encoded(json.dumps(said, separators=(",", ":")).encode())


def _encoded(content: bytes) -> bytes:
    return urlsafe_b64encode(content).rstrip(b"=")


def _unpacked(part: str) -> bytes:
    from base64 import urlsafe_b64decode

    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _crossed(token: str, other: str) -> str:
    head, _, signature = token.split(".")
    return ".".join((head, other.split(".")[1], signature))


def _retyped(token: str, typ: str) -> str:
    head, claims = claimed(token)
    return jwt.encode({**head, "typ": typ}, {**claims, "num": 7}, ECKey.import_key(SIGNING), ["ES256"])
