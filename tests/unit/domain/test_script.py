"""Scripts of queries."""

import pytest

from qmd_mcp.domain.text.scripts import script_of


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("how to fail over", "Latn"),
        ("café déjà vu", "Latn"),
        ("数据库连接超时怎么办", "Hani"),
        ("Astro 组件的介绍", "Hani"),
        ("how do I fix 超时 in the connection pool", "Latn"),
        ("データベース接続", "Kana"),
        ("как настроить сервер", "Cyrl"),
        ("12345 ??", None),
    ],
)
def test_the_script_is_that_of_most_words(text: str, script: str | None) -> None:
    assert script_of(text) == script
