"""Clients that others have written, from npm: installed once into the user's cache, beside every checkout."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from qmd_mcp.settings import cache_folder

PACKAGES = {
    "@modelcontextprotocol/client": "2.4.0",
    "@modelcontextprotocol/conformance": "0.1.13",
    "@modelcontextprotocol/inspector": "1.0.3",
    "@modelcontextprotocol/sdk": "1.32.2",
}
"""The newest that run on Node 20: conformance from 0.1.14 and the Inspector from 2.0 on need Node 22. `client` is the
TypeScript SDK's second edition, `sdk` its first, which most hosts have."""

INSTALLING_SECONDS = 150
PATIENCE = 60
"""Seconds that a client may take on a busy machine."""

_FOLDER = cache_folder() / "npm-clients"


class NoClientsError(Exception):
    """There are none, and this is why."""


@dataclass(frozen=True, slots=True)
class NpmClients:
    """A folder with the packages in it."""

    folder: Path

    def run(self, program: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run a package's command, or a script of ours, with Node."""
        installed = self.folder / "node_modules" / ".bin" / program
        script = installed if installed.exists() else Path(__file__).parent / program
        return subprocess.run(
            ["node", str(script), *arguments],
            cwd=cwd,
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
        )


def installed_clients() -> NpmClients:
    """The packages, installed if they are not yet.

    Raises:
        NoClientsError: Node or npm is missing, or npm cannot get them.
    """
    missing = [program for program in ("node", "npm") if shutil.which(program) is None]
    if missing:
        sentence = f"{' and '.join(missing)} not found on PATH"
        raise NoClientsError(sentence)
    folder = _FOLDER / "_".join(f"{name.partition('/')[2]}-{version}" for name, version in PACKAGES.items())
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            _install(folder)
    return NpmClients(folder)


def _install(folder: Path) -> None:
    """All of it or nothing: whoever finds the folder finds everything in it."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        made = Path(temporary) / "made"
        made.mkdir()
        (made / "package.json").write_text(json.dumps({"private": True, "dependencies": PACKAGES}))
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"]
        try:
            done = subprocess.run(
                command, cwd=made, check=False, capture_output=True, text=True, timeout=INSTALLING_SECONDS
            )
        except subprocess.TimeoutExpired as error:
            sentence = f"npm needed more than {INSTALLING_SECONDS} s to install the clients"
            raise NoClientsError(sentence) from error
        if done.returncode:
            sentence = f"npm could not install the clients: {' '.join(done.stderr.split())[-300:]}"
            raise NoClientsError(sentence)
        made.rename(folder)
