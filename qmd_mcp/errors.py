"""Every error that a person or a program can cause and put right, as one tree.

QmdError
├── CallerError                   the client can call again differently; shown to the model
│   ├── EmptyQueryError
│   ├── OnlyNegativesError
│   ├── QueryTooLongError
│   ├── ArgumentError             an unknown, missing or invalid argument
│   ├── UnknownCollectionError
│   ├── DocumentNotFoundError
│   ├── SectionNotFoundError
│   ├── AmbiguousDocidError
│   ├── AmbiguousNameError
│   ├── UnreadableDocumentError   its file is gone or is no longer text
│   ├── ServerBusyError           too many calls are in progress
│   ├── ModelBusyError            too many texts are waiting for one model
│   ├── EngineClosingError        the engine is being closed or replaced
│   └── DatasetError              an evaluation set that cannot be read or used
└── SetupError                    the operator must change something
    ├── ManifestError
    ├── ModelError                a graph that cannot be loaded or used
    │   ├── ModelMissingError     files that have not been pulled
    │   └── OutOfMemoryError      a forward pass that does not fit into memory
    ├── DeviceError               a device was asked for that cannot be used
    ├── PullError                 a model that cannot be fetched from the hub
    ├── CollectionError           a root, name or glob that cannot be used
    ├── SettingsError
    ├── AlreadyServedError        a server of the index is running
    ├── OtherVersionError         a server of another version is running
    ├── ReaderStartError          no process can be started that reads files
    └── what keeps an index from being used: `index_errors.py`

A class states a fact, builds the sentence that people read, and carries the data. An exception outside this tree is a
bug in the product: it is logged, and no caller handles it.
"""

from __future__ import annotations

from collections.abc import Sequence

from qmd_mcp.visible_text import one_line


class QmdError(Exception):
    """The root of the tree; the text of every error is one line for a person, whatever the names in it are."""

    def __init__(self, sentence: str) -> None:
        super().__init__(one_line(sentence))


class CallerError(QmdError):
    """An error that the caller can avoid by asking differently."""


class SetupError(QmdError):
    """An error that stays until the operator changes something."""


class EmptyQueryError(CallerError):
    """A query without a word."""

    def __init__(self) -> None:
        super().__init__("The query is empty. Give at least one word, identifier or quoted phrase.")


class OnlyNegativesError(CallerError):
    """A query that consists of negations."""

    def __init__(self, negatives: Sequence[str]) -> None:
        listed = " ".join(f"-{word}" for word in negatives)
        super().__init__(f"The query only excludes ({listed}). Add at least one word that should be found.")
        self.negatives = tuple(negatives)


class QueryTooLongError(CallerError):
    """A query with more characters than are accepted."""

    def __init__(self, length: int, *, limit: int) -> None:
        super().__init__(f"The query has {length:,} characters; at most {limit:,} are taken. Shorten it.")
        self.length, self.limit = length, limit


class ArgumentError(CallerError):
    """An argument that is unknown, missing or invalid; the sentence says which one and what would be right."""


class UnknownCollectionError(CallerError):
    """A collection that the index does not have."""

    def __init__(self, name: str, *, known: Sequence[str]) -> None:
        have = f"The index has {', '.join(sorted(known))}." if known else "The index has no collection yet."
        super().__init__(f"There is no collection {name!r}. {have}")
        self.name, self.known = name, tuple(known)


class DocumentNotFoundError(CallerError):
    """A reference that names no indexed document."""

    def __init__(self, reference: str, *, similar: Sequence[str] = ()) -> None:
        hint = f" Did you mean {', '.join(similar)}?" if similar else ""
        super().__init__(f"No document at {reference!r}.{hint}")
        self.reference, self.similar = reference, tuple(similar)


class AmbiguousDocidError(CallerError):
    """A docid prefix that several documents share."""

    def __init__(self, prefix: str, *, matches: Sequence[str]) -> None:
        super().__init__(f"#{prefix} names several documents: {', '.join(matches[:5])}. Give more digits or the path.")
        self.prefix, self.matches = prefix, tuple(matches)


class AmbiguousNameError(CallerError):
    """A name that several documents have."""

    def __init__(self, name: str, *, matches: Sequence[str]) -> None:
        others = f" and {len(matches) - 10} more" if len(matches) > 10 else ""  # noqa: PLR2004  as many as one answer's hits
        super().__init__(f"{name!r} names several documents: {', '.join(matches[:10])}{others}. Give more of the path.")
        self.name, self.matches = name, tuple(matches)


