"""A server process for the tests: `python -m tests.e2e.stdio_process KIND INDEX`."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from qmd_mcp.application.engine_protocols import OpenEngine
from qmd_mcp.server.process.stdio_process import load_engine, serve_stdio
from qmd_mcp.settings import locate_index, read_settings
from tests.fakes import open_fake_engine

LOADING = "the engine is being loaded\n"


def load_fake() -> OpenEngine:
    """An engine that is there at once."""
    return open_fake_engine


def load_forever() -> OpenEngine:
    """An import that never comes to an end."""
    sys.stderr.write(LOADING)
    sys.stderr.flush()
    threading.Event().wait()
    raise AssertionError


KINDS = {"fake": load_fake, "stuck": load_forever, "real": load_engine}


def main(kind: str, index: str, *how: str) -> None:
    """Serve an index with one of the engines; `alone` forwards to nobody."""
    settings = read_settings(index=index)
    alone = [sys.executable, "-m", "tests.e2e.stdio_process", kind, index, "alone"]
    serve_stdio(
        settings,
        locate_index(settings, start=Path.cwd()),
        refresh=True,
        forward=not how,
        alone=alone,
        load=KINDS[kind],
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
