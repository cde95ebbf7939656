"""The server with the prompts and resources that the conformance suite asks for by name, behind the same routes."""

from __future__ import annotations

import json
import sys

import anyio
import uvicorn

from qmd_mcp.server.clients.proof import ServerIdentity
from qmd_mcp.server.http.prometheus import Metrics
from qmd_mcp.server.http.traffic import Traffic
from qmd_mcp.server.http.web_application import web_application
from qmd_mcp.server.mcp.mcp_application import Application
from qmd_mcp.server.mcp.tools import Tools
from qmd_mcp.server.process.http_process import bound, url_of
from qmd_mcp.settings import IndexLocation, Settings
from tests.fakes import open_fake_engine


def simple() -> str:
    """Take nothing."""
    return "This is a simple prompt for testing."


def with_arguments(arg1: str, arg2: str) -> str:
    """Take two arguments."""
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


def static() -> str:
    """Stand still."""
    return "This is the content of the static text resource."


def templated(id: str) -> str:  # noqa: A002  the template's own name for it
    """Answer for any number."""
    return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


async def serve(settings: Settings, location: IndexLocation) -> None:
    """Serve until killed."""
    async with open_fake_engine(settings, location) as engine:

        async def opened() -> object:
            return engine

        application = Application(Tools(opened))
        application.prompt(name="test_simple_prompt")(simple)
        application.prompt(name="test_prompt_with_arguments")(with_arguments)
        application.resource("test://static-text", mime_type="text/plain")(static)
        application.resource("test://template/{id}/data", mime_type="application/json")(templated)
        web = web_application(
            application,
            settings=settings,
            traffic=Traffic(max_requests=100, max_streams=100, max_body_bytes=1_000_000, idle_seconds=60),
            metrics=Metrics(),
            state=lambda: "open",
            identity=ServerIdentity("", "furnished"),
        )
        with bound(settings) as listener:
            sys.stderr.write(f"qmd-mcp: serving {url_of(listener)}\n")
            await uvicorn.Server(uvicorn.Config(web, log_config=None)).serve(sockets=[listener])


def main(settings: Settings, location: IndexLocation) -> None:
    """Run it."""
    anyio.run(serve, settings, location)
