"""How the libraries are set before they are imported."""

import subprocess
import sys

SCRIPT = """
import sys, qmd_mcp
assert "numpy" not in sys.modules
import os
print(os.environ["OPENBLAS_NUM_THREADS"], os.environ["ORT_DISABLE_TELEMETRY"])
"""


def test_products_take_one_thread_unless_the_user_says_otherwise() -> None:
    environment = {"PATH": "", "ORT_DISABLE_TELEMETRY": "0"}
    said = [
        subprocess.run([sys.executable, "-c", SCRIPT], env=each, capture_output=True, text=True, check=True).stdout
        for each in (environment, {**environment, "OPENBLAS_NUM_THREADS": "3"})
    ]
    assert said == ["1 1\n", "3 1\n"]
