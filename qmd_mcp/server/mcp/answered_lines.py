"""The messages of a client over standard input, in which a malformed line is answered."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import anyio
from mcp.shared.message import SessionMessage
from mcp_types import ErrorData, JSONRPCError
from pydantic import ValidationError

from qmd_mcp.server.limits.protocol_lines import INVALID_REQUEST, NO_JSON, NO_MESSAGE, PARSE_ERROR


class AnsweredLines:
    """The stream of messages that the SDK reads, in place of its own stream.

    The SDK passes a line that it cannot read on as an exception, and its server ignores that, so that the client would
    wait for ever. JSON-RPC wants an error without an id.
    """

    def __init__(self, lines: Any, answers: Any) -> None:
        self._lines = lines
        self._answers = answers

    @property
    def last_context(self) -> Any:
        """The context of the last message, as the SDK's own streams have it."""
        return getattr(self._lines, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        """Return the next message, and answer what is none."""
        while isinstance(item := await self._lines.receive(), ValidationError):
            answer = _answer(item)
            if answer is not None:
                await self._answers.send(SessionMessage(answer))
        message: SessionMessage | Exception = item
        return message

    async def aclose(self) -> None:
        """Close the stream behind this one."""
        await self._lines.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _answer(error: ValidationError) -> JSONRPCError | None:
    """Word why a line is no message; an empty line is none, and is passed over."""
    first = error.errors(include_url=False)[0]
    if first["type"] != "json_invalid":
        data = ErrorData(code=INVALID_REQUEST, message=NO_MESSAGE)
    elif str(first["input"]).strip():
        data = ErrorData(code=PARSE_ERROR, message=NO_JSON)
    else:
        return None
    return JSONRPCError(jsonrpc="2.0", id=None, error=data)
