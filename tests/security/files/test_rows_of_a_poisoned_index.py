"""Rows of an index that name files which do not belong to their collection."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from qmd_mcp.application.engine import Engine, open_engine
from qmd_mcp.corpus.scanning.admission import refusal
from qmd_mcp.corpus.scanning.disk_files import is_spelled
from qmd_mcp.corpus.scanning.scan import ScannedFile, scan
from qmd_mcp.domain.documents import Collection, Document, docid_of
from qmd_mcp.errors import UnreadableDocumentError
from qmd_mcp.settings import IndexLocation, Settings
from qmd_mcp.store.lance.database import Database
from qmd_mcp.store.tables.document_table import DocumentTable

pytestmark = pytest.mark.anyio

TEXT = "token: of somebody"
PLANTED = {
    ".git/config": "not in the collection",
    "node_modules/x/readme.md": "not in the collection",
    "private/plan.md": "not in the collection",
    "drafts/plan.md": "not in the collection",
    "sub/.ssh/notes.md": "secret by its name",
    "sub/.env": "secret by its name",
    "picture.png": "not in the collection",
    "index/metadata.lance/x.md": "not in the collection",
    "index/notes.md": "not in the collection",
    "large.md": "too large",
}
LINKS = {"link.md": "a link in its path", "folder/a.md": "a link in its path", "loop.md": "a link in its path"}
WHOLE = {**PLANTED, **LINKS} if sys.platform != "win32" else PLANTED


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    root = tmp_path / "notes"
    for path in ("good.md", *PLANTED):
        place = Path(os.path.normpath(root / path))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(TEXT * (1_000 if path == "large.md" else 1))
    (root / ".gitignore").write_text("private/\n")
    if sys.platform != "win32":
        (root / "link.md").symlink_to(tmp_path / "outside.md")
        (root / "folder").symlink_to("sub")
        (root / "sub/a.md").write_text(TEXT)
        (root / "loop.md").symlink_to("loop.md")
    return Collection("notes", root, ("**/*.md",), ("drafts/",))


def row(path: str) -> Document:
    """What somebody writes into an index by hand to have a file read."""
    content_hash = sha256(TEXT.encode()).hexdigest()
    return Document(docid_of("notes", path, content_hash), "notes", path, path, content_hash, len(TEXT), 2, 3, 0)


@pytest.fixture
async def engine(tmp_path: Path, collection: Collection) -> AsyncGenerator[Engine]:
    settings = Settings(max_file_bytes=1_024, refresh_seconds=3600)
    location = IndexLocation(str(tmp_path / "elsewhere"))
    async with open_engine(settings, location, create=True) as making:
        await making.writing.add_collection(collection)
        await making.writing.update(embed=False)
    database = await Database.open(location.uri)
    try:
        await (await DocumentTable.open(database)).put([row(path) for path in WHOLE])
    finally:
        database.close()
    async with open_engine(settings, location) as opened:
        yield opened


async def test_only_what_the_rules_of_its_collection_let_in_is_read(engine: Engine) -> None:
    read = await engine.reading.get("notes/good.md", from_line=None, max_lines=None, line_numbers=False)
    assert read.text == TEXT
    refused = {}
    for path in WHOLE:
        with pytest.raises(UnreadableDocumentError) as raised:
            await engine.reading.get(row(path).docid, from_line=None, max_lines=None, line_numbers=False)
        refused[path] = str(raised.value)
    assert [path for path, sentence in refused.items() if f"({WHOLE[path]})" not in sentence] == []
    many = await engine.reading.get_many(
        [row(path).docid for path in WHOLE], max_lines=None, max_bytes=1_000, line_numbers=False
    )
    assert (many.documents, len(many.skipped)) == ((), len(WHOLE))
    states = await engine.reading.freshness([replace(row(path), mtime_ns=1) for path in WHOLE])
    assert set(states.values()) <= {"missing", "changed"}


def test_what_is_refused_by_its_path_is_what_a_walk_leaves_out(collection: Collection) -> None:
    found = {entry.path for entry in scan(collection) if isinstance(entry, ScannedFile)}
    files = [Path(folder) / name for folder, _, names in os.walk(collection.root) for name in names]
    every = {file.relative_to(collection.root).as_posix() for file in files if not file.is_symlink()}
    assert {path for path in every if refusal(collection, path) is None} == found


def test_a_name_in_other_letters_than_those_of_the_folder_is_told_from_it(collection: Collection) -> None:
    spelled = {path: is_spelled(collection.root, path) for path in ("sub/.env", "SUB/.env", "sub/.ENV", "good.md")}
    assert spelled == {"sub/.env": True, "SUB/.env": False, "sub/.ENV": False, "good.md": True}
