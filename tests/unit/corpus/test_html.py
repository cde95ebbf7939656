"""Reading HTML."""

from __future__ import annotations

import pytest

from qmd_mcp.corpus.readers.formats import read
from qmd_mcp.corpus.readers.headings import Heading
from qmd_mcp.corpus.readers.source_text import SourceText


def source(content: str, path: str = "page.html") -> SourceText:
    made = read(content.encode(), path)
    assert isinstance(made, SourceText), made
    return made


PAGE = """<!DOCTYPE html>
<html>
<head><title>Setup &amp; use</title>
<style>p { color: red }</style></head>
<body>
<nav><a href="/">Home</a></nav>
<h1>Getting
 started</h1>
<p>First <b>install</b> it,
then   run&nbsp;it.</p>
<ul>
<li>one</li>
<li><p>two &#60;2&gt;</p></li>
</ul>
<pre><code>def f():
    return 1

f()
</code></pre>
<table><tr><td>a</td><td>b</td></tr></table>
<p># no heading</p><img src="x.png" alt="A chart">
<script>alert("<p>no</p>")</script>
</body></html>
"""


def test_a_page_becomes_markdown() -> None:
    made = source(PAGE, "page.html")
    assert made.text.split("\n") == [
        "# Getting started",
        "",
        "First install it,",
        "then run it.",
        "",
        "- one",
        "- two <2>",
        "",
        "```",
        "def f():",
        "    return 1",
        "",
        "f()",
        "```",
        "",
        "a | b",
        "",
        "\\# no heading",
        "",
        "A chart",
        "",
    ]
    assert (made.title, made.title_source) == ("Setup & use", "front matter")
    assert list(made.headings()) == [Heading(0, 17, 1, "Getting started")]


def test_every_line_of_a_page_knows_its_line_in_the_file() -> None:
    made = source(PAGE, "page.html")
    lines, written = made.text.split("\n"), PAGE.split("\n")
    for shown, inside in [
        ("First", "First"),
        ("then", "then"),
        ("- one", "one"),
        ("    return 1", "return"),
        ("a | b", "<td>"),
    ]:
        (number,) = [position for position, line in enumerate(lines, 1) if line.startswith(shown)]
        assert inside in written[made.source_line(number) - 1]


def test_a_page_may_have_front_matter() -> None:
    made = source("---\ntitle: Given\n---\n<p>text</p>\n", "page.html")
    assert (made.title, made.text, made.source_line(1)) == ("Given", "text\n", 4)


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>one<p>two", "one\n\ntwo\n"),
        ("text <", "text <\n"),
        ("a < b && c > d", "a < b && c > d\n"),
        ("<![foo[ <p>text</p>", "text\n"),
        ("<![CDATA[x]]><p>text</p>", "text\n"),
        ("<!-- never closed <p>text</p>", "text\n"),
        ("<!-- a --><p>text</p><!-- b", "text\n\n<?-- b\n"),
        ("<h1>Title<p>text", "# Title\n\ntext\n"),
        ("<h2><div>Title</div></h2>text", "## Title\n\ntext\n"),
        ("<pre>a\nb", "```\na\nb\n```\n"),
        ("&#0;&#xD800;&#55555555555;x", "\ufffd\ufffd\ufffdx\n"),
        ("</nav></p>text", "text\n"),
        ("AT&T, R&D &copy; &amp;amp;", "AT&T, R&D © &amp;\n"),
    ],
)
def test_a_broken_page_is_read_as_far_as_it_goes(page: str, text: str) -> None:
    assert source(page, "page.html").text.strip() == text.strip()


@pytest.mark.parametrize(
    "sign", ["<!--", "<!-- x>", "<a ", '<a b="', "</", "<?", "<!", "<![", "&", "&lt;", "<pre>", "<p>"]
)
def test_a_page_of_nothing_but_beginnings_is_read_to_its_end(sign: str) -> None:
    assert "the end" in source(sign * 50_000 + "the end", "page.html").text  # in quadratic time this takes minutes


def test_the_cells_of_a_row_are_one_line_wherever_their_lines_end() -> None:
    names = "<tr>\n <th>\n  boat\n </th>\n <th>owner</th>\n</tr>"
    page = f"<table>\n{names}\n<tr>\n <td>Skua</td>\n <td>Orla <b>Q.</b></td>\n</tr></table>"
    made = source(page)
    assert made.text == "boat | owner\n--- | ---\nSkua | Orla Q.\n"
    assert made.lines == (4, 4, 9)
