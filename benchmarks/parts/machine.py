"""Where a figure is from: the date, machine, versions and command that stand above its table."""

from __future__ import annotations

import os
import platform
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from qmd_mcp import __version__

PACKAGES = ("lancedb", "onnxruntime-gpu", "onnxruntime", "fastembed-gpu", "fastembed", "numpy")


def positive(text: str) -> int:
    """Parse an argument that counts something; argparse turns the ValueError into a usage error."""
    if (number := int(text)) < 1:
        raise ValueError
    return number


def provenance(module: str, arguments: Sequence[str]) -> dict[str, str]:
    """Date, machine, versions and command of a run of one of these modules."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{_cores()} cores, {_processor()}, {platform.system()} {platform.machine()}",
        "versions": ", ".join(_versions()),
        "command": shlex.join(("python", "-m", module, *arguments)),
    }


def memory(line: str = "VmRSS") -> int:
    """Bytes of memory of this process, by a line of Linux's /proc/self/status; 0 on other systems."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    return next((int(each.split()[1]) * 1024 for each in lines if each.startswith(f"{line}:")), 0)


def headed(provenance: dict[str, str], table: Sequence[Sequence[str]]) -> str:
    """The lines that say where a table is from, and the table in Markdown; its first row is the header."""
    header, *rows = table
    lines = [f"| {' | '.join(row)} |" for row in (header, ["---", *["---:"] * (len(header) - 1)], *rows)]
    command = provenance["command"]
    return "\n".join(
        (f"{provenance['date']}; {provenance['machine']}; {provenance['versions']}", "", f"`{command}`", "", *lines)
    )


def _cores() -> int:
    """The number of cores that this process may use, where the platform says so, else of all cores."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    """The name of the CPU; on Linux `platform.processor()` is empty or `x86_64`."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def _versions() -> list[str]:
    """The versions of qmd-mcp, of Python, and of the installed libraries that decide a figure."""
    found = [f"qmd-mcp {__version__}", f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return found
