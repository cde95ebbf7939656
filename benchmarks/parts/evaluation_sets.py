"""The evaluation sets that a program's arguments name."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from qmd_mcp.errors import DatasetError
from qmd_mcp.evaluation.datasets import CORPUS, Dataset, read_dataset


def chosen_sets(parser: argparse.ArgumentParser, options: argparse.Namespace) -> list[Dataset]:
    """Read the sets of the options `sets` and `only`: those in a folder, or the folder itself if it is a set.

    The program ends with one sentence if there are none or one cannot be read.
    """
    folder: Path = options.sets
    found = [path for path in (folder, *sorted(folder.glob("*"))) if (path / CORPUS).exists()]
    found = found[:1] if (folder / CORPUS).exists() else found
    if options.only:
        found = [path for path in found if path.name in options.only]
    if not found:
        parser.error(f"there is no set in {folder}: python -m benchmarks.get_sets {folder} downloads the public ones")
    return read_sets(parser, found)


def read_sets(parser: argparse.ArgumentParser, folders: Sequence[Path]) -> list[Dataset]:
    """Read the sets of these folders; the program ends with one sentence if one cannot be read."""
    try:
        return [read_dataset(folder) for folder in folders]
    except DatasetError as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
