"""A client that floods a server: `python -m tests.security.server.flood KIND HOST PORT COUNT [HEADER …]`.

It says `flooding` once all of its connections have been tried, holds them, opens anew what the server closes, and ends
with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress

from tests.security.server.descriptors import allow_descriptors

INITIALIZE = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "x", "version": "0"},
        },
    }
)
PACE_SECONDS = 0.01
"""How long the flood waits between two new connections: it takes places, and leaves the processor to the server."""

PAUSE_SECONDS = 15.0
"""How long the flood waits before it opens a connection anew that the server has closed."""


def opening(kind: str, host: str, headers: list[str]) -> str:
    """What each connection of a kind of flood sends first."""
    lines = [f"Host: {host}", *headers]
    match kind:
        case "half-open":
            return "\r\n".join(["POST /search HTTP/1.1", *lines, "X-Slow: "])
        case "bodies":
            lines += ["Content-Type: application/json", "Content-Length: 1000"]
            return "\r\n".join(["POST /search HTTP/1.1", *lines, "", "{"])
        case "sessions":
            lines += ["Content-Type: application/json", "Accept: application/json, text/event-stream"]
            lines += [f"Content-Length: {len(INITIALIZE)}"]
            return "\r\n".join(["POST /mcp HTTP/1.1", *lines, "", INITIALIZE])
        case "streams":
            return "\r\n".join(["GET /sse HTTP/1.1", *lines, "", ""])
        case "unread":  # far more than the buffers of a socket hold
            return "\r\n".join(["GET /openapi.json HTTP/1.1", *lines, "", ""]) * 500
        case _:
            raise ValueError(kind)


async def hold(kind: str, host: str, port: int, headers: list[str], tried: asyncio.Semaphore) -> None:
    """Keep one connection open, and open another when the server closes it."""
    text = opening(kind, host, headers).encode()
    first = True
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(text)
                await writer.drain()
                if first:
                    first = False
                    tried.release()
                if kind == "unread":
                    await asyncio.sleep(3_600)
                while await reader.read(65_536):
                    if kind == "sessions":  # a session stays when its connection goes
                        break
            finally:
                writer.close()
        if first:
            first = False
            tried.release()
        await asyncio.sleep(PAUSE_SECONDS)


async def flood(kind: str, host: str, port: int, count: int, headers: list[str]) -> None:
    """Flood until standard input ends."""
    tried = asyncio.Semaphore(0)
    holders = []
    for _ in range(count):
        holders.append(asyncio.create_task(hold(kind, host, port, headers, tried)))
        await asyncio.sleep(PACE_SECONDS)
    for _ in holders:
        await tried.acquire()
    sys.stdout.write("flooding\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    for holder in holders:
        holder.cancel()


if __name__ == "__main__":
    allow_descriptors(4_096)
    asyncio.run(flood(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:]))
