"""A server process for the tests: `python -m tests.e2e.http_process KIND INDEX`; its settings are the environment's."""

from __future__ import annotations

import sys
from pathlib import Path

from qmd_mcp.server.process.http_process import serve_http
from qmd_mcp.settings import locate_index, read_settings
from tests.e2e import furnished_process
from tests.e2e.stdio_process import KINDS


def main(kind: str, index: str) -> None:
    """Serve an index with one of the engines; `furnished` is the fake one with what the conformance suite asks for."""
    settings = read_settings(index=index)
    location = locate_index(settings, start=Path.cwd())
    if kind == "furnished":
        furnished_process.main(settings, location)
    else:
        serve_http(settings, location, refresh=True, load=KINDS[kind])


if __name__ == "__main__":
    main(*sys.argv[1:])