class SectionNotFoundError(CallerError):
    """A heading that a document does not have."""

    def __init__(self, key: str, *, section: str, headings: Sequence[str], count: int) -> None:
        others = f" and {count - len(headings)} more" if count > len(headings) else ""
        listed = f" It has: {', '.join(headings)}{others}." if headings else " It has no headings."
        super().__init__(f"{key} has no heading {section!r}.{listed}")
        self.key, self.section, self.headings = key, section, tuple(headings)


class UnreadableDocumentError(CallerError):
    """An indexed document that cannot be read now."""

    def __init__(self, key: str, *, reason: str, similar: Sequence[str] = ()) -> None:
        hint = f" Did you mean {', '.join(similar)}?" if similar else ""
        super().__init__(f"{key} is indexed but {reason}.{hint}")
        self.key, self.reason, self.similar = key, reason, tuple(similar)


class ServerBusyError(CallerError):
    """More calls are in progress than the server accepts."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The server is busy: {limit} requests are in progress. Try again in a second.")
        self.limit = limit


class ModelBusyError(CallerError):
    """More texts are waiting for a model than it accepts."""

    def __init__(self, role: str, *, waiting: int) -> None:
        super().__init__(f"The {role} is busy: {waiting} texts are waiting for it. Try again in a second.")
        self.role, self.waiting = role, waiting


class EngineClosingError(CallerError):
    """The engine that a call began with is being closed, because another one replaces it or the process ends."""

    def __init__(self) -> None:
        super().__init__("The index is being closed or reopened. Ask again in a moment.")


class DatasetError(CallerError):
    """An evaluation set that cannot be read or used; the sentence names the file and the line."""

    def __init__(self, file: str, *, reason: str, line: int | None = None) -> None:
        place = file if line is None else f"{file}, line {line}"
        super().__init__(f"{place}: {reason}.")
        self.file, self.reason, self.line = file, reason, line


class ManifestError(SetupError):
    """A manifest that cannot be read; the sentence names the file, the key and the value."""


class ModelError(SetupError):
    """A model that is missing, or whose graph does not do what its manifest says."""


class ModelMissingError(ModelError):
    """A model whose files are not on this machine."""

    def __init__(self, model: str, *, file: str, remedy: str) -> None:
        super().__init__(f"The model {model} is not complete on this machine: {file} is missing. {remedy}")
        self.model, self.file, self.remedy = model, file, remedy


class DeviceError(SetupError):
    """A device that was asked for and cannot be used."""

    def __init__(self, device: str, *, obstacle: str) -> None:
        super().__init__(f"The device {device} is asked for, but {obstacle}. Or set another device: QMD_DEVICE=auto")
        self.device, self.obstacle = device, obstacle


class PullError(SetupError):
    """A model that cannot be fetched."""

    def __init__(self, repository: str, *, reason: str) -> None:
        super().__init__(f"{repository} cannot be pulled: {reason}.")
        self.repository, self.reason = repository, reason


class OutOfMemoryError(ModelError):
    """A forward pass that does not fit into the memory of its device."""

    def __init__(self, model: str, *, rows: int) -> None:
        what = f"{rows} texts at once" if rows > 1 else "one text"
        super().__init__(f"{model} finds no memory for {what}. Free some memory, or choose a smaller model or the CPU.")
        self.model, self.rows = model, rows


class CollectionError(SetupError):
    """A collection that cannot be registered or read."""


class SettingsError(SetupError):
    """A setting that is unknown or has an invalid value."""


class AlreadyServedError(SetupError):
    """A server of the same index is running."""

    def __init__(self, url: str, *, pid: int) -> None:
        super().__init__(f"This index is served already: {url} (process {pid}). Use it, or stop it: qmd-mcp stop")
        self.url, self.pid = url, pid


class OtherVersionError(SetupError):
    """A server of another version serves the same index."""

    def __init__(self, version: str, *, pid: int) -> None:
        super().__init__(
            f"A server of qmd-mcp {version} (process {pid}) is serving this index. Stop it first: qmd-mcp stop"
        )
        self.version, self.pid = version, pid


class ReaderStartError(SetupError):
    """A process that reads files cannot be started."""

    def __init__(self, reason: str) -> None:
        sentence = f"The process that reads files cannot be started: {reason}."
        super().__init__(f"{sentence} Give this user more memory, processes or open files, then try again.")
        self.reason = reason


def first_line(error: BaseException) -> str:
    """The first line of another library's error; the name of its class if it has no text."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__
