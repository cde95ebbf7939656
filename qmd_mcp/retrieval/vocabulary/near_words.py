"""Words of the index that are looked up in place of words which it lacks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from qmd_mcp.retrieval.query.syntax import ParsedQuery
from qmd_mcp.retrieval.vocabulary.nearness import Nearness

MOST_TOLD = 3
"""Most near words of one word, and most replaced words, that an answer names; the others are counted."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A word of a query, and the words of the index that are looked up in its place."""

    word: str
    near: tuple[str, ...]
    """Words as they stand in texts, the nearest first; several in one string are looked up together."""
    kind: Nearness
    absent: tuple[str, ...] = ()
    """Those of the word's terms that no passage has."""
    near_terms: tuple[str, ...] = ()
    """The terms of the first near word."""
    likely: bool = True
    """Whether the first near word is most likely meant, so that it counts as the word of the query."""

    @property
    def sentence(self) -> str:
        """Says what was searched."""
        named = ", ".join(map(repr, self.near[:MOST_TOLD]))
        more = f" and {len(self.near) - MOST_TOLD} more" if len(self.near) > MOST_TOLD else ""
        if not self.absent or not self.word.isalnum():
            return f"Also searched {named}{more} for {self.word!r}."
        return f"No indexed word is {self.word!r}; searched {named}{more} instead."


@dataclass(frozen=True, slots=True)
class Expanded:
    """A wildcard word, and the words of the index that begin with it."""

    beginning: str
    words: tuple[str, ...]
    count: int
    """How many terms of the index begin with it."""

    @property
    def sentence(self) -> str:
        """Says what was searched."""
        if not self.words:
            return f"No indexed word begins with {self.beginning!r}."
        named = ", ".join(map(repr, self.words[:MOST_TOLD]))
        if self.count <= len(self.words):
            others = len(self.words) - MOST_TOLD
            return f"'{self.beginning}*' stands for {named}" + (f" and {others} more." if others > 0 else ".")
        return (
            f"'{self.beginning}*' stands for {self.count} words of the index; searched the {len(self.words)} most "
            f"frequent, such as {named}."
        )


@dataclass(frozen=True, slots=True)
class NearWords:
    """What is looked up beside the words of a query, and in place of those that the index lacks."""

    replaced: tuple[Replacement, ...] = ()
    expanded: tuple[Expanded, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to look up."""
        return bool(self.replaced or self.expanded)

    @property
    def words(self) -> tuple[str, ...]:
        """The near words."""
        return tuple(dict.fromkeys(word for each in self.replaced for word in each.near))

    @property
    def guessed(self) -> bool:
        """Whether a word counts as another one that is spelled like it or begins like it."""
        return any(each.likely and each.kind in {"beginning", "spelling"} for each in self.replaced)

    def terms(self) -> Mapping[str, tuple[str, ...]]:
        """Terms that no passage has -> the terms of the near word.

        A near word of a script without blanks needs no term: there the letters of the query's own are looked for.
        """
        counted = [each for each in self.replaced if each.likely and each.kind != "within"]
        return {term: each.near_terms for each in counted for term in each.absent}

    def terms_replaced(self) -> frozenset[str]:
        """The terms that no passage has and whose words are looked up as other words."""
        return frozenset(term for each in self.replaced for term in each.absent)

    def applied(self, parsed: ParsedQuery) -> ParsedQuery:
        """The query with its near words; in its text the right spelling replaces what may be a wrong one."""
        if not self:
            return parsed
        text = parsed.text
        for each in self.replaced:
            if each.kind == "spelling" and each.likely:
                text = re.sub(rf"(?<![^\W_]){re.escape(each.word)}(?![^\W_])", each.near[0], text)
        for stem in self.expanded:
            if stem.words:
                text = re.sub(rf"(?<![^\W_]){re.escape(stem.beginning)}\*?(?![^\W_])", stem.words[0], text)
        lexical = parsed.lexical
        words = (*lexical.words, *(word for each in self.expanded for word in each.words[:1]))
        near = (*self.words, *(word for each in self.expanded for word in each.words[1:]))
        return replace(parsed, text=text, lexical=replace(lexical, words=words, near=tuple(dict.fromkeys(near))))

    def notes(self) -> list[str]:
        """What the answer says about them."""
        looked_up = [each for each in self.replaced if each.near]
        told = looked_up[:MOST_TOLD]
        notes = [*(each.sentence for each in told), *(each.sentence for each in self.expanded)]
        if len(looked_up) > len(told):
            more = len(looked_up) - len(told)
            notes.append(f"{more} more word{'' if more == 1 else 's'} of the query were replaced by near ones.")
        return notes


NO_NEAR_WORDS = NearWords()
"""Those of a query whose words are all in the index."""
