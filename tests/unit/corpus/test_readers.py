"""Decoding, titles and front matter."""

from __future__ import annotations

import codecs
import unicodedata

import pytest

from qmd_mcp.corpus.readers.formats import read
from qmd_mcp.corpus.readers.source_text import SourceText
from qmd_mcp.domain.answers import Skip


def source(content: str | bytes, path: str = "some-page.md") -> SourceText:
    made = read(content.encode() if isinstance(content, str) else content, path)
    assert isinstance(made, SourceText), made
    return made


# Decoding

CHINESE = "这是一个关于数据库索引的说明，用来测试旧的编码。" * 3
KOREAN = "이 문서는 데이터베이스 색인에 대한 설명입니다"
JAPANESE = "これはデータベースの索引についての説明です。"
RUSSIAN = "Это описание индекса базы данных, чтобы проверить кодировку"


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le with its mark", "utf-16-be with its mark", "gb18030"],
)
def test_chinese_is_read_in_every_encoding_that_can_be_told(encoding: str) -> None:
    marks = {"utf-16-le with its mark": codecs.BOM_UTF16_LE, "utf-16-be with its mark": codecs.BOM_UTF16_BE}
    data = marks.get(encoding, b"") + CHINESE.encode(encoding.partition(" ")[0])
    assert source(data).text == CHINESE


def test_western_letters_of_windows_are_read() -> None:
    text = "Müller liest im Café – „déjà vu“ für 5 €"
    assert source(text.encode("cp1252")).text == text


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(JAPANESE.encode("shift-jis"), id="Shift-JIS"),
        pytest.param(KOREAN.encode("euc-kr"), id="EUC-KR"),
        pytest.param(RUSSIAN.encode("cp1251"), id="Cyrillic of Windows"),
        pytest.param(codecs.BOM_UTF16_LE + b"\x00\xd8", id="half a character"),
        pytest.param(codecs.BOM_UTF8 + b"\xff", id="UTF-8 that is none"),
    ],
)
def test_what_would_have_to_be_guessed_is_left_out(data: bytes) -> None:
    assert read(data, "a.txt") == Skip("a.txt", "not decodable")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", id="image"),
        pytest.param(b"text\0text", id="a zero byte"),
        pytest.param(bytes(range(1, 32)) * 10, id="control characters"),
        pytest.param("a\0b".encode("utf-16"), id="a zero character"),
    ],
)
def test_binary_files_are_left_out(data: bytes) -> None:
    assert read(data, "a.md") == Skip("a.md", "binary")


@pytest.mark.parametrize(
    "content", ["", " \n\t\n", "---\n---\n", "---\ntitle:\ntags: []\n---\n\n", "\N{BYTE ORDER MARK}"]
)
def test_a_file_that_says_nothing_is_empty(content: str) -> None:
    assert read(content.encode(), "a.md") == Skip("a.md", "empty")


def test_a_page_that_shows_nothing_is_empty() -> None:
    assert read(b"<html><script>var x = 1;</script><nav>Home</nav></html>", "a.html") == Skip("a.html", "empty")


def test_line_ends_of_windows_and_of_old_macs_are_newlines() -> None:
    assert source("one\r\ntwo\rthree\n").text == "one\ntwo\nthree\n"


def test_control_characters_become_blanks() -> None:
    assert source("red \x1b[31mtext\x0c\x85end").text == "red  [31mtext  end"


def test_text_is_composed() -> None:
    assert source(unicodedata.normalize("NFD", "Café crème")).text == "Café crème"


# Titles


@pytest.mark.parametrize(
    ("content", "title", "title_source"),
    [
        ("---\ntitle: Given\n---\n# Written\n", "Given", "front matter"),
        ('+++\ntitle = "Given"\n+++\n# Written\n', "Given", "front matter"),
        ("---\ntitle: no\n---\ntext", "no", "front matter"),
        ("---\ntitle:\n---\n# Written\n", "Written", "heading"),
        ("---\ntitle: null\n---\n# Written\n", "Written", "heading"),
        ("---\nmeta: {title: inner}\n---\n# Written\n", "Written", "heading"),
        ("# Written\ntext", "Written", "heading"),
        ("text above\n\n# Written\n", "Written", "heading"),
        ("## Part\ntext", "Part", "heading"),
        ("## Part\ntext\n### Below it\ntext", "Part", "heading"),
        ("## Part\ntext\n## Another part\ntext", "some page", "file name"),
        ("### Part\ntext\n# Late\ntext", "some page", "file name"),
        ("text above\n\n## Part\n", "some page", "file name"),
        ("Written\n=======\ntext", "Written", "heading"),
        ("# `code` and [a link](http://x) **here** {#anchor}\n", "code and a link here", "heading"),
        ("#\n\n# Second\n", "Second", "heading"),
        ("only text", "some page", "file name"),
    ],
)
def test_the_title_is_what_the_author_says_it_is(content: str, title: str, title_source: str) -> None:
    made = source(content, "folder/some-page.md")
    assert (made.title, made.title_source) == (title, title_source)


@pytest.mark.parametrize(
    ("path", "title"),
    [("a/my_long-name.md", "my long name"), (".env.example", ".env"), ("Makefile", "Makefile"), ("-.md", "-.md")],
)
def test_failing_all_else_the_title_is_the_name_of_the_file(path: str, title: str) -> None:
    assert source("text", path).title == title


def test_a_title_is_one_short_line_that_can_be_encoded() -> None:
    title = source('---\ntitle: "a\\nb\\0 ' + "x" * 1_000 + '"\n---\ntext').title
    assert title.startswith("a b x")
    assert len(title) == 300
    title.encode()


# Front matter


def test_the_body_begins_below_the_front_matter() -> None:
    made = source("---\ntitle: Given\n---\nbody\n")
    assert made.text[made.body_start :] == "body\n"
    assert made.source_line(4) == 4


@pytest.mark.parametrize(
    "content", ["---\ntitle: a: b\n---\nbody", "---\ntitle: 'a: b\n---\nbody", "+++\ntitle = a: b\n+++\nbody"]
)
def test_front_matter_with_a_mistake_is_left_out_all_the_same(content: str) -> None:
    made = source(content)
    assert (made.text[made.body_start :], made.title) == ("body", "a: b")


@pytest.mark.parametrize(
    "content",
    ["---\njust a sentence\n---\nbody", "---\n- a list\n---\nbody", "---\ntitle: never closed\n\nbody", "--- \n"],
)
def test_text_between_two_rules_is_no_front_matter(content: str) -> None:
    assert source(content).body_start == 0


def test_a_file_of_yaml_has_no_front_matter() -> None:
    made = source("---\nkind: Pod\n---\nkind: Service\n", "deploy.yaml")
    assert (made.kind, made.body_start, made.title) == ("code", 0, "deploy")


def test_aliases_that_multiply_cost_nothing() -> None:
    levels = "".join(f"l{i}: &l{i} {{<<: [*l{i - 1}, *l{i - 1}]}}\n" for i in range(1, 200))
    assert source(f"---\nl0: &l0 {{a: 1}}\n{levels}title: bomb\n---\nbody").title == "bomb"


@pytest.mark.parametrize("block", ["a: " + "[" * 30_000, "a: " + "{a: " * 10_000, "- " * 30_000, "&a [*a]"])
def test_nesting_without_end_is_no_danger(block: str) -> None:
    assert source(f"---\n{block}\n---\nbody", "page.md").title in {"page", "body"}
