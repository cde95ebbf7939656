"""The columns of every table of an index, and the conversion between their rows and the values of the domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from qmd_mcp.domain.documents import Collection, Context, Document, Passage
from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.store.fulltext.identifiers import identifiers_in

SCHEMA_VERSION = 1
"""Grows when the columns of a table or their meaning change; an index with another version is not opened."""

METADATA = "metadata"
COLLECTIONS = "collections"
DOCUMENTS = "documents"
TERMS = "terms"
PASSAGES_PREFIX = "passages_"
STATES_PREFIX = "states_"

METADATA_SCHEMA = pa.schema([pa.field("key", pa.string(), nullable=False), pa.field("value", pa.string())])

COLLECTIONS_SCHEMA = pa.schema(
    [
        pa.field("name", pa.string(), nullable=False),
        pa.field("root", pa.string(), nullable=False),
        pa.field("globs", pa.list_(pa.string())),
        pa.field("ignores", pa.list_(pa.string())),
        pa.field("context_prefixes", pa.list_(pa.string())),
        pa.field("context_texts", pa.list_(pa.string())),
    ]
)

DOCUMENTS_SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("docid", pa.string(), nullable=False),
        pa.field("collection", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("title", pa.string()),
        pa.field("content_hash", pa.string()),
        pa.field("size", pa.int64()),
        pa.field("mtime_ns", pa.int64()),
        pa.field("indexed_ns", pa.int64()),
        pa.field("passages", pa.int32()),
    ]
)

TERMS_SCHEMA = pa.schema([pa.field("term", pa.string(), nullable=False), pa.field("passages", pa.int64())])


def passages_schema(dimension: int) -> pa.Schema:
    """The columns of the passages of one generation, whose vectors have this dimension."""
    return pa.schema(
        [
            pa.field("docid", pa.string(), nullable=False),
            pa.field("collection", pa.string(), nullable=False),
            pa.field("path", pa.string(), nullable=False),
            pa.field("title", pa.string()),
            pa.field("ordinal", pa.int32(), nullable=False),
            pa.field("heading", pa.list_(pa.string())),
            pa.field("headings", pa.string()),
            pa.field("breadcrumb", pa.string()),
            pa.field("text", pa.string()),
            pa.field("identifiers", pa.string()),
            pa.field("start_line", pa.int32()),
            pa.field("end_line", pa.int32()),
            pa.field("start_char", pa.int64()),
            pa.field("end_char", pa.int64()),
            pa.field("text_hash", pa.string(), nullable=False),
            pa.field("vector", pa.list_(pa.float32(), dimension)),
        ]
    )


PASSAGE_COLUMNS = (
    "docid",
    "collection",
    "path",
    "title",
    "ordinal",
    "heading",
    "breadcrumb",
    "text",
    "start_line",
    "end_line",
    "start_char",
    "end_char",
)
"""The columns from which a `Passage` is made; the others are derived from them for the indexes."""


def passage_rows(passages: Sequence[Passage], vectors: Sequence[FloatArray | None], *, dimension: int) -> pa.Table:
    """Passages and their vectors as rows; the vector is None for a passage that is embedded later."""
    columns: dict[str, list[Any]] = {name: [getattr(passage, name) for passage in passages] for name in PASSAGE_COLUMNS}
    columns["headings"] = [" \n ".join(passage.heading) for passage in passages]
    columns["identifiers"] = [identifiers_in(f"{passage.title}\n{passage.text}") for passage in passages]
    columns["text_hash"] = [passage.text_hash for passage in passages]
    columns["vector"] = list(vectors)
    schema = passages_schema(dimension)
    return pa.table(
        {name: pa.array(columns[name], type=schema.field(name).type) for name in schema.names}, schema=schema
    )


def passages_of(rows: pa.Table) -> tuple[Passage, ...]:
    """The passages of rows that have at least `PASSAGE_COLUMNS`, in the order of the rows."""
    columns = [rows.column(name).to_pylist() for name in PASSAGE_COLUMNS]
    return tuple(
        Passage(
            docid=docid,
            collection=collection,
            path=path,
            title=title,
            ordinal=ordinal,
            heading=tuple(heading),
            breadcrumb=breadcrumb,
            text=text,
            start_line=start_line,
            end_line=end_line,
            start_char=start_char,
            end_char=end_char,
        )
        for (
            docid,
            collection,
            path,
            title,
            ordinal,
            heading,
            breadcrumb,
            text,
            start_line,
            end_line,
            start_char,
            end_char,
        ) in zip(*columns, strict=True)
    )


def vectors_of(rows: pa.Table, *, dimension: int) -> FloatArray:
    """The vectors of rows, [rows, dimension]; NaN for a passage that is not embedded yet."""
    column = rows.column("vector").combine_chunks()
    if column.null_count == 0:
        return np.asarray(column.flatten().to_numpy(zero_copy_only=False), dtype=np.float32).reshape(-1, dimension)
    absent = np.full(dimension, np.nan, dtype=np.float32)
    return np.array([absent if row is None else row for row in column.to_pylist()], dtype=np.float32).reshape(
        -1, dimension
    )


def collection_row(collection: Collection) -> Mapping[str, Any]:
    """A collection as a row."""
    return {
        "name": collection.name,
        "root": collection.root.as_posix(),
        "globs": list(collection.globs),
        "ignores": list(collection.ignores),
        "context_prefixes": [context.prefix for context in collection.contexts],
        "context_texts": [context.text for context in collection.contexts],
    }


def collection_of(row: Mapping[str, Any]) -> Collection:
    """A row as a collection; its root is as it was written, which may be relative to the project's folder."""
    contexts = zip(row["context_prefixes"], row["context_texts"], strict=True)
    return Collection(
        name=row["name"],
        root=Path(row["root"]),
        globs=tuple(row["globs"]),
        ignores=tuple(row["ignores"]),
        contexts=tuple(Context(prefix, text) for prefix, text in contexts),
    )


def document_rows(documents: Sequence[Document]) -> pa.Table:
    """Documents as rows."""
    columns = {name: [getattr(document, name) for document in documents] for name in DOCUMENTS_SCHEMA.names}
    return pa.table(columns, schema=DOCUMENTS_SCHEMA)


def documents_of(rows: pa.Table) -> tuple[Document, ...]:
    """The documents of rows, in the order of the rows."""
    names = [name for name in DOCUMENTS_SCHEMA.names if name != "key"]
    columns = [rows.column(name).to_pylist() for name in names]
    return tuple(Document(**dict(zip(names, values, strict=True))) for values in zip(*columns, strict=True))
