"""Every HTTP route in one application."""

from __future__ import annotations

from collections.abc import Callable

from mcp.server.transport_security import TransportSecuritySettings
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from qmd_mcp import __version__
from qmd_mcp.application.engine_protocols import EngineState
from qmd_mcp.server.clients.proof import ServerIdentity
from qmd_mcp.server.clients.registered_clients import ClientTokens
from qmd_mcp.server.http.access import OPEN_TO_ALL, Access, access_policy
from qmd_mcp.server.http.openapi import describe
from qmd_mcp.server.http.own_site import OwnSite
from qmd_mcp.server.http.prometheus import Metrics
from qmd_mcp.server.http.rest import Rest, failed
from qmd_mcp.server.http.sessions import Sessions
from qmd_mcp.server.http.traffic import Bounds, Traffic
from qmd_mcp.server.mcp.mcp_application import Application
from qmd_mcp.settings import Settings

MESSAGES = "/messages/"
"""The path to which a client of SSE posts its messages; the first event of its stream names it."""


def web_application(
    application: Application,
    *,
    settings: Settings,
    traffic: Traffic,
    metrics: Metrics,
    state: Callable[[], EngineState],
    identity: ServerIdentity,
    clients: ClientTokens | None = None,
) -> Starlette:
    """Put MCP over both transports, REST, health and metrics behind the same checks.

    Raises:
        SettingsError: other machines could connect, and no token is set.
    """
    policy = access_policy(settings, clients)
    checked = TransportSecuritySettings(enable_dns_rebinding_protection=False)  # Access checks it, for every route
    streamable = application.streamable_http_app(
        max_request_body_size=settings.max_body_bytes,
        session_idle_timeout=settings.session_idle_seconds,
        max_sessions=settings.max_sessions,
        transport_security=checked,
    )
    events = application.sse_app(
        message_path=MESSAGES, max_request_body_size=settings.max_body_bytes, transport_security=checked
    )
    description = describe(token=policy.token is not None)

    async def health(request: Request) -> Response:
        now = state()
        known = {"status": now, "version": __version__, **identity.answer(request.headers)}
        return JSONResponse(known, status_code=503 if now == "failed" else 200)

    async def figures(_request: Request) -> Response:
        return Response(metrics.page(), media_type=CONTENT_TYPE_LATEST)

    async def openapi(_request: Request) -> Response:
        return JSONResponse(description)

    return Starlette(
        routes=[
            *streamable.routes,
            *events.routes,
            *Rest(application).routes(),
            Route(OPEN_TO_ALL, health, methods=["GET"]),
            Route("/metrics", figures, methods=["GET"]),
            Route("/openapi.json", openapi, methods=["GET"]),
        ],
        middleware=[
            Middleware(Access, policy=policy),
            Middleware(OwnSite),
            Middleware(Bounds, traffic=traffic),
            Middleware(Sessions, max_sessions=settings.max_sessions),
        ],
        exception_handlers={HTTPException: _http_failure, Exception: _bug},
        lifespan=streamable.router.lifespan_context,
    )


async def _http_failure(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return failed(f"{error.detail}.", error.status_code, headers=dict(error.headers or {}))


async def _bug(_request: Request, _error: Exception) -> Response:
    return failed("The request failed because of a fault in the server, which has logged it.", 500)
