"""Requests of web pages, which browsers mark."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_OWN = frozenset({"same-origin", "none"})
"""The values that a browser sends for a page of this server and for an address that a person typed."""


class OwnSite:
    """Middleware that refuses what a page of another site asks for, such as by a script, an image or a link.

    A GET of that kind carries no `Origin`, but every browser since 2023 says in `Sec-Fetch-Site` where it comes from
    (W3C, Fetch Metadata Request Headers), which a page can neither set nor leave out. Other programs do not send it.
    Another port of the same host is another site here: whoever serves pages there is not this server.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on."""
        if scope["type"] == "http":
            said = Headers(scope=scope).getlist("sec-fetch-site")
            if not {value.strip().lower() for value in said} <= _OWN:
                refused = JSONResponse({"error": "Requests of other web pages are not answered."}, status_code=403)
                await refused(scope, receive, send)
                return
        await self._app(scope, receive, send)
