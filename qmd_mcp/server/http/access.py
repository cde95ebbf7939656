"""Which HTTP requests are answered: by the address, name and token that they carry."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from qmd_mcp.errors import SettingsError
from qmd_mcp.presentation.disclosure import without_paths
from qmd_mcp.server.clients.client import ANYBODY, LOCAL, OWNER, PRESENT, Client
from qmd_mcp.server.clients.rate_limit import RateLimit
from qmd_mcp.server.clients.registered_clients import ClientTokens
from qmd_mcp.settings import Settings

FIGURES = "/metrics"
"""The path of the figures of the whole index."""

OPEN_TO_ALL = "/health"
"""The path that needs no token, because programs that watch over the process have none."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered."""

    status: int
    sentence: str


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """The names under which the server may be addressed, and the token."""

    loopback_only: bool
    names: frozenset[str]
    """In lower case; the names of the loopback are always accepted."""
    token: bytes | None
    """The server's own token; None if it asks for none."""
    clients: ClientTokens | None = None
    """The tokens of clients."""

    def admitted(self, path: str, headers: Headers) -> Client | Refusal:
        """Return who asks, or why the request is refused.

        A web page that rebinds its own name to this machine (DNS rebinding) sends a foreign `Host`. It cannot do so
        with an address, so a server for other machines refuses foreign names and accepts addresses. A foreign `Origin`
        is sent by a web page itself.
        """
        hosts = headers.getlist("host")
        host = _host_of(f"//{hosts[0]}") if len(hosts) == 1 else None
        if host is None or not self._knows(host):
            return Refusal(421, "This server is not addressed by that Host.")
        origins = headers.getlist("origin")
        if origins and not (len(origins) == 1 and self._trusts(origins[0], host)):
            return Refusal(403, "Requests from that Origin are not answered.")
        if path == OPEN_TO_ALL:
            return ANYBODY
        if self.token is None:
            return LOCAL
        client = self._bearer(headers.getlist("authorization"), self.token)
        if isinstance(client, Client) and client.collections is not None and path == FIGURES:
            return Refusal(403, "The figures are of the whole index, and this token is for some of its collections.")
        return client

    def _knows(self, host: str) -> bool:
        if is_loopback(host) or host in self.names:
            return True
        return not self.loopback_only and _is_address(host)

    def _trusts(self, origin: str, host: str) -> bool:
        foreign = _host_of(origin) if origin.startswith(("http://", "https://")) else None
        return foreign is not None and (is_loopback(foreign) or foreign in self.names or foreign == host)

    def _bearer(self, given: list[str], own: bytes) -> Client | Refusal:
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        token = token.strip()
        if scheme.lower() == "bearer":
            if hmac.compare_digest(token.encode("latin-1", "replace"), own):
                return OWNER
            try:
                client = None if self.clients is None else self.clients.client(token)
            except SettingsError as error:
                return Refusal(503, without_paths(str(error)))
            if client is not None:
                return client
        return Refusal(401, "This server needs its token: Authorization: Bearer TOKEN.")


def access_policy(settings: Settings, clients: ClientTokens | None = None) -> AccessPolicy:
    """Make the policy that the settings ask for, in which the token stands unless they ask for none.

    Raises:
        SettingsError: nobody would be asked for a token, although nobody wants that, other machines can connect, or
            clients have tokens for some of the collections.
    """
    loopback = is_loopback(settings.host)
    if settings.no_token and not loopback:
        sentence = f"Serving on {settings.host} lets other machines in, so it needs a token: leave --no-token out."
        raise SettingsError(sentence)
    if settings.token is None and not settings.no_token:
        sentence = "The HTTP server has no token. Set QMD_TOKEN, or ask for none with --no-token."
        raise SettingsError(sentence)
    if settings.no_token and clients is not None and clients.any:
        sentence = (
            "Clients have tokens of their own, and without a token everybody sees everything: leave --no-token out."
        )
        raise SettingsError(sentence)
    token = settings.token.get_secret_value().encode() if settings.token else None
    named = {name.strip().lower() for name in settings.allowed_hosts.split(",") if name.strip()}
    own = set() if loopback else {settings.host.lower(), socket.gethostname().lower()}
    return AccessPolicy(loopback_only=loopback, names=frozenset(named | own), token=token, clients=clients)


def is_loopback(host: str) -> bool:
    """Whether an address or name can only mean this machine."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


class Access:
    """Middleware that refuses a request by the policy before anything else reads it."""

    def __init__(self, app: ASGIApp, *, policy: AccessPolicy) -> None:
        self._app = app
        self._policy = policy
        self._limit = RateLimit()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on with its client as the present one.

        The user in the scope makes the SDK keep each MCP session to the client that has begun it.
        """
        if scope["type"] == "http":
            admitted = self._policy.admitted(scope["path"], Headers(scope=scope))
            headers: dict[str, str] = {}
            if isinstance(admitted, Client) and (seconds := self._limit.seconds_to_wait(admitted)):
                headers = {"Retry-After": str(seconds)}
                admitted = Refusal(429, f"{admitted.name} has asked too often. Try again in {seconds} s.")
            if isinstance(admitted, Refusal):
                if admitted.status == 401:  # noqa: PLR2004  HTTP's own
                    headers = {"WWW-Authenticate": "Bearer"}
                answer = JSONResponse({"error": admitted.sentence}, status_code=admitted.status, headers=headers)
                await answer(scope, receive, send)
                return
            PRESENT.set(admitted)
            scope["user"] = AuthenticatedUser(AccessToken(token="", client_id=admitted.name, scopes=[]))
        await self._app(scope, receive, send)


def _host_of(address: str) -> str | None:
    """Return the host of a URL or of `//host:port` in lower case, or None if it is no plain address of a server."""
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018  raises if it is none
    except ValueError:
        return None
    if parts.username is not None or parts.path not in {"", "/"} or parts.query or parts.fragment:
        return None
    return parts.hostname


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
