"""The shape of the source tree: what keeps every room small enough to be read."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "qmd_mcp"
LONGEST_FILE = 300
LARGEST_FOLDER = 15
SOURCES = [
    path
    for folder in ("qmd_mcp", "tests", "benchmarks", "models", "examples")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]


def modules(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*.py") if path.name != "__init__.py"]


def test_no_file_is_too_long_to_be_about_one_thing() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_folder_has_too_many_modules_to_be_taken_in_at_once() -> None:
    counts = Counter(path.parent.relative_to(ROOT) for path in SOURCES if path.name != "__init__.py")
    assert {str(folder): count for folder, count in counts.items() if count > LARGEST_FOLDER} == {}


def test_no_two_modules_of_the_product_have_the_same_name() -> None:
    names = Counter(path.name for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
    assert [name for name, count in names.items() if count > 1] == []


def test_every_room_says_what_happens_in_it() -> None:
    rooms = {path.parent for path in PACKAGE.rglob("*.py")}
    silent = [room.name for room in rooms if not (room / "__init__.py").read_text(encoding="utf-8").startswith('"""')]
    assert silent == []


def test_every_room_with_rooms_in_it_has_a_contract_that_leaves_none_of_them_out() -> None:
    rooms = {path.parent for path in PACKAGE.rglob("*.py")}
    outer = {".".join(room.relative_to(ROOT).parts) for room in rooms if any(each.parent == room for each in rooms)}
    layered = {
        container
        for contract in CONTRACTS
        if contract["type"] == "layers" and contract.get("exhaustive")
        for container in contract["containers"]
    }
    assert outer == layered


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check a copy of the package against its contracts."""
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    program = [sys.executable, "-c", command, "--no-cache"]
    return subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(PACKAGE, tmp_path / "qmd_mcp", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_hold_and_every_module_that_none_of_them_names_breaks_one(copy: Path) -> None:
    for path in ("first_stray.py", "retrieval/second_stray.py", "store/third_stray/__init__.py"):
        (copy / "qmd_mcp" / path).parent.mkdir(exist_ok=True)
        (copy / "qmd_mcp" / path).write_text('"""In no layer."""\n')
    done = lint_imports(copy)
    assert (done.returncode, f"Contracts: {len(CONTRACTS) - 3} kept, 3 broken." in done.stdout) == (1, True)
    assert [stray for stray in ("first_stray", "second_stray", "third_stray") if stray not in done.stdout] == []
