"""Renaming a collection in steps that the next writer goes on with, wherever a process died."""

from __future__ import annotations

import dataclasses
import json

from qmd_mcp.domain.documents import Document, docid_of
from qmd_mcp.store.generation import serving, thaw
from qmd_mcp.store.open_index import OpenIndex
from qmd_mcp.store.tables.passage_table import PassageTable

RENAMING = "renaming"
"""Key of the metadata that holds the old and the new name of a collection while it is being renamed."""


def skipped_key(collection: str) -> str:
    """The key of the metadata for how many files of a collection were left out, by reason."""
    return f"skipped {collection}"


async def begin_rename(index: OpenIndex, name: str, new_name: str) -> None:
    """Note that a collection is to be renamed, and rename it; from the note on it will be renamed."""
    await index.database.put(**{RENAMING: json.dumps([name, new_name])})
    await finish_rename(index)


async def finish_rename(index: OpenIndex) -> tuple[str, str] | None:
    """Go on with a rename that has been noted, and return both names; None if there is none.

    No file is read. Passages are written under the new name first, where they are invisible. One commit then exchanges
    the rows of the documents, and what is left under the old name is deleted afterwards. The terms stay the same.
    """
    metadata = await index.database.metadata()
    noted = metadata.get(RENAMING)
    if not noted:
        return None
    name, new_name = json.loads(noted)
    known = {each.name: each for each in await index.collections.all()}
    if name in known:
        await index.collections.put(dataclasses.replace(known[name], name=new_name))
        await _rename_documents(index, name, new_name)
        await index.collections.remove(name)
    left_out = {skipped_key(new_name): metadata.get(skipped_key(name), "{}"), skipped_key(name): "{}"}
    await index.database.put(**{RENAMING: "", **left_out})
    return name, new_name


async def _rename_documents(index: OpenIndex, name: str, new_name: str) -> None:
    generation = await serving(index.database)
    if generation is None:
        return
    await thaw(index.database, generation, documents=index.documents)
    passages = await PassageTable.open(
        index.database, fingerprint=generation.fingerprint, dimension=generation.dimension
    )
    before = {each.docid: each for each in await index.documents.of_collection(name)}
    after = {docid: _renamed(document, new_name) for docid, document in before.items()}
    if after:  # otherwise they are exchanged already
        await passages.remove([each.docid for each in after.values()])  # what a process left that died here
        await passages.copy({docid: each.docid for docid, each in after.items()}, collection=new_name)
        await index.documents.exchange(name, tuple(after.values()))
    await passages.remove_collection(name)


def _renamed(document: Document, collection: str) -> Document:
    docid = docid_of(collection, document.path, document.content_hash, reading=document.reading)
    return dataclasses.replace(document, docid=docid, collection=collection)
