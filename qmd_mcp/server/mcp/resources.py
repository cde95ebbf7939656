"""Documents as resources, for clients in which a person picks them."""

from __future__ import annotations

from dataclasses import dataclass, field

from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp_types import Completion

from qmd_mcp.application.engine_protocols import EngineSource
from qmd_mcp.domain.answers import Excerpt
from qmd_mcp.errors import DocumentNotFoundError, QmdError, SectionNotFoundError, UnreadableDocumentError
from qmd_mcp.presentation.disclosure import Disclosure, Everything
from qmd_mcp.presentation.rendering import render_excerpt
from qmd_mcp.server.clients.audit_file import NO_AUDIT, AuditFile, NoAudit
from qmd_mcp.visible_text import one_line

TEMPLATE = "qmd://{+path}"
"""The form of the address that every hit carries."""

MOST_COMPLETIONS = 100
"""The most values that the protocol allows in one completion."""


@dataclass(frozen=True, slots=True)
class Resources:
    """Reads and completes `qmd://` addresses."""

    engine: EngineSource
    disclosure: Disclosure = field(default_factory=Everything)
    audit: AuditFile | NoAudit = NO_AUDIT

    async def document(self, path: str) -> str:
        """Read a document of the index, quoted as data; lines may follow: qmd://notes/a.md:10:40."""
        try:
            excerpt = await self._read(path)
        except (DocumentNotFoundError, SectionNotFoundError, UnreadableDocumentError) as error:
            raise ResourceNotFoundError(self.disclosure.sentence(error)) from error
        except QmdError as error:
            raise ResourceError(self.disclosure.sentence(error)) from error
        return render_excerpt(excerpt)

    async def complete(self, begun: str) -> Completion:
        """Complete a path: collections and documents that begin so, then documents whose file name does."""
        try:
            engine = await self.engine()
            found = completed(begun, await engine.reading.keys())
            await self.audit.record("completion", begun, tuple(found.values), transport="mcp")
        except QmdError:
            return Completion(values=[])
        return found

    async def _read(self, path: str) -> Excerpt:
        try:
            engine = await self.engine()
            excerpt = await engine.reading.get(path, from_line=None, max_lines=None, line_numbers=False)
        except QmdError as error:
            await self.audit.record("resource", path, error, transport="mcp")
            raise
        await self.audit.record("resource", path, excerpt, transport="mcp")
        return excerpt


def completed(begun: str, keys: tuple[str, ...]) -> Completion:
    """List what a path may become: collections first, then documents.

    A document whose path cannot be shown as it is, is left out: completed, it would name another one.
    """
    start = begun.casefold()
    keys = tuple(key for key in keys if one_line(key) == key)
    collections = [f"{name}/" for name in sorted({key.split("/", 1)[0] for key in keys})]
    near = [name for name in collections if name.casefold().startswith(start)] if "/" not in begun else []
    documents = sorted(key for key in keys if key.casefold().startswith(start))
    elsewhere = sorted(key for key in keys if start and key.rsplit("/", 1)[-1].casefold().startswith(start))
    values = list(dict.fromkeys([*near, *documents, *elsewhere]))
    return Completion(values=values[:MOST_COMPLETIONS], total=len(values), has_more=len(values) > MOST_COMPLETIONS)
