"""Writing an evaluation set's corpus as files, so that it is indexed as a user's documents are."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from qmd_mcp.evaluation.datasets import Dataset, JudgedDocument

FILES_PER_FOLDER = 1_000
"""Files in one sub-folder, so that no folder is slow to list."""


def document_ids(dataset: Dataset) -> dict[str, str]:
    """The document id of each path; files are numbered, so that no id, which may hold words, reaches the index."""
    return {
        f"{number // FILES_PER_FOLDER:03}/{number:06}{'.md' if document.title else '.txt'}": document.document_id
        for number, document in enumerate(dataset.documents)
    }


def write_corpus(dataset: Dataset, folder: Path) -> dict[str, str]:
    """Write every document as one file.

    A file that has the right content already is not written again, so an interrupted run continues where it stopped.

    A titled document becomes Markdown with front matter, an untitled one plain text.

    Returns:
        The document id of each path relative to the folder.
    """
    ids = document_ids(dataset)
    for path, document in zip(ids, dataset.documents, strict=True):
        file, content = folder / path, _content(document).encode()
        if not file.exists() or file.read_bytes() != content:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    return ids


def _content(document: JudgedDocument) -> str:
    """The content of a document's file; the YAML library quotes the title, which may contain colons and hashes."""
    if not document.title:
        return f"{document.text}\n"
    front_matter = yaml.safe_dump({"title": document.title}, allow_unicode=True, width=sys.maxsize)
    return f"---\n{front_matter}---\n\n{document.text}\n"
