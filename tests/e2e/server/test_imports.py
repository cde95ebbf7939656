"""What a process imports before it is asked for anything."""

from __future__ import annotations

import subprocess
import sys

from tests.e2e.http_server import PROJECT


def test_the_server_itself_imports_nothing_heavy() -> None:
    """All of it, the tools included."""
    script = (
        "import sys, qmd_mcp.server.process.stdio_process, qmd_mcp.server.process.served_application\n"
        "print(sorted({'lancedb', 'pyarrow', 'numpy', 'fastembed', 'onnxruntime', 'tokenizers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_rendering_and_encoding_need_no_sdk() -> None:
    """The command line uses them, too."""
    script = (
        "import sys, qmd_mcp.presentation.rendering, qmd_mcp.presentation.json_encoding; print('mcp' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
