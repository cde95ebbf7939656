"""The errors of an index that cannot be used, as one tree.

SetupError
├── EmptyIndexError
├── NotAnIndexError           another folder, or an index of another version
├── UnsafeIndexError          an index that may be somebody else's work and is not trusted
├── EmbedderMismatchError
├── StoreError                an index that is gone, or cannot be reached or used at the moment
│   └── DamagedIndexError     files of an index that cannot be read; qmd-mcp repair mends it
├── ReadOnlyIndexError        an index that cannot be written
└── WriterBusyError           another process is indexing
"""

from __future__ import annotations

from qmd_mcp.errors import SetupError


class EmptyIndexError(SetupError):
    """Nothing has been indexed yet."""

    def __init__(self, index: str) -> None:
        super().__init__(f"The index {index} is empty. Add a folder: qmd-mcp collection add FOLDER --name NAME")
        self.index = index


class NotAnIndexError(SetupError):
    """A folder or URI that holds no index of this program and version."""

    def __init__(self, index: str, *, reason: str) -> None:
        super().__init__(f"{index} is not a qmd-mcp index: {reason}.")
        self.index, self.reason = index, reason


class UnsafeIndexError(SetupError):
    """An index that is not used because of whom it may come from or where it leads; the sentence says what to do."""


class EmbedderMismatchError(SetupError):
    """An index whose vectors were made by another embedder, or by another version of the program."""

    def __init__(self, *, index: str, embedder: str, configured: str) -> None:
        if embedder == configured:
            built = f"with another version of the embedder {embedder} or of its passages"
            remedy = "Rebuild it"
        else:
            built = f"with the embedder {embedder}, and {configured} is configured"
            remedy = f"Set {embedder} as the embedder, or rebuild it"
        super().__init__(f"The index {index} was built {built}. {remedy}: qmd-mcp update --embedder {configured}")
        self.index, self.embedder, self.configured = index, embedder, configured


class StoreError(SetupError):
    """An index that is gone, or cannot be reached or used at the moment; the sentence says why."""


class DamagedIndexError(StoreError):
    """An index with files that cannot be read; the sentence says which."""


class ReadOnlyIndexError(SetupError):
    """An index that cannot be written because the file system or its permissions forbid it."""

    def __init__(self, index: str, *, reason: str) -> None:
        super().__init__(
            f"The index {index} cannot be written: {reason}. Give yourself write access to its folder, or choose "
            f"another index with --index."
        )
        self.index, self.reason = index, reason


class WriterBusyError(SetupError):
    """Another process writes the index."""

    def __init__(self, index: str, *, holder: str) -> None:
        super().__init__(f"The index {index} is being written by {holder}. Wait until it is done, then try again.")
        self.index, self.holder = index, holder
