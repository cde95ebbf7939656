"""The parsing of lines that a model wrote into sub-queries."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from qmd_mcp.domain.documents import SubQuery

Kind: TypeAlias = Literal["lex", "vec", "hyde"]
ScriptOf: TypeAlias = Callable[[str], str | None]
"""Returns the ISO 15924 code of the script of most words, or None for a text without letters."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The line that the model wrote behind one prefix."""

    kind: Kind
    text: str
    finished: bool
    """Whether the model ended the line; if not, the budget cut it off."""


_MARKS = re.compile(r"^(?:[-*•\s]+|\d+[.)]\s+|(?:lex|vec|hyde)\s*[:：]\s*)+", re.IGNORECASE)
"""What a model may repeat in front of a line: bullets, numbers, and the prefix once more."""
_QUOTES = "\"'“”‘’「」`"
_OPERATORS = re.compile(r"[\"“”「」]|(?<!\S)-+(?=\S)|\b(?:path|title):")
"""What the query syntax would read as a phrase, an exclusion or a filter."""
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|[。！？]")
_LETTERS = "A-Za-z0-9_\u00c0-\u024f"
_NAME = re.compile(rf"[{_LETTERS}]+(?:[-_./:@+#][{_LETTERS}]+)*[+#]*")
_SAME_READERS = {"Kana": "Hani"}
"""Scripts that count as another one. Japanese is written in Kana and Han, and a line may have more of either."""


def sub_queries(query: str, drafts: Iterable[Draft], *, script_of: ScriptOf) -> tuple[SubQuery, ...]:
    """Return the drafts that are worth a lookup, in their order.

    Each is in the query's script, contains the query's names, and adds a word that is not in the query; a line that
    another one of its kind repeats is kept once.
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
    """Return the words that must be kept as they are: identifiers, numbers, and capitalised words except the first.

    If most words have a capital, capitals mean nothing. In a sentence of another script every word of Latin letters is
    a name.
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
    """Clean a line; of a line that was cut off, keep the whole sentences or words."""
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
    """Whether the line has a word that is not in the query."""
    folded_query = query.casefold()
    return any(word not in folded_query for word in _folded(text).split())


def _same_script(text: str, *, query: str, script_of: ScriptOf) -> bool:
    wanted, written = script_of(query), script_of(text)
    if wanted is None or written is None:
        return True
    return _SAME_READERS.get(wanted, wanted) == _SAME_READERS.get(written, written)


def _with_names(text: str, *, kind: Kind, names: tuple[str, ...]) -> str:
    """Add the names that keywords lack, since more words exclude nothing; drop any other line that lacks one."""
    folded_text = text.casefold()
    missing = [name for name in names if name.casefold() not in folded_text]
    if not missing:
        return text
    return " ".join((*missing, text)) if kind == "lex" else ""
