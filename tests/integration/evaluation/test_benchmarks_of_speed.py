"""The programs that measure speed, from their arguments to their tables, on a few pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import compare, filters

ROOT = Path(__file__).parents[3]


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """Three pages with a few paragraphs each."""
    folder = tmp_path / "pages"
    folder.mkdir()
    for number, subject in enumerate(("Gravity", "Erosion", "Osmosis")):
        paragraphs = [
            f"{subject} is what this paragraph is about. It says so in more words, since it has to be long enough."
            for _ in range(3)
        ]
        (folder / f"{number}.md").write_text(f"# {subject}\n\n" + "\n\n".join(paragraphs) + "\n", encoding="utf-8")
    return folder


@pytest.mark.endurance
def test_filters_are_measured_in_every_search_and_the_index_is_kept_for_the_next_run(
    pages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(pages), "--passages", "40", "--queries", "2", "--work", str(tmp_path / "work")]
    filters.main(arguments)
    first = capsys.readouterr()
    filters.main(arguments)
    second = capsys.readouterr()

    rows = [line for line in first.out.splitlines() if line.startswith("|")]
    assert "`search`, p50 | `vsearch`, p50 | `query`, p50" in rows[0]
    assert [row.split("|")[1].strip() for row in rows[2:5]] == ["none", "tag: `tag:rare`", "tag: `tag:few`"]
    assert ("added=10" in first.err, "added=" in second.err) == (True, False)


@pytest.mark.endurance
def test_two_checkouts_are_compared_by_a_process_each(pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compare.main([str(pages), str(ROOT), "--rounds", "1", "--queries", "2"])

    rows = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    names = [row[0].strip() for row in rows]
    assert names[2:] == [
        "passages",
        "indexing without embedding, elapsed",
        "indexing without embedding, CPU",
        "`search`, elapsed",
        "`search`, CPU",
    ]
    assert [cell.strip() for cell in rows[2][1:]] == ["3", "3", ""]


def test_what_is_no_checkout_is_a_usage_error(pages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        compare.main([str(pages), str(tmp_path)])
    assert (ended.value.code, f"{tmp_path} has no folder qmd_mcp" in capsys.readouterr().err) == (2, True)
