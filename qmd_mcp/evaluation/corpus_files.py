"""Writing an evaluation set's corpus as files, so that it is indexed as a user's documents are."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from qmd_mcp.evaluation.datasets import Dataset, JudgedDocument

FILES_PER_FOLDER = 1_000
"""Files in one sub-folder, so that no folder is slow to list."""

DIGITS = 7
"""Digits of every name, with leading zeros: the words of a path are searched, and no query has a number like these. A
name without letters is also no part of what is embedded."""


def document_ids(dataset: Dataset) -> dict[str, str]:
    """The document id of each path; it has the order of the set's documents.

    Files are numbered in the order of the SHA-256 of their documents' ids. Neither the ids, which may hold words, nor
    the order of the set, which may have relevant documents first, reaches the index.
    """
    ids = [document.document_id for document in dataset.documents]
    numbers = {each: number for number, each in enumerate(sorted(ids, key=_digest))}
    return {_path(document, numbers[document.document_id]): document.document_id for document in dataset.documents}


def write_corpus(dataset: Dataset, folder: Path) -> dict[str, str]:
    """Write every document as one file, and delete every other file of the folder.

    A file that has the right content already is not written again, so an interrupted run continues where it stopped.

    A titled document becomes Markdown with front matter, an untitled one plain text.

    Returns:
        The document id of each path relative to the folder.
    """
    ids = document_ids(dataset)
    _delete_others(ids, folder)
    for path, document in zip(ids, dataset.documents, strict=True):
        file, content = folder / path, _content(document).encode()
        if not file.exists() or file.read_bytes() != content:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    return ids


def _digest(document_id: str) -> bytes:
    return hashlib.sha256(document_id.encode()).digest()


def _path(document: JudgedDocument, number: int) -> str:
    suffix = ".md" if document.title else ".txt"
    return f"{number // FILES_PER_FOLDER:0{DIGITS}}/{number:0{DIGITS}}{suffix}"


def _delete_others(paths: Mapping[str, str], folder: Path) -> None:
    """Delete what an earlier version wrote under other names: it would be indexed a second time."""
    for file in [file for file in folder.rglob("*") if file.is_file()]:
        if file.relative_to(folder).as_posix() not in paths:
            file.unlink()


def _content(document: JudgedDocument) -> str:
    """The content of a document's file; the YAML library quotes the title, which may contain colons and hashes."""
    if not document.title:
        return f"{document.text}\n"
    front_matter = yaml.safe_dump({"title": document.title}, allow_unicode=True, width=sys.maxsize)
    return f"---\n{front_matter}---\n\n{document.text}\n"
