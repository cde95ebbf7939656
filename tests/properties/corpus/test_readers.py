from __future__ import annotations

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from qmd_mcp.corpus.readers.formats import read
from qmd_mcp.corpus.readers.front_matter.described import LONGEST_ABOUT, LONGEST_NAMES
from qmd_mcp.corpus.readers.headings import LONGEST
from qmd_mcp.corpus.readers.source_text import SourceText
from qmd_mcp.corpus.scanning.globs import expand_globs
from qmd_mcp.domain.answers import Skip
from qmd_mcp.errors import CollectionError

paths = st.sampled_from(["a.md", "a.rst", "a.html", "a.txt", "a.py", "a.org", "a.adoc", "a.csv", "000.md", "名.md"])
marked_up = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *(
                    "---\n",
                    "+++\n",
                    "title: x\n",
                    "# ",
                    "## a\n",
                    "```\n",
                    "~~~",
                    "=====\n",
                    "- ",
                    "> ",
                    "\r\n",
                    "\r",
                    "\f",
                ),
                *(
                    "<p>",
                    "</p>",
                    "<pre>",
                    "</pre>",
                    "<!--",
                    "-->",
                    "<![CDATA[",
                    "<script>",
                    "<h1>",
                    "&amp;",
                    "&#0;",
                    "<",
                ),
                *(
                    "* TODO ",
                    "#+title: ",
                    "#+begin_src\n",
                    "#+end_src\n",
                    ":a:b:\n",
                    "== ",
                    "----\n",
                    ":keywords: ",
                    "tags: [",
                    "aliases: ",
                    "date: 2026-03-01\n",
                    " #tag/",
                    '"\\e\\u0301"\n',
                ),
                *(
                    "&#xd800;",
                    "<title>",
                    "<li>",
                    "<nav>",
                    "</nav>",
                    '<a href="',
                    ">",
                    "\x85",
                    "\u2028",
                    "e\u0301",
                    "汉",
                ),
            ]
        ),
        st.text(max_size=8),
    ),
    max_size=24,
).map("".join)


@given(st.binary(max_size=200), paths)
def test_any_bytes_are_text_or_left_out_with_a_reason(data: bytes, path: str) -> None:
    made = read(data, path)
    assert isinstance(made, SourceText) or made.reason in {"binary", "empty", "not decodable"}


@given(marked_up, paths)
@example("<![if", "a.html")
@example('---\n"title": "\\ud800"\n---\nx', "a.md")
def test_text_keeps_what_passages_rely_on(content: str, path: str) -> None:
    made = read(content.encode(errors="ignore"), path)
    if isinstance(made, Skip):
        return
    said = made.properties
    for text in (made.text, made.title, *said.aliases, *said.tags, said.about):
        text.encode()
        assert unicodedata.is_normalized("NFC", text)
        assert not {sign for sign in text if unicodedata.category(sign) == "Cc"} - {"\t", "\n"}
    assert made.text[made.body_start :].strip()
    assert made.title.strip()
    assert len(made.title) <= LONGEST
    assert "\n" not in made.title
    for names in (said.aliases, said.tags):
        assert all(names)
        assert len({name.casefold() for name in names}) == len(names)
        assert sum(map(len, names)) <= LONGEST_NAMES
    assert len(said.about) <= LONGEST_ABOUT


@given(marked_up.filter(lambda content: "\0" not in content), paths.filter(lambda path: not path.endswith("html")))
def test_text_has_the_lines_of_its_file(content: str, path: str) -> None:
    made = read(content.encode(errors="ignore"), path)
    if isinstance(made, SourceText):
        lines = content.replace("\r\n", "\n").replace("\r", "\n").count("\n")
        assert made.text.count("\n") == lines
        assert made.source_line(lines + 1) == lines + 1


@given(marked_up)
def test_lines_of_a_page_follow_those_of_its_file(content: str) -> None:
    made = read(content.encode(errors="ignore"), "a.html")
    if isinstance(made, SourceText):
        assert made.lines is not None
        assert len(made.lines) == made.text.count("\n")
        assert list(made.lines) == sorted(made.lines)
        assert made.lines[0] >= 1
        assert made.lines[-1] <= content.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1


@given(marked_up, paths)
def test_headings_stand_in_their_order_in_the_body(content: str, path: str) -> None:
    made = read(content.encode(errors="ignore"), path)
    if isinstance(made, SourceText):
        covered = made.body_start
        for heading in made.headings():
            assert covered <= heading.start <= heading.end
            assert heading.level >= 1
            covered = heading.end


@given(st.text("ab{},[]*./!-", max_size=20))
def test_any_glob_is_expanded_or_refused(glob: str) -> None:
    try:
        expanded = expand_globs([glob])
    except CollectionError:
        return
    assert expanded
    assert expand_globs(expanded) == expanded or any(sign in "".join(expanded) for sign in "[{,")
