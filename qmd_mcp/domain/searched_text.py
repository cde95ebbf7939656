"""What of a passage is searched by words."""

from __future__ import annotations

from dataclasses import dataclass

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.folding import folded


@dataclass(frozen=True, slots=True)
class SearchedText:
    """The fields that lexical retrieval searches, folded."""

    words: str
    """The text, with the header of its table, and without the targets of links."""
    titles: str
    """The title and the aliases, a line each."""
    headings: str
    labels: str
    """The words of the path, the tags, and the other properties."""

    @classmethod
    def of(cls, passage: Passage) -> SearchedText:
        """The fields of a passage."""
        about = passage.properties
        return cls(
            words=folded("\n".join(filter(None, (passage.table_header, passage.text)))),
            titles=folded("\n".join((passage.title, *about.aliases))),
            headings=folded(" \n ".join(passage.heading)),
            labels=folded("\n".join(filter(None, (passage.path, " ".join(about.tags), about.about)))),
        )

    def fields(self) -> tuple[str, str, str, str]:
        """All fields; a phrase has to stand within one of them."""
        return self.words, self.titles, self.headings, self.labels
