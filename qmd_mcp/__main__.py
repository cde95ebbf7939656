"""The entrance of the program: `qmd-mcp` and `python -m qmd_mcp`."""

import os
import signal

os.umask(0o077)  # what Python, LanceDB and a pull write is for this user alone, as what we write ourselves

# While modules are imported, Ctrl-C ends the process as the operating system does it: an exception in the middle of an
# import would be shown as a trace of libraries. Where SIGINT is ignored, as behind `nohup`, it stays ignored.
INTERRUPTIBLE = signal.getsignal(signal.SIGINT) is signal.default_int_handler
if INTERRUPTIBLE:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import sys
from typing import NoReturn

from qmd_mcp.faults import report


def main() -> NoReturn:
    """Run the command of this process and end it with its exit code."""
    try:
        from qmd_mcp.cli import main as run_and_end
    except Exception as error:  # noqa: BLE001  `report` says it
        sys.exit(report(error, arguments=sys.argv[1:]))
    if INTERRUPTIBLE:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run_and_end()


if __name__ == "__main__":
    main()
