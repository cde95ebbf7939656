"""The searches and documents over plain HTTP, as JSON."""

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
"""What a client that hung up is answered, which nobody reads."""


class Rest:
    """The same tools, the same arguments and the same sentences as over MCP."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def routes(self) -> list[Route]:
        """`POST /search`, `/vsearch`, `/query` and `GET /documents/REFERENCE`."""
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
                sentence = "get_document does not take 'document' twice: it stands in the path."
                raise ArgumentError(sentence)
            return {**READING_DEFAULTS, **request.query_params, "document": reference}

        return await _unless_gone(request, lambda: self._answered("get_document", arguments))

    async def _answered(self, tool: str, arguments: Callable[[], dict[str, Any]]) -> Response:
        try:
            value = await self._application.answer(tool, arguments())
            return JSONResponse(as_json(value))
        except Exception as error:  # noqa: BLE001  every one has its status, and bugs are logged where they are worded
            headers = {"Retry-After": RETRY_SECONDS} if isinstance(error, ServerBusyError) else None
            return failed(self._application.worded(tool, error), status_of(error), headers=headers)


def failed(sentence: str, status: int, *, headers: dict[str, str] | None = None) -> JSONResponse:
    """An answer that is one sentence."""
    return JSONResponse({"error": sentence}, status_code=status, headers=headers)


def status_of(error: Exception) -> int:
    """HTTP's number for what went wrong."""
    match error:
        case DocumentNotFoundError() | UnreadableDocumentError():
            return 404
        case ServerBusyError() | SetupError():
            return 503
        case CallerError():
            return 400
        case _:
            return 500


def _arguments(request: Request, body: bytes) -> dict[str, Any]:
    """The arguments that a body holds.

    Raises:
        ArgumentError: it is no JSON object.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        sentence = "The arguments are taken as JSON: Content-Type: application/json."
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
    """Do the work, and stop when the client hangs up."""
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
