"""The MCP server: what a client lists, calls, reads and completes, with every error as one sentence."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from inspect import cleandoc
from textwrap import shorten
from typing import Any, Literal, Protocol

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolResult,
    Completion,
    CompletionArgument,
    CompletionContext,
    ErrorData,
    GetPromptResult,
    InputRequiredResult,
    PromptReference,
    ResourceTemplateReference,
    TextContent,
)
from mcp_types import Tool as ListedTool

from qmd_mcp import __version__
from qmd_mcp.application.engine_protocols import Engine
from qmd_mcp.application.tool_calls import TOOLS, Value
from qmd_mcp.errors import QmdError
from qmd_mcp.presentation.guidance import INSTRUCTIONS, guide, instructions_for
from qmd_mcp.presentation.quotation import shown
from qmd_mcp.server.clients.audit_file import NO_AUDIT, AuditFile, NoAudit, Transport, subject_of
from qmd_mcp.server.clients.client import PRESENT
from qmd_mcp.server.mcp.answered_lines import AnsweredLines
from qmd_mcp.server.mcp.progress import told
from qmd_mcp.server.mcp.resources import TEMPLATE, Resources
from qmd_mcp.server.mcp.tools import Tools
from qmd_mcp.visible_text import one_line

logger = logging.getLogger(__name__)

INTRODUCTIONS = frozenset({"initialize", "server/discover"})
"""The methods whose answer has the instructions, of the protocol before 2026-07-28 and since."""

_LONGEST_NAME = 60
"""Characters of a wrong name that are repeated back."""


class Observer(Protocol):
    """Is told of every call of a tool."""

    def finished(self, tool: str, *, seconds: float, outcome: Value | Exception) -> None:
        """Take note of a call that has ended with a value or with an error."""
        ...


class Unobserved:
    """An observer that records nothing."""

    def finished(self, tool: str, *, seconds: float, outcome: Value | Exception) -> None:
        """Do nothing."""


def _nothing() -> None:
    pass


class Application(MCPServer[Any]):
    """The MCP server: it answers alike over every transport.

    The SDK would ignore unknown arguments, answer unfit ones in pydantic's words, put its own prefix before a tool's
    error, and validate every result a second time. So the tools are not registered with it: `list_tools` and
    `call_tool`, through which every client comes, are our own.
    """

    def __init__(
        self,
        tools: Tools,
        *,
        listed: Callable[[], None] = _nothing,
        observer: Observer | None = None,
        admission: Callable[[], AbstractContextManager[None]] = nullcontext,
        audit: AuditFile | NoAudit = NO_AUDIT,
    ) -> None:
        """`listed` is called when a client has been given the tools; every call is made within an `admission`."""
        super().__init__(
            "qmd-mcp",
            title="Local search",
            instructions=INSTRUCTIONS,
            version=__version__,
            log_level="WARNING",
            subscriptions=False,
            middleware=(_errors_shown,),
        )
        resources = Resources(tools.engine, tools.disclosure, audit)
        self._lowlevel_server.middleware.append(self._instruct)
        self.resource(
            TEMPLATE, name="document", title="Document", description=cleandoc(resources.document.__doc__ or "")
        )(resources.document)
        self.prompt(name="search_guide", title="How to search well")(guide)
        self.completion()(partial(_completed, resources))  # type: ignore[no-untyped-call]  # the SDK's own gap
        self._tools = tools
        self._tools_listed = tools.listed()
        self._listed = listed
        self._disclosure = tools.disclosure
        self._observer = observer or Unobserved()
        self._admission = admission
        self._audit = audit
        self._described: tuple[Engine, Literal["with", "without"]] | None = None

    async def describe(self, engine: Engine, *, contexts: Literal["with", "without"]) -> None:
        """Name the collections of the index in the instructions that clients read when they connect from now on.

        The contexts of an index that came with a project are left out: somebody else wrote them, and a client takes
        these sentences for instructions.
        """
        self._described = engine, contexts
        self._lowlevel_server.instructions = instructions_for(
            await engine.status(), await engine.collections(), contexts=contexts
        )

    async def _instruct(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Put into the answer to a client that introduces itself what exists for this client, if that is not all."""
        result = await call_next(ctx)
        client = PRESENT.get(None)
        if client is None or client.collections is None or ctx.method not in INTRODUCTIONS:
            return result
        assert isinstance(result, dict)
        instructions = INSTRUCTIONS
        try:
            if self._described is not None:
                engine, contexts = client.engine(self._described[0]), self._described[1]
                instructions = instructions_for(await engine.status(), await engine.collections(), contexts=contexts)
        except Exception as error:  # noqa: BLE001  the general instructions are given
            logger.info("The instructions could not be made for %s: %s", client.name, error)
        return {**result, "instructions": instructions}

    async def run_stdio_async(self) -> None:
        """Serve over standard input and output, and answer malformed lines, which the SDK would pass over."""
        async with stdio_server() as (lines, answers):
            server = self._lowlevel_server
            await server.run(AnsweredLines(lines, answers), answers, server.create_initialization_options())

    async def list_tools(self) -> list[ListedTool]:
        """List the tools, and report that a client knows them now."""
        self._listed()
        return self._tools_listed

    async def answer(
        self,
        name: str,
        arguments: dict[str, Any],
        context: Context[Any, Any] | None = None,
        *,
        transport: Transport = "mcp",
    ) -> Value:
        """Call a tool and return the engine's value, which MCP words as text and REST encodes as JSON.

        Raises:
            QmdError: what the caller or the operator must change.
            Exception: a bug.
        """
        started = time.perf_counter()
        outcome: Value | Exception
        try:
            with self._admission():
                async with told(context) as watch:
                    outcome = await self._tools.call(name, arguments, watch)
        except Exception as error:  # noqa: BLE001  raised again below, once it has been counted
            outcome = error
        known = name if name in TOOLS else "unknown"
        self._observer.finished(known, seconds=time.perf_counter() - started, outcome=outcome)
        await self._audit.record(known, subject_of(arguments), outcome, transport=transport)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool for an MCP client; whatever goes wrong is a result with one sentence."""
        try:
            return self._tools.result(await self.answer(name, arguments, context))
        except Exception as error:  # noqa: BLE001  `worded` logs what is not our own error
            return _failure(self.worded(name, error))

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[Any, Any] | None = None
    ) -> GetPromptResult | InputRequiredResult:
        """Fill in a prompt. The SDK would log an unknown name as a fault of the server; it is the caller's mistake."""
        prompts = {prompt.name: prompt for prompt in await self.list_prompts()}
        if name not in prompts:
            sentence = f"There is no prompt {_named(name)!r}. The prompts are {', '.join(prompts)}."
            raise MCPError(INVALID_PARAMS, sentence)
        taken = [argument.name for argument in prompts[name].arguments or ()]
        unknown = [argument for argument in arguments or {} if argument not in taken]
        if unknown:
            sentence = f"{name} does not take {_named(unknown[0])!r}; it takes {', '.join(taken)}."
            raise MCPError(INVALID_PARAMS, sentence)
        return await super().get_prompt(name, arguments, context)

    def worded(self, name: str, error: Exception) -> str:
        """Put what went wrong into one sentence; a bug is logged here, and its own text stays on the server."""
        if isinstance(error, QmdError):
            return self._disclosure.sentence(error)
        logger.error("%s failed", name, exc_info=error)
        return f"{name} failed because of a fault in the server, which has logged it. Try another call."


async def _errors_shown(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Pass a message on; an error of the SDK, which repeats what the client has sent, hides nothing."""
    try:
        return await call_next(ctx)
    except MCPError as error:
        error.error = ErrorData(code=error.code, message=one_line(error.message), data=shown(error.data))
        raise


async def _completed(
    resources: Resources,
    reference: PromptReference | ResourceTemplateReference,
    argument: CompletionArgument,
    _context: CompletionContext | None,
) -> Completion | None:
    if isinstance(reference, ResourceTemplateReference) and argument.name == "path":
        return await resources.complete(argument.value)
    return None


def _named(name: str) -> str:
    return shorten(one_line(name), _LONGEST_NAME, placeholder="…")


def _failure(sentence: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=sentence)], is_error=True)
