"""Turning what a page of HTML shows into Markdown whose lines can be found again in the file."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from typing import Literal

_BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "div"),
        *("dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6"),
        *("header", "hr", "html", "li", "main", "ol", "option", "p", "pre", "section", "summary", "table", "tbody"),
        *("tfoot", "thead", "tr", "ul"),
    )
)
_TIGHT = frozenset({"dd", "li", "option", "tbody", "tfoot", "thead", "tr"})
"""Blocks without a blank line around them."""
_HEADINGS = {f"h{level}": "#" * level + " " for level in range(1, 7)}
_HIDDEN = frozenset({"nav", "noscript", "script", "style", "svg", "template"})
_MARKUP = ("#", "```", "~~~")
_FENCE = "```"

_LONG_REFERENCE = re.compile(r"&#(?:([xX])0*([0-9a-fA-F]*)|0*([0-9]*))")
_LONGEST_REFERENCE = 7
"""Most digits of a character's number: Unicode ends at 1114111. Python refuses to read numbers of over 4,300 digits."""


class HtmlPage(HTMLParser):
    """Reads a page with Python's own parser, the only one that reports line numbers.

    It never raises, and it takes linear time. Headings become `#` lines, list items begin with a dash, and preformatted
    text becomes fenced code. Bars separate the cells of a row, and a line as in Markdown follows the row that names the
    columns. The lines of a paragraph stay as they are in the file, so that a citation of a line is
    exact.
    """

    def __init__(self, source: str, *, first_line: int = 1) -> None:
        super().__init__(convert_charrefs=False)  # with it, the position is that of a whole run of text
        self.title = ""
        self.lines: list[str] = []
        self.numbers: list[int] = []
        """For each of the `lines`, the number of its line in the file."""
        self._above = first_line - 1
        self._line: list[str] = []
        self._blank = True
        self._number = first_line
        self._prefix = ""
        self._hidden = 0
        self._cells: list[str] = []
        """The elements that are the cells of a row."""
        self._named = True
        """Whether the columns of a table have names already, or there is no table."""
        self._inside: Literal["text", "title", "heading", "pre"] = "text"
        tame = _tame(source)
        end = tame.rfind(">") + 1  # no tag ends behind it, but the parser would search again and again
        self.feed(tame[:end] + tame[end:].replace("<", "&lt;"))
        self.close()
        self._leave_pre()
        self._break()
        while self.lines and not self.lines[-1]:
            self.lines.pop()
            self.numbers.pop()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a block, a title or an element that is not shown."""
        if tag in _HIDDEN:
            self._hidden += 1
        elif tag == "title" and not self.title and not self._hidden:
            self._inside = "title"
        elif tag == "img":
            self.handle_data(" ".join((dict(attrs).get("alt") or "").split()))
        elif self._inside == "pre":
            return
        elif tag == "br" or (tag == "div" and self._inside == "heading"):
            self._end_of_line()
        elif tag in {"td", "th"}:
            self._cells.append(tag)
            if not self._blank:
                self._line.append(" | ")
        elif tag in _BLOCKS:
            self._break(gap=tag not in _TIGHT)
            self._end_row(tag)
            self._inside = "heading" if tag in _HEADINGS else "text"
            if tag != "p":  # a paragraph may be the text of a list item
                self._prefix = "- " if tag == "li" else _HEADINGS.get(tag, "")
            if tag == "pre":
                self._add(_FENCE)
                self._inside = "pre"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element that ends at once. A browser takes `<script/>` for a start tag, but a page may be XHTML."""
        if tag not in _HIDDEN:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """End a block, a title or an element that is not shown."""
        if tag in _HIDDEN:
            self._hidden = max(self._hidden - 1, 0)
        elif tag == "title" and self._inside == "title":
            self._inside = "text"
        elif tag == "pre":
            self._leave_pre()
        elif (
            tag in _BLOCKS and self._inside not in {"pre", "title"} and not (self._inside == "heading" and tag == "div")
        ):
            self._break(gap=tag not in _TIGHT)
            self._end_row(tag)
            self._inside, self._prefix = "text", ""

    def handle_data(self, data: str) -> None:
        """Take text that is shown, line by line."""
        if self._hidden:
            return
        if self._inside == "title":
            self.title += data
            return
        number = self.getpos()[0] + self._above
        if self._cells and self._inside == "text":  # line ends around a cell's text do not end the row
            number += data[: len(data) - len(data.lstrip())].count("\n")
            data = f" {data.strip()} "
        for offset, piece in enumerate(data.split("\n")):
            if offset:
                self._end_of_line()
            if self._blank:
                self._number, self._blank = number + offset, not piece or piece.isspace()
            self._line.append(piece)

    def handle_charref(self, name: str) -> None:
        """Take a character that is written as its number."""
        self.handle_data(" ".join(unescape(f"&#{name};").split("\n")))

    def handle_entityref(self, name: str) -> None:
        """Take a character that is written as its name; the `&T` of AT&T is not such a name."""
        character = unescape(f"&{name};")
        self.handle_data(character if len(character) <= len(name) else f"&{name}")

    def _end_of_line(self) -> None:
        if self._inside == "heading":
            self._line.append(" ")
        elif self._inside != "pre":
            self._break()
        elif not self._blank or self.lines[-1] != _FENCE:
            self._add("".join(self._line).rstrip())

    def _leave_pre(self) -> None:
        if self._inside == "pre":
            if not self._blank:
                self._add("".join(self._line).rstrip())
            self._number = self.getpos()[0] + self._above
            self._add(_FENCE)
            self._inside = "text"
            self._break(gap=True)

    def _end_row(self, tag: str) -> None:
        """Put a line below the first row of a table if all its cells are names."""
        if tag == "tr":
            names = self._cells if set(self._cells) == {"th"} else []
            if names[1:] and not self._named and self.lines[-1].count(" | ") == len(names) - 1:
                self.lines.append(" | ".join(["---"] * len(names)))
                self.numbers.append(self.numbers[-1])
            self._named = self._named or bool(self._cells)
            self._cells = []
        elif tag == "table":
            self._named, self._cells = False, []

    def _break(self, *, gap: bool = False) -> None:
        """End the line, and put a blank line below it if `gap`, unless a list item has only just begun."""
        words = " ".join("".join(self._line).split())
        if words:
            if not self._prefix and words.startswith(_MARKUP):
                words = "\\" + words
            self._add(self._prefix + words)
            self._prefix = ""
        self._line, self._blank = [], True
        if gap and self.lines and self.lines[-1] and not self._prefix:
            self._add("")

    def _add(self, line: str) -> None:
        self.lines.append(line)
        self.numbers.append(self._number)
        self._line, self._blank = [], True


def _tame(source: str) -> str:
    """Replace what the parser cannot handle by what it can; line ends stay where they are.

    It raises an exception for marked sections and for numbers of characters with thousands of digits, and reads the
    rest of the page again for every comment without an end.
    """
    source = _LONG_REFERENCE.sub(_short_reference, source.replace("<![", "<?["))
    closed = source.rfind("-->") + 1
    return source[:closed] + source[closed:].replace("<!--", "<?--")


def _short_reference(reference: re.Match[str]) -> str:
    """The reference without leading zeros; one to U+FFFD, as in a browser, if no character has the number."""
    sign, digits = ("x", reference[2]) if reference[1] else ("", reference[3])
    if len(reference[0]) - len("&#") <= _LONGEST_REFERENCE:
        return reference[0]
    return f"&#{sign}{digits or 0}" if len(digits) <= _LONGEST_REFERENCE else "&#xfffd"
