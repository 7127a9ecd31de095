"""OpenID Connect over HTTP: discovery, the authorization code with PKCE, the provider's keys."""

import asyncio
import re
import time
from typing import Any

import httpx2
import msgspec
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from msgspec import Struct

from domain.federation import WEB, IdentityProvider, Pending
from schemas.errors import Rejected, Unavailable

ANSWER_S = 5.0
"""Time for one exchange, from its first byte to its last."""
ANSWER_BYTES_MAX = 1024 * 1024
KEPT_S = 300.0
"""What a provider says of itself, and its keys, are asked for again after so long."""
FRESH_S = 10.0
"""A provider is asked for new keys at most so often, whatever tokens are shown."""
SCOPE = "openid profile email"


class ProviderRefused(Rejected):
    """The provider gives nothing for the code, or answers what it should not."""


class About(Struct, frozen=True):
    """What a provider says of itself (OpenID Connect Discovery 1.0)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class OpenIdProviders:
    """Reaches any number of providers; keeps what they say of themselves for a while."""

    def __init__(self, transport: Any = None) -> None:
        """Takes a transport of httpx2's in place of the network."""
        self._transport = transport
        self._tls = httpx2.create_ssl_context()
        self._kept: dict[str, tuple[float, bytes]] = {}

    async def address(self, provider: IdentityProvider, pending: Pending, callback: str) -> str:
        """See the port."""
        about = await self._about(provider)
        async with self._client(provider, callback) as client:
            address, _ = client.create_authorization_url(
                about.authorization_endpoint,
                state=pending.state,
                nonce=pending.nonce,
                code_verifier=pending.verifier,
            )
        return str(address)

    async def redeemed(
        self, provider: IdentityProvider, pending: Pending, callback: str, code: str, secret: str
    ) -> str:
        """See the port."""
        about = await self._about(provider)
        method = "none"
        if secret:
            basic = "client_secret_basic" in about.token_endpoint_auth_methods_supported
            method = "client_secret_basic" if basic else "client_secret_post"
        async with self._client(provider, callback, secret, method) as client:
            try:
                async with asyncio.timeout(ANSWER_S):
                    said = await client.fetch_token(
                        about.token_endpoint,
                        grant_type="authorization_code",
                        code=code,
                        code_verifier=pending.verifier,
                    )
            except AuthlibBaseError as error:
                raise ProviderRefused("the provider gives no token for the code") from error
            except (httpx2.HTTPError, TimeoutError) as error:
                raise Unavailable("the identity provider does not answer") from error
            except ValueError as error:
                raise ProviderRefused("the provider's answer is no token") from error
        token = said.get("id_token")
        if not isinstance(token, str):
            raise ProviderRefused("the provider gives no ID token")
        return token

    async def keys(self, provider: IdentityProvider, fresh: bool) -> bytes:
        """See the port."""
        about = await self._about(provider)
        return await self._get(provider, about.jwks_uri, FRESH_S if fresh else KEPT_S)

    async def _about(self, provider: IdentityProvider) -> About:
        where = provider.issuer.rstrip("/") + "/.well-known/openid-configuration"
        content = await self._get(provider, where, KEPT_S)
        try:
            about = msgspec.json.decode(content, type=About)
        except msgspec.DecodeError as error:
            raise ProviderRefused("what the provider says of itself is not what it should be") from error
        endpoints = (about.authorization_endpoint, about.token_endpoint, about.jwks_uri)
        secure = not provider.issuer.startswith("https:") or all(each.startswith("https:") for each in endpoints)
        there = all(re.match(WEB, each.partition("?")[0]) for each in endpoints)
        if about.issuer != provider.issuer or not (secure and there):
            raise ProviderRefused("the provider says that it is another one, or has endpoints without TLS")
        return about

    async def _get(self, provider: IdentityProvider, url: str, kept_s: float) -> bytes:
        at, content = self._kept.get(url, (0.0, b""))
        if content and time.monotonic() < at + kept_s:
            return content
        try:
            async with (
                asyncio.timeout(ANSWER_S),
                httpx2.AsyncClient(**self._options(provider)) as client,
                client.stream("GET", url) as answer,
            ):
                answer.raise_for_status()
                content = b""
                async for part in answer.aiter_bytes():
                    content += part
                    if len(content) > ANSWER_BYTES_MAX:
                        raise ProviderRefused(f"the provider answers more than {ANSWER_BYTES_MAX} bytes")
        except (httpx2.HTTPError, TimeoutError) as error:
            raise Unavailable("the identity provider does not answer") from error
        self._kept[url] = time.monotonic(), content
        return content

    def _client(
        self, provider: IdentityProvider, callback: str, secret: str = "", method: str = "none"
    ) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            provider.client_id,
            secret or None,
            token_endpoint_auth_method=method,
            scope=SCOPE,
            redirect_uri=callback,
            code_challenge_method="S256",
            **self._options(provider),
        )

    def _options(self, provider: IdentityProvider) -> dict[str, Any]:
        """No redirect is followed; without TLS nothing of the environment (a proxy) comes in between."""
        return {
            "timeout": ANSWER_S,
            "follow_redirects": False,
            "trust_env": provider.issuer.startswith("https:"),
            "verify": self._tls,
            "transport": self._transport,
        }
