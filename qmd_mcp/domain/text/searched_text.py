"""What of a passage is searched by words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.text.folding import folded

_MARKUP = frozenset(
    (
        "md",
        "markdown",
        "mdx",
        "mdc",
        "mkd",
        "qmd",
        "rmd",
        "html",
        "htm",
        "xhtml",
        "org",
        "adoc",
        "asciidoc",
        "rst",
        "wiki",
    )
)
"""Extensions of files whose links and emphasis are no text: in code, `a[i](x)` is no link."""

_TARGETS = re.compile(
    r"\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)?(?:\s+[\"'][^\"'\n]*[\"'])?\)"  # [text](target "title")
    r"|\]\[[^\[\]\n]*\]"  # [text][reference], and the middle of Org's [[target][text]]
    r"|</?(?:a|abbr|b|code|del|em|i|ins|kbd|mark|q|s|small|span|strong|sub|sup|u)(?:\s[^<>\n]*)?>"
)
"""What stands between the words of a sentence in a file with markup, and is not shown to a reader."""

_ORG_TARGET = re.compile(r"\[\[[^\[\]\n]*\]\[")
_ADOC_TARGET = re.compile(r"(?:link:|xref:|https?://)[^\s\[\]]*+(?P<words>(?=\[[^\]\n]{1,1000}\]))?")
"""A target to the end of its run of signs, also where no words follow it in brackets: a run is looked at once."""

_JOINTS = re.compile(r"[\W_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""A place at which a name in camelCase has its next word."""


@dataclass(frozen=True, slots=True)
class SearchedText:
    """The fields that lexical retrieval searches, folded.

    Headings and path are one field because each field of a search costs time: with a field more, BM25 over 10,821
    short passages took 3.6 ms of CPU time in place of 2.5.
    """

    words: str
    """The text, with the header of its table, and without the targets of links."""
    titles: str
    """The title and the aliases, a line each."""
    labels: str
    """The headings, the words of the path, the tags, and the other properties."""

    @classmethod
    def of(cls, passage: Passage) -> SearchedText:
        """The fields of a passage."""
        about = passage.properties
        text = f"{passage.table_header}\n{passage.text}" if passage.table_header else passage.text
        return cls(
            words=folded(without_markup(text, path=passage.path)),
            titles=folded("\n".join((passage.title, *about.aliases))),
            labels=folded(
                "\n".join(filter(None, (*passage.heading, path_words(passage.path), " ".join(about.tags), about.about)))
            ),
        )

    def fields(self) -> tuple[str, str, str]:
        """All fields; a phrase has to stand within one of them."""
        return self.words, self.titles, self.labels

    def joined(self) -> str:
        """All fields as one text."""
        return "\n".join(self.fields())


def without_markup(text: str, *, path: str) -> str:
    """A text without the targets of its links, if the file has a format with markup; otherwise the same text."""
    extension = path.rpartition(".")[2].lower()
    if extension not in _MARKUP or ("[" not in text and "<" not in text):
        return text
    if extension == "org":
        text = _ORG_TARGET.sub("[", text)
    elif extension in {"adoc", "asciidoc"}:
        text = _ADOC_TARGET.sub(lambda target: target[0] if target["words"] is None else "", text)
    return _TARGETS.sub("", text)


def path_words(path: str) -> str:
    """The words of a path, without its extension: `Helios/RFC-0042-acme.md` gives `Helios RFC 0042 acme`."""
    stem, dot, extension = path.rpartition(".")
    named = stem if dot and "/" not in extension and stem and not stem.endswith("/") else path
    return " ".join(_JOINTS.sub(" ", _HUMP.sub(" ", named)).split())
