"""The columns of every table of an index, and the conversion between their rows and the values of the domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from qmd_mcp.domain.documents import Collection, Context, Document, Passage
from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.domain.properties import Properties
from qmd_mcp.domain.stored_names import altered, check_stored, has_control_character, is_normal_path, is_stored_name
from qmd_mcp.domain.text.folding import folded
from qmd_mcp.domain.text.identifiers import identifiers_in
from qmd_mcp.domain.text.searched_text import SearchedText
from qmd_mcp.store.lance.passage_details import details_of, passage_of, with_attributes

SCHEMA_VERSION = 3
"""Grows when the columns of a table or their meaning change; `migration` brings an older index up to date."""

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

PROPERTY_FIELDS = (
    pa.field("aliases", pa.list_(pa.string())),
    pa.field("tags", pa.list_(pa.string())),
    pa.field("about", pa.string()),
    pa.field("date_ns", pa.int64()),
)
"""The columns of a document's `Properties`."""

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
        *PROPERTY_FIELDS,
        pa.field("reading", pa.string()),
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
            pa.field("ordinal", pa.int32(), nullable=False),
            pa.field("text", pa.string()),
            pa.field("details", pa.string()),
            pa.field("date_ns", pa.int64()),
            pa.field("tag_paths", pa.list_(pa.string())),
            pa.field("words", pa.string()),
            pa.field("titles", pa.string()),
            pa.field("labels", pa.string()),
            pa.field("identifiers", pa.string()),
            pa.field("text_hash", pa.string(), nullable=False),
            pa.field("vector", pa.list_(pa.float32(), dimension)),
        ]
    )


_PASSAGE_KEYS = ("docid", "collection", "path", "ordinal", "text", "text_hash")
"""The columns of passages that hold an attribute of `Passage` as it is."""

_PROPERTIES = tuple(field.name for field in PROPERTY_FIELDS)

PASSAGE_COLUMNS = ("text", "details")
"""The columns from which a `Passage` is made; the others are derived from it for filters and indexes."""


def passage_rows(passages: Sequence[Passage], vectors: Sequence[FloatArray | None], *, dimension: int) -> pa.Table:
    """Passages and their vectors as rows; the vector is None for a passage that is embedded later."""
    columns: dict[str, list[Any]] = {name: [getattr(passage, name) for passage in passages] for name in _PASSAGE_KEYS}
    columns["details"] = [details_of(passage) for passage in passages]
    columns["date_ns"] = [passage.properties.date_ns for passage in passages]
    columns["tag_paths"] = [tag_paths(passage.properties.tags) for passage in passages]
    columns |= _search_columns(passages)
    columns["vector"] = list(vectors)
    schema = passages_schema(dimension)
    return pa.table(
        {name: pa.array(columns[name], type=schema.field(name).type) for name in schema.names}, schema=schema
    )


def renamed_rows(rows: pa.Table, docids: Mapping[str, str], *, collection: str) -> pa.Table:
    """Rows of passages with other docids, by the docid they have, and as those of another collection."""
    names = [docids[docid] for docid in rows["docid"].to_pylist()]
    details = zip(rows["details"].to_pylist(), names, strict=True)
    new = {
        "docid": pa.array(names, type=pa.string()),
        "collection": pa.array([collection] * rows.num_rows, type=pa.string()),
        "details": pa.array(
            [with_attributes(each, docid=docid, collection=collection) for each, docid in details], type=pa.string()
        ),
    }
    return pa.table({name: new.get(name, rows[name]) for name in rows.column_names}, schema=rows.schema)


def _search_columns(passages: Sequence[Passage]) -> dict[str, list[Any]]:
    """What the full-text indexes are made of."""
    searched = [SearchedText.of(passage) for passage in passages]
    return {
        "words": [each.words for each in searched],
        "titles": [each.titles for each in searched],
        "labels": [each.labels for each in searched],
        "identifiers": [identifiers_in(_named(passage)) for passage in passages],
    }


def _named(passage: Passage) -> str:
    """Everything of a passage in which names are looked for."""
    about = passage.properties
    return "\n".join(
        (passage.path, passage.title, *about.aliases, *about.tags, about.about, passage.table_header, passage.text)
    )


def tag_paths(tags: Sequence[str]) -> list[str]:
    """The tags as filters compare them: folded, each with the tags above it; `a/b` gives `a` and `a/b`."""
    found: dict[str, None] = {}
    for tag in tags:
        parts = folded(tag).split("/")
        found.update(dict.fromkeys("/".join(parts[:count]) for count in range(1, len(parts) + 1)))
    return list(found)


def passages_of(rows: pa.Table) -> tuple[Passage, ...]:
    """The passages of rows that have at least `PASSAGE_COLUMNS`, in the order of the rows.

    Raises:
        UnsafeIndexError: a row names a place that no document of an index has, or cannot be read.
    """
    texts, details = (rows.column(name).to_pylist() for name in PASSAGE_COLUMNS)
    try:
        passages = tuple(map(passage_of, texts, details))
    except (KeyError, TypeError, ValueError) as error:
        raise altered("a passage without", str(error)) from error
    check_stored([passage.collection for passage in passages], [passage.path for passage in passages])
    return passages


def _properties_of(rows: pa.Table) -> list[Properties]:
    columns = (rows.column(name).to_pylist() for name in _PROPERTIES)
    return [
        Properties(tuple(aliases), tuple(tags), about, date_ns)
        for aliases, tags, about, date_ns in zip(*columns, strict=True)
    ]


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
    """A row as a collection; its root is as it was written, which may be relative to the project's folder.

    Raises:
        UnsafeIndexError: its name, a pattern or the path of a context is none that this program writes.
    """
    if not is_stored_name(row["name"]):
        raise altered("a collection named", row["name"])
    for pattern in (*row["globs"], *row["ignores"]):
        if has_control_character(pattern):
            raise altered("the pattern", pattern)
    for prefix in row["context_prefixes"]:
        if prefix and not is_normal_path(prefix):
            raise altered("a context for", prefix)
    contexts = zip(row["context_prefixes"], row["context_texts"], strict=True)
    return Collection(
        name=row["name"],
        root=Path(row["root"]),
        globs=tuple(row["globs"]),
        ignores=tuple(row["ignores"]),
        contexts=tuple(Context(prefix, text) for prefix, text in contexts),
    )


_OF_DOCUMENT = tuple(name for name in DOCUMENTS_SCHEMA.names if name not in {"key", *_PROPERTIES})


def document_rows(documents: Sequence[Document]) -> pa.Table:
    """Documents as rows."""
    columns = {name: [getattr(document, name) for document in documents] for name in ("key", *_OF_DOCUMENT)}
    columns |= {name: [getattr(document.properties, name) for document in documents] for name in _PROPERTIES}
    return pa.table({name: columns[name] for name in DOCUMENTS_SCHEMA.names}, schema=DOCUMENTS_SCHEMA)


def documents_of(rows: pa.Table) -> tuple[Document, ...]:
    """The documents of rows, in the order of the rows.

    Raises:
        UnsafeIndexError: a row names a place that no document of an index has.
    """
    check_stored(rows.column("collection").to_pylist(), rows.column("path").to_pylist())
    columns = zip(*(rows.column(name).to_pylist() for name in _OF_DOCUMENT), strict=True)
    return tuple(
        Document(**dict(zip(_OF_DOCUMENT, values, strict=True)), properties=properties)
        for values, properties in zip(columns, _properties_of(rows), strict=True)
    )
