"""The log of the program: each record is one line that hides nothing, and a trace below it is set in."""

from __future__ import annotations

import logging
import sys
from textwrap import indent

from qmd_mcp.visible_text import block, one_line


class LogLines(logging.Formatter):
    """Words a record so that no name in it can forge another."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's own name
        """Word the record without its trace."""
        return one_line(f"qmd-mcp: {record.levelname}: {record.message}")

    def formatException(self, ei: object) -> str:  # noqa: N802  logging's own name
        """Word a trace, set in, so that none of its lines looks like a record."""
        return indent(block(super().formatException(ei)), "    ")  # type: ignore[arg-type]  # the base class takes two forms

    def formatStack(self, stack_info: str) -> str:  # noqa: N802  logging's own name
        """Word where a record was made."""
        return indent(block(stack_info), "    ")


def log_to_standard_error() -> None:
    """Let warnings of every part of the program go to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
