"""Whether the rows of documents, passages and token states agree with each other and with what was written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import lancedb
import numpy as np
import pyarrow as pa

from qmd_mcp.domain.documents import Document, docid_of
from qmd_mcp.store.lance.schema import documents_of, passage_rows, passages_of, vectors_of

_BATCH = 1_000
"""Passages that are compared at a time; their rows and what they should be take some 5 MB."""

_LENGTH_TOLERANCE = 0.01
"""How far the length of a stored vector may be from 1: single precision errs by less than a thousandth of this, and a
wrong bit in an exponent changes the length by more."""


@dataclass(slots=True)
class RowFaults:
    """What is wrong with the rows."""

    doubled: list[int] = field(default_factory=list)
    """Row numbers of passages that stand in the table a second time."""
    wrong: set[str] = field(default_factory=set)
    """Docids of documents that have too few passages, or one that is not as it was written."""
    unnamed: list[str] = field(default_factory=list)
    """The keys of documents whose row is not as it was written."""
    orphans: int = 0
    """Passages whose document is not visible: what a process left that died, which the next update deletes."""
    unembedded: int = 0
    """Passages without a vector."""
    stateless: int = 0
    """Texts without token states."""

    def sentences(self) -> list[str]:
        """What only `repair` mends."""
        said = [
            (len(self.doubled), "passages are in the index twice."),
            (len(self.wrong), "documents have passages that are missing or not as they were written."),
            (len(self.unnamed), "documents have a row that is not as it was written."),
        ]
        return [f"{count} {what}" for count, what in said if count]

    def mended(self) -> list[str]:
        """What `repair` did about it."""
        said = [
            (len(self.doubled), "passages were in the index twice: the second ones are deleted."),
            (len(self.wrong), "documents had passages that were missing or wrong: they are read again."),
            (len(self.unnamed), "documents had a wrong row: they are read again."),
        ]
        return [f"{count} {what}" for count, what in said if count]

    def notes(self) -> list[str]:
        """What the next update or embedding mends."""
        said = [
            (self.orphans, "passages belong to no document; the next qmd-mcp update deletes them"),
            (self.unembedded, "passages have no vector yet; qmd-mcp embed adds them"),
            (self.stateless, "texts have no token states yet; qmd-mcp embed adds them"),
        ]
        return [f"{count} {what}" for count, what in said if count]


async def row_faults(
    *, documents: pa.Table, passages: lancedb.AsyncTable, states: pa.Table | None, dimension: int
) -> RowFaults:
    """Compare every row; without `states`, or if there is none of any text, none are expected.

    Raises:
        DamagedIndexError: the passages cannot be read.
        ValueError: they are not such as were ever written.
    """
    faults = RowFaults()
    expected = {each.docid: each.passages for each in documents_of(documents)}
    faults.unnamed = [each.key for each in documents_of(documents) if not _is_itself(each)]
    found: Counter[str] = Counter()
    places: set[tuple[str, int]] = set()
    hashes: set[str] = set()
    async for batch in await passages.query().with_row_id().to_batches(max_batch_length=_BATCH):
        rows = pa.Table.from_batches([batch])
        rows.validate(full=True)
        for number, docid, ordinal, right in _checked(rows, dimension=dimension):
            if (docid, ordinal) in places:
                faults.doubled.append(number)
                continue
            places.add((docid, ordinal))
            found[docid] += 1
            if docid not in expected:
                faults.orphans += 1
            elif not right:
                faults.wrong.add(docid)
        faults.unembedded += rows.column("vector").null_count
        hashes.update(rows.column("text_hash").to_pylist())
    faults.wrong.update(docid for docid, count in expected.items() if found[docid] != count)
    if states is not None and states.num_rows:  # an embedder without a projection has none at all
        faults.stateless = len(hashes - set(states.column("text_hash").to_pylist()))
    return faults


def _is_itself(document: Document) -> bool:
    """Whether a document has the docid and the key of its place and content."""
    name = docid_of(document.collection, document.path, document.content_hash, reading=document.reading)
    return name == document.docid


def _checked(rows: pa.Table, *, dimension: int) -> Iterator[tuple[int, str, int, bool]]:
    """Row number, docid and ordinal of each row, and whether everything in it is what would be written of its text."""
    passages = passages_of(rows)
    written = passage_rows(passages, [None] * len(passages), dimension=dimension)
    columns = [name for name in written.column_names if name != "vector"]
    pairs = [zip(rows.column(name).to_pylist(), written.column(name).to_pylist(), strict=True) for name in columns]
    lengths = np.linalg.norm(vectors_of(rows, dimension=dimension), axis=1)
    for number, length, passage, *values in zip(
        rows.column("_rowid").to_pylist(), lengths, passages, *pairs, strict=True
    ):
        fits = bool(np.isnan(length)) or abs(length - 1) < _LENGTH_TOLERANCE
        yield number, passage.docid, passage.ordinal, fits and all(stored == right for stored, right in values)
