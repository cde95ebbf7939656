"""Finding documents by what people call them: the end of a path, a name, an alias or a title."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qmd_mcp.domain.documents import DocumentNames
from qmd_mcp.domain.text.folding import folded


def called(name: str, documents: Sequence[DocumentNames]) -> tuple[str, ...]:
    """The `collection/path` of the documents that a name means: those of the first rule by which there is any.

    The rules are: the path within a collection; the end of a path; the end of a path without its extension,
    whatever its case and accents; an alias; a title.
    """
    name = name.removeprefix("./").strip("/")
    if not name:
        return ()
    plain = folded(name)
    rules: tuple[Callable[[DocumentNames], bool], ...] = (
        lambda each: each.key.split("/", 1)[1] == name,
        lambda each: each.key.endswith(f"/{name}"),
        lambda each: folded(each.key).endswith(f"/{plain}") or folded(_stem(each.key)).endswith(f"/{plain}"),
        lambda each: plain in map(folded, each.aliases),
        lambda each: folded(each.title) == plain,
    )
    for rule in rules:
        found = tuple(each.key for each in documents if rule(each))
        if found:
            return found
    return ()


def _stem(key: str) -> str:
    folder, _, name = key.rpartition("/")
    return f"{folder}/{name.rpartition('.')[0] or name}"
