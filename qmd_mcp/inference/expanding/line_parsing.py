"""Lines that a model wrote, to sub-queries that may be looked up."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from qmd_mcp.domain.documents import SubQuery

Kind: TypeAlias = Literal["lex", "vec", "hyde"]
ScriptOf: TypeAlias = Callable[[str], str | None]
"""ISO 15924 code of the script of most words; null for a text without letters."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What the model wrote behind one prefix."""

    kind: Kind
    text: str
    finished: bool
    """False where the budget cut it off."""


_MARKS = re.compile(r"^(?:[-*•\s]+|\d+[.)]\s+|(?:lex|vec|hyde)\s*[:：]\s*)+", re.IGNORECASE)
"""Bullets, numbers and the prefix once more, in front of a line."""
_QUOTES = "\"'“”‘’「」`"
_OPERATORS = re.compile(r"[\"“”「」]|(?<!\S)-+(?=\S)|\b(?:path|title):")
"""What the query syntax would take for a phrase, an exclusion or a filter."""
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|[。！？]")
_LETTERS = "A-Za-z0-9_\u00c0-\u024f"
_NAME = re.compile(rf"[{_LETTERS}]+(?:[-_./:@+#][{_LETTERS}]+)*[+#]*")
_SAME_READERS = {"Kana": "Hani"}
"""Japanese is written in both: a line may have more of the other."""


def sub_queries(query: str, drafts: Iterable[Draft], *, script_of: ScriptOf) -> tuple[SubQuery, ...]:
    """The drafts that are worth a lookup, in their order.

    Each is in the query's script, has its names, and says something that neither the query nor another line of the
    same kind says.
    """
    kept: list[SubQuery] = []
    known: set[str] = set()
    kept_names = names(query, script_of=script_of)
    for draft in drafts:
        text = _line(draft)
        key = f"{draft.kind} {_folded(text)}"
        if key not in known and _adds(text, query=query) and _same_script(text, query=query, script_of=script_of):
            text = _with_names(text, kind=draft.kind, names=kept_names)
            if text:
                known.add(key)
                kept.append(SubQuery(draft.kind, text))
    return tuple(kept)


def names(query: str, *, script_of: ScriptOf) -> tuple[str, ...]:
    """Words that must not be reworded: identifiers, numbers, and capitalised words but the first.

    Capitals say nothing where most words have one. Within a sentence of another script every word of Latin letters is a
    name.
    """
    words = [match[0] for match in _NAME.finditer(query)]
    first = _NAME.match(query.lstrip("\"'([{<“‘¿¡ "))
    foreign = script_of(query) not in {None, "Latn"}
    capitals = sum(word[0].isupper() for word in words[1:])
    telling = 2 * capitals <= len(words)
    found: dict[str, None] = {}
    for place, word in enumerate(words):
        opens = place == 0 and first is not None
        inner = any(character.isupper() for character in word[1:]) and telling
        capital = word[0].isupper() and not opens and telling and word != "I"
        if not word.isalpha() or inner or capital or (foreign and len(word) > 1):
            found[word] = None
    return tuple(found)


def _line(draft: Draft) -> str:
    """One clean line; of one that was cut off, as much as is whole."""
    text = " ".join(draft.text.replace("\ufffd", " ").split())
    if not draft.finished:
        ends = [match.end() for match in _SENTENCE_END.finditer(text)] if draft.kind == "hyde" else []
        if ends:
            text = text[: ends[-1]]
        elif " " in text:
            text = text[: text.rindex(" ")]
    text = _MARKS.sub("", text).strip(_QUOTES + " ")
    if draft.kind == "lex":
        text = " ".join(_OPERATORS.sub(" ", text).split())
    return text


def _folded(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))


def _adds(text: str, *, query: str) -> bool:
    """Whether a word of the line is not in the query."""
    said = query.casefold()
    return any(word not in said for word in _folded(text).split())


def _same_script(text: str, *, query: str, script_of: ScriptOf) -> bool:
    wanted, written = script_of(query), script_of(text)
    if wanted is None or written is None:
        return True
    return _SAME_READERS.get(wanted, wanted) == _SAME_READERS.get(written, written)


def _with_names(text: str, *, kind: Kind, names: tuple[str, ...]) -> str:
    """Keywords get the names that they lack: a soft OR is none the worse for them. A sentence without is no use."""
    said = text.casefold()
    missing = [name for name in names if name.casefold() not in said]
    if not missing:
        return text
    return " ".join((*missing, text)) if kind == "lex" else ""
