"""Documents with tags and dates, of which known shares have each."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.parts.tagged_documents import SHARES, filters, paragraphs_of, write_documents

PROSE = "A paragraph that is long enough to be one of those from which the documents are made, number {}."
PAGE = """---
title: A title that does not count, although it is long enough to be taken for a paragraph of the page
---
# A heading that does not count, although it is long enough to be taken for a paragraph of the page

{first}

```sh
a command that does not count, although it is long enough to be taken for a paragraph of the page
```

Too short.

{second}
"""


def front_matter_of(file: Path) -> dict[str, Any]:
    front_matter: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8").split("---\n")[1])
    return front_matter


def test_paragraphs_are_the_prose_of_every_page_in_the_order_of_paths(tmp_path: Path) -> None:
    for number, name in enumerate(("b.md", "a.txt", "picture.png")):
        page = PAGE.format(first=PROSE.format(2 * number), second=PROSE.format(2 * number + 1))
        (tmp_path / name).write_text(page, encoding="utf-8")

    assert paragraphs_of(tmp_path) == [PROSE.format(number) for number in (2, 3, 0, 1)]


def test_each_filter_lets_through_its_share_of_the_documents(tmp_path: Path) -> None:
    count = 2_000
    write_documents(tmp_path, [PROSE.format(number) for number in range(9)], count=count)
    documents = [front_matter_of(file) for file in tmp_path.rglob("*.md")]
    tags = Counter(tag for document in documents for tag in document["tags"])

    assert len(documents) == count
    for each in filters()[1:-1]:
        operator, _, value = each.operators.partition(":")
        dated = [document for document in documents if document["date"].isoformat() >= value]
        passing = tags[value] if operator == "tag" else len(dated)
        assert passing == pytest.approx(each.share * count, abs=5 * (each.share * count) ** 0.5), each
    assert sum(number for tag, number in tags.items() if tag not in SHARES) == 2 * count


def test_the_same_paragraphs_give_the_same_documents(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_documents(tmp_path / name, [PROSE.format(1), PROSE.format(2)], count=3)

    one, two = ([file.read_text() for file in sorted((tmp_path / name).rglob("*.md"))] for name in ("one", "two"))
    assert len(one) == 3
    assert one == two
