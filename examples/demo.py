"""Index the sample folder, start the server as a client would, and print what its tools answer."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import anyio
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp_types import TextContent

NOTES = Path(__file__).parent / "notes"

CALLS: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("An error code: BM25 finds what is written", "search", {"query": "ERR_CERT_NOT_YET_VALID", "limit": 1}),
    (
        "An idea in other words than the text's: BM25 finds nothing of use",
        "search",
        {"query": "getting rid of snails without chemicals", "limit": 1},
    ),
    (
        "Dense retrieval finds it by its meaning",
        "vsearch",
        {"query": "getting rid of snails without chemicals", "limit": 1},
    ),
    (
        "A name and a question together: both retrievals, fused",
        "query",
        {"query": "PG_REPLICATION_SLOT fills the drive, is it safe to remove", "limit": 2},
    ),
    ("Chinese", "query", {"query": "缓存同时过期，数据库压力太大怎么办", "limit": 1}),
    ("Reading the document of a hit", "get_document", {"document": "notes/runbooks/postgres-failover.md:1:12"}),
    ("A typing error is explained", "search", {"query": "idmepotency"}),
    ("What the index holds", "status", {}),
)


async def main() -> None:
    """Run every call over one real stdio connection."""
    with tempfile.TemporaryDirectory(prefix="qmd-mcp-demo-") as folder:
        index = str(Path(folder) / "index")
        program = [sys.executable, "-m", "qmd_mcp", "--index", index]
        subprocess.run([*program, "collection", "add", str(NOTES), "--name", "notes"], check=True)  # noqa: ASYNC221  no other task is running yet
        subprocess.run(  # noqa: ASYNC221  no other task is running yet
            [*program, "context", "add", "notes/runbooks", "What to do when production breaks"], check=True
        )
        server = StdioServerParameters(command=program[0], args=[*program[1:], "serve"], env=dict(os.environ))
        async with Client(stdio_client(server)) as client:
            names = [tool.name for tool in (await client.list_tools()).tools]
            print(f"\nThe server speaks MCP {client.protocol_version} and has the tools {', '.join(names)}.")
            for title, tool, arguments in CALLS:
                given = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
                print(f"\n━━━ {title}\n    {tool}({given})\n")
                result = await client.call_tool(tool, arguments)
                print("\n".join(block.text for block in result.content if isinstance(block, TextContent)))


anyio.run(main)
