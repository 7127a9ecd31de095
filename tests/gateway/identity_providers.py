"""Identity providers to log in at: a double in this process, and a realm of a real Keycloak."""

import html
import re
import secrets
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.servers import Keycloak

SECRET = "a secret of the client"
GATEWAY = "http://localhost/api/v1"
CLIENT = "auterity"
SAML_CLIENT = "https://auterity.example/saml"
PERSON = "Ada"
PASSWORD = "correct horse battery"
GROUPS = ["shop-floor", "everybody"]


def definition(issuer: str, sealed: str, **more: Any) -> dict[str, Any]:
    """Returns the definition of the tenant's provider `idp`."""
    said = {"id": "idp", "issuer": issuer, "client_id": CLIENT, "client_secret": sealed, "gateway": GATEWAY}
    return {**said, "roles": {"shop-floor": ["operator"], "board": ["admin"]}, **more}


class ProviderDouble:
    """Logs everybody in as `person`, who is in `groups`; keeps the contract of an OpenID provider, PKCE too.

    `twist` may change the claims of a token, and what signs it, before it is signed.
    """

    issuer = "https://idp.example/realm"

    def __init__(self) -> None:
        self.person, self.subject, self.groups = PERSON, "subject-1", GROUPS
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}, private=True)
        self.twist: Callable[[dict[str, Any], dict[str, Any]], Any] = lambda claims, head: self.key
        self._asked: dict[str, dict[str, str]] = {}
        where = "/realm"
        routes = [
            Route(f"{where}/.well-known/openid-configuration", self._about),
            Route(f"{where}/authorize", self._authorize),
            Route(f"{where}/token", self._token, methods=["POST"]),
            Route(f"{where}/keys", self._keys),
        ]
        self.transport = httpx2.ASGITransport(app=Starlette(routes=routes))

    async def log_in(self, address: str) -> str:
        """Returns where the browser is sent back to."""
        async with httpx2.AsyncClient(transport=self.transport) as browser:
            answer = await browser.get(address)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    async def _about(self, _: Request) -> Response:
        said = {"issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize"}
        return JSONResponse({**said, "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/keys"})

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def _authorize(self, request: Request) -> Response:
        said = dict(request.query_params)
        if (said["client_id"], said["response_type"], said["code_challenge_method"]) != (CLIENT, "code", "S256"):
            return JSONResponse({"error": "invalid_request"}, 400)
        code = secrets.token_urlsafe()
        self._asked[code] = said
        answer = urlencode({"code": code, "state": said["state"], "iss": self.issuer})
        return RedirectResponse(f"{said['redirect_uri']}?{answer}", 302)

    async def _token(self, request: Request) -> Response:
        form = {name: each[0] for name, each in parse_qs((await request.body()).decode()).items()}
        _, _, credentials = request.headers.get("authorization", "").partition(" ")
        if b64decode(credentials).decode() != f"{CLIENT}:{SECRET}":
            return JSONResponse({"error": "invalid_client"}, 401)
        asked = self._asked.pop(form.get("code", ""), None)
        challenge = urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).decode().rstrip("=")
        if asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != form["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": self.signed(asked["nonce"])})

    def signed(self, nonce: str) -> str:
        """Returns the ID token."""
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "sub": self.subject, "iat": now, "exp": now + 300, "nonce": nonce}
        claims |= {"preferred_username": self.person, "name": "Ada Lovelace", "groups": self.groups}
        head = {"alg": "RS256", "kid": "one"}
        key = self.twist(claims, head)
        return key if isinstance(key, str) else jwt.encode(head, claims, key, [head["alg"]])


class Realm:
    """A realm of Keycloak's with the same client and person."""

    transport = None

    def __init__(self, keycloak: Keycloak, gateway: str = GATEWAY) -> None:
        self.name = f"realm-{secrets.token_hex(4)}"
        self.issuer = f"{keycloak.url}/realms/{self.name}"
        mapper = {
            "name": "groups",
            "protocol": "openid-connect",
            "protocolMapper": "oidc-group-membership-mapper",
            "config": {"claim.name": "groups", "full.path": "false", "id.token.claim": "true"},
        }
        client = {
            "clientId": CLIENT,
            "secret": SECRET,
            "redirectUris": [f"{gateway}/auth/oidc/acme/idp/callback"],
            "attributes": {"pkce.code.challenge.method": "S256"},
            "protocolMappers": [mapper],
        }
        saml = {
            "clientId": SAML_CLIENT,
            "protocol": "saml",
            "redirectUris": [f"{gateway}/auth/saml/acme/corp/acs"],
            "attributes": {
                "saml.assertion.signature": "true",
                "saml.server.signature": "false",
                "saml.client.signature": "false",
                "saml.force.post.binding": "true",
                "saml.signature.algorithm": "RSA_SHA256",
                "saml_name_id_format": "persistent",
                "saml.authnstatement": "true",
            },
            "protocolMappers": [
                {
                    "name": "groups",
                    "protocol": "saml",
                    "protocolMapper": "saml-group-membership-mapper",
                    "config": {"attribute.name": "groups", "full.path": "false", "single": "true"},
                },
                {
                    "name": "name",
                    "protocol": "saml",
                    "protocolMapper": "saml-user-property-mapper",
                    "config": {"attribute.name": "preferred_username", "user.attribute": "username"},
                },
            ],
        }
        user = {
            "username": PERSON,
            "enabled": True,
            "email": "ada@example.org",
            "firstName": "Ada",
            "lastName": "Lovelace",
            "credentials": [{"type": "password", "value": PASSWORD}],
            "groups": GROUPS,
        }
        groups = [{"name": name} for name in GROUPS]
        realm = {"realm": self.name, "enabled": True, "clients": [client, saml], "users": [user], "groups": groups}
        keycloak.admin("POST", "", realm)
        about = httpx2.get(f"{self.issuer}/protocol/saml/descriptor", trust_env=False, timeout=180)
        self.metadata = about.raise_for_status().text

    async def log_in(self, address: str) -> str:
        """Fills in the form, and returns where the browser is sent back to."""
        answer = await self._submitted(address)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    async def posted(self, address: str) -> dict[str, str]:
        """Fills in the form, and returns what a page has the browser post (SAML)."""
        answer = await self._submitted(address)
        assert answer.status_code == 200, answer.text
        fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', answer.text, re.IGNORECASE)
        return {name: html.unescape(value) for name, value in fields}

    async def _submitted(self, address: str) -> httpx2.Response:
        async with httpx2.AsyncClient(trust_env=False, timeout=180) as browser:
            form = await browser.get(address)
            action = re.search(r'<form[^>]*id="kc-form-login"[^>]*action="([^"]+)"', form.text)
            assert action is not None, form.text
            said = {"username": PERSON, "password": PASSWORD, "credentialId": ""}
            kept = "; ".join(f"{each.name}={each.value}" for each in browser.cookies.jar)  # Secure: loopback is, too
            return await browser.post(html.unescape(action[1]), data=said, headers={"Cookie": kept})


def path_of(address: str) -> str:
    """Returns the path and query of a place, which the test calls without a network in between."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"
