"""Searching and reading over plain HTTP, with JSON in both directions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from pydantic_core import from_json
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from qmd_mcp.domain.documents import Mode
from qmd_mcp.errors import (
    ArgumentError,
    CallerError,
    DocumentNotFoundError,
    SectionNotFoundError,
    ServerBusyError,
    SetupError,
    UnreadableDocumentError,
)
from qmd_mcp.presentation.json_encoding import as_json
from qmd_mcp.server.http.traffic import RETRY_SECONDS
from qmd_mcp.server.mcp.mcp_application import Application

MODES: tuple[Mode, ...] = ("search", "vsearch", "query")

READING_DEFAULTS = {"line_numbers": False}
"""Where reading over REST differs from the tool: a program wants the lines as they are."""

_GONE = 499
"""The status for a client that has disconnected, as nginx logs it; nobody reads it."""


class Rest:
    """Answers with the tools, arguments and errors of MCP, and with JSON in place of text."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def routes(self) -> list[Route]:
        """Route `POST /search`, `/vsearch` and `/query`, and `GET /documents/REFERENCE`."""
        return [
            *(Route(f"/{mode}", self._searching(mode), methods=["POST"], name=mode) for mode in MODES),
            Route("/documents/{reference:path}", self._document, methods=["GET"], name="get_document"),
        ]

    def _searching(self, mode: Mode) -> Callable[[Request], Awaitable[Response]]:
        async def search(request: Request) -> Response:
            body = await request.body()
            return await _unless_gone(request, lambda: self._answered(mode, lambda: _arguments(request, body)))

        return search

    async def _document(self, request: Request) -> Response:
        def arguments() -> dict[str, Any]:
            reference = request.path_params["reference"]
            if "document" in request.query_params:
                sentence = "Write the document in the path alone; it is not taken as a parameter as well."
                raise ArgumentError(sentence)
            return {**READING_DEFAULTS, **request.query_params, "document": reference}

        return await _unless_gone(request, lambda: self._answered("get_document", arguments))

    async def _answered(self, tool: str, arguments: Callable[[], dict[str, Any]]) -> Response:
        try:
            value = await self._application.answer(tool, arguments(), transport="rest")
            return JSONResponse(as_json(value))
        except Exception as error:  # noqa: BLE001  each has its status, and `worded` logs bugs
            headers = {"Retry-After": RETRY_SECONDS} if isinstance(error, ServerBusyError) else None
            return failed(self._application.worded(tool, error), status_of(error), headers=headers)


def failed(sentence: str, status: int, *, headers: dict[str, str] | None = None) -> JSONResponse:
    """Make the response for a request that failed: one sentence."""
    return JSONResponse({"error": sentence}, status_code=status, headers=headers)


def status_of(error: Exception) -> int:
    """Return the HTTP status for an error."""
    match error:
        case DocumentNotFoundError() | SectionNotFoundError() | UnreadableDocumentError():
            return 404
        case ServerBusyError() | SetupError():
            return 503
        case CallerError():
            return 400
        case _:
            return 500


def _arguments(request: Request, body: bytes) -> dict[str, Any]:
    """Read the arguments from the body.

    Raises:
        ArgumentError: the body is not a JSON object.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        sentence = "Send the arguments as JSON, with Content-Type: application/json."
        raise ArgumentError(sentence)
    try:
        arguments = from_json(body, allow_inf_nan=False)
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        sentence = 'The body must be a JSON object with the arguments, such as {"query": "how do we fail over?"}.'
        raise ArgumentError(sentence)
    return arguments


async def _unless_gone(request: Request, work: Callable[[], Awaitable[Response]]) -> Response:
    """Do the work, and stop it when the client disconnects."""
    response = Response(status_code=_GONE)

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        response = await work()
        group.cancel_scope.cancel()
    return response
