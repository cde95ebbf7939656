"""The MCP server: tools behind checked arguments, errors as sentences."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from inspect import cleandoc
from textwrap import shorten
from typing import Any, Literal, Protocol

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolResult,
    Completion,
    CompletionArgument,
    CompletionContext,
    GetPromptResult,
    InputRequiredResult,
    PromptReference,
    ResourceTemplateReference,
    TextContent,
)
from mcp_types import Tool as ListedTool

from qmd_mcp import __version__
from qmd_mcp.application.engine_protocols import Engine
from qmd_mcp.errors import QmdError
from qmd_mcp.presentation.guidance import INSTRUCTIONS, guide, instructions_for
from qmd_mcp.presentation.quotation import one_line
from qmd_mcp.server.mcp.arguments import fit, known_tool
from qmd_mcp.server.mcp.resources import TEMPLATE, Resources
from qmd_mcp.server.mcp.tools import Tools

logger = logging.getLogger(__name__)

_LONGEST_NAME = 60
"""Characters of a wrong name that are repeated back."""


class Observer(Protocol):
    """Is told of every call."""

    def finished(self, tool: str, *, seconds: float, result: CallToolResult | Exception) -> None:
        """A call has ended, one way or the other."""
        ...


class Nobody:
    """Does not look."""

    def finished(self, tool: str, *, seconds: float, result: CallToolResult | Exception) -> None:
        """Forget it."""


def _nothing() -> None:
    pass


class Application(MCPServer[Any]):
    """Answers every transport alike.

    The SDK ignores unknown arguments, answers unfit ones in pydantic's words and puts its own prefix before a tool's
    error; so `call_tool`, through which every call comes, checks first and words errors itself.
    """

    def __init__(
        self,
        tools: Tools,
        *,
        listed: Callable[[], None] = _nothing,
        observer: Observer | None = None,
        admission: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """Every call is made within an `admission`, which may refuse it."""
        registered = tools.registered()
        super().__init__(
            "qmd-mcp",
            title="Local search",
            instructions=INSTRUCTIONS,
            version=__version__,
            tools=registered,
            log_level="WARNING",
            subscriptions=False,
        )
        self.tools = registered
        resources = Resources(tools.engine, tools.disclosure)
        self.resource(
            TEMPLATE, name="document", title="Document", description=cleandoc(resources.document.__doc__ or "")
        )(resources.document)
        self.prompt(name="search_guide", title="How to search well")(guide)
        self.completion()(partial(_completed, resources))  # type: ignore[no-untyped-call]  # the SDK's own gap
        self._schemas = {tool.name: tool.parameters for tool in registered}
        self._listed = listed
        self._disclosure = tools.disclosure
        self._observer = observer or Nobody()
        self._admission = admission

    async def describe(self, engine: Engine, *, contexts: Literal["with", "without"]) -> None:
        """Tell clients that come from now on what the index has.

        An index that came with a project goes without its contexts: they are somebody else's sentences, and these are
        instructions.
        """
        self._lowlevel_server.instructions = instructions_for(
            await engine.status(), await engine.collections(), contexts=contexts
        )

    async def list_tools(self) -> list[ListedTool]:
        """The tools; tells whoever waits for it that a client knows them now."""
        tools = await super().list_tools()
        self._listed()
        return tools

    async def answer(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult:
        """Call a tool, for whoever words errors in another way than MCP.

        Raises:
            QmdError: what the caller or the operator should change.
            Exception: a bug.
        """
        started = time.perf_counter()
        outcome: CallToolResult | Exception
        try:
            with self._admission():
                outcome = await self._result(name, arguments, context)
        except MCPError:
            raise
        except Exception as error:  # noqa: BLE001  raised again below
            outcome = _fault(error)
        known = name if name in self._schemas else "unknown"
        self._observer.finished(known, seconds=time.perf_counter() - started, result=outcome)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool; whatever goes wrong is a result with one sentence."""
        try:
            return await self.answer(name, arguments, context)
        except MCPError:
            raise
        except Exception as error:  # noqa: BLE001  worded and logged there
            return _failure(self.worded(name, error))

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[Any, Any] | None = None
    ) -> GetPromptResult | InputRequiredResult:
        """A prompt; one that is not there is the caller's mistake, which the SDK would log as a fault of ours."""
        known = [prompt.name for prompt in await self.list_prompts()]
        if name not in known:
            sentence = f"There is no prompt {_named(name)!r}. The prompts are {', '.join(known)}."
            raise MCPError(INVALID_PARAMS, sentence)
        return await super().get_prompt(name, arguments, context)

    def worded(self, name: str, error: Exception) -> str:
        """One sentence for whatever went wrong; a bug is logged here and says nothing of itself."""
        if isinstance(error, QmdError):
            return self._disclosure.sentence(error)
        logger.error("%s failed", name, exc_info=error)
        return f"{name} failed because of a fault in the server, which has logged it. Try another call."

    async def _result(self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None) -> CallToolResult:
        fitting = fit(name, arguments, known_tool(name, self._schemas))
        result = await super().call_tool(name, fitting, context)
        assert isinstance(result, CallToolResult)  # no tool asks for input
        return result


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


def _fault(error: Exception) -> Exception:
    """What went wrong, without the SDK's way to it."""
    cause = error.__cause__ if isinstance(error, ToolError) else None
    return cause if isinstance(cause, Exception) else error


def _failure(sentence: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=sentence)], is_error=True)
