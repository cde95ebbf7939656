"""The client of the present call, and what of the index exists for it."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from qmd_mcp.application.engine_protocols import Engine, ReadableEngine


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who asks a server."""

    name: str
    collections: frozenset[str] | None = None
    """The collections that exist for the client; None for all of them."""
    per_minute: int | None = None
    """How many requests a minute are answered; None for any number."""

    def engine(self, whole: Engine) -> ReadableEngine:
        """Return the engine as it is for this client."""
        return whole if self.collections is None else whole.narrowed(self.collections)


STDIO = Client("stdio")
"""The client that started the server, over standard input and output."""

LOCAL = Client("local")
"""Whoever asks a server over HTTP that asks for no token."""

ANYBODY = Client("anybody", collections=frozenset())
"""Whoever asks for what is open to all: nothing of the index exists here."""

OWNER = Client("owner")
"""Whoever has the server's own token, such as our own program over stdio when it passes a conversation on."""

PRESENT: ContextVar[Client] = ContextVar("client")
"""The client of the call in progress. It has no default, so that a call of nobody is answered by an error and not with
everything. The SDK runs a call in the context of the request that carried it, over every transport."""
