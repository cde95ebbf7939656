"""Which HTTP requests are answered: by the address, name and token that they carry."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from qmd_mcp.errors import SettingsError
from qmd_mcp.settings import Settings

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

    def refusal(self, path: str, headers: Headers) -> Refusal | None:
        """Return why a request is refused, or None if it may pass.

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
        if self.token is not None and path != OPEN_TO_ALL and not self._is_token(headers.getlist("authorization")):
            return Refusal(401, "This server needs its token: Authorization: Bearer TOKEN.")
        return None

    def _knows(self, host: str) -> bool:
        if is_loopback(host) or host in self.names:
            return True
        return not self.loopback_only and _is_address(host)

    def _trusts(self, origin: str, host: str) -> bool:
        foreign = _host_of(origin) if origin.startswith(("http://", "https://")) else None
        return foreign is not None and (is_loopback(foreign) or foreign in self.names or foreign == host)

    def _is_token(self, given: list[str]) -> bool:
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        assert self.token is not None
        matches = hmac.compare_digest(token.strip().encode("latin-1", "replace"), self.token)
        return matches and scheme.lower() == "bearer"


def access_policy(settings: Settings) -> AccessPolicy:
    """Make the policy that the settings ask for, in which the token stands unless they ask for none.

    Raises:
        SettingsError: nobody would be asked for a token, on an address that other machines can reach or unasked.
    """
    loopback = is_loopback(settings.host)
    if settings.no_token and not loopback:
        sentence = f"Serving on {settings.host} lets other machines in, so it needs a token: leave --no-token out."
        raise SettingsError(sentence)
    if settings.token is None and not settings.no_token:
        sentence = "The HTTP server has no token. Set QMD_TOKEN, or ask for none with --no-token."
        raise SettingsError(sentence)
    token = settings.token.get_secret_value().encode() if settings.token else None
    named = {name.strip().lower() for name in settings.allowed_hosts.split(",") if name.strip()}
    own = set() if loopback else {settings.host.lower(), socket.gethostname().lower()}
    return AccessPolicy(loopback_only=loopback, names=frozenset(named | own), token=token)


def is_loopback(host: str) -> bool:
    """Whether an address or name can only mean this machine."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


class Access:
    """Middleware that refuses a request by the policy before anything else reads it."""

    def __init__(self, app: ASGIApp, *, policy: AccessPolicy) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on."""
        if scope["type"] == "http":
            refusal = self._policy.refusal(scope["path"], Headers(scope=scope))
            if refusal is not None:
                needed = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else None  # noqa: PLR2004  HTTP's own
                answer = JSONResponse({"error": refusal.sentence}, status_code=refusal.status, headers=needed)
                await answer(scope, receive, send)
                return
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
