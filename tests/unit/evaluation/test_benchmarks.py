"""The programs behind the figures, and the pages that hold them."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.decisions.fields import AS_SHIPPED, VARIANTS

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "benchmarks"
PROGRAMS = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in FOLDER.rglob("*.py")
    if "\ndef main(arguments" in path.read_text(encoding="utf-8")
)
KEPT = {
    *("benchmarks.calibration", "benchmarks.cold", "benchmarks.compare", "benchmarks.filters"),
    *("benchmarks.fuzz.__main__", "benchmarks.fuzz.coverage", "benchmarks.get_sets", "benchmarks.load"),
    *("benchmarks.quality", "benchmarks.speed"),
}
"""Commands that the pages promise; a package is run by its `__main__`."""

MODULE = re.compile(r"\bbenchmarks(?:\.[a-z_]+)+")
FILE = re.compile(r"\bbenchmarks/[\w/]*\w\.(?:py|md)\b")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def texts() -> Iterator[tuple[Path, str]]:
    """Every file of the repository that may name a benchmark."""
    files = [ROOT / "README.md", ROOT / "Makefile", *ROOT.glob("models/**/*.md"), *ROOT.glob("models/**/*.py")]
    for folder in ("benchmarks", "qmd_mcp", "tests"):
        files += [path for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".md"}]
    for path in files:
        yield path, path.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_promised_programs_are_there() -> None:
    assert set(PROGRAMS) >= KEPT


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_says_what_it_takes_under_the_name_by_which_it_is_run(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    program = importlib.import_module(name)
    with pytest.raises(SystemExit) as ended:
        program.main(["--help"])
    usage = f"usage: python -m {name.removesuffix('.__main__')} "
    assert (ended.value.code, capsys.readouterr().out.startswith(usage)) == (0, True)


def test_every_module_and_file_of_the_benchmarks_that_is_named_anywhere_exists() -> None:
    lost = [
        (path.relative_to(ROOT).as_posix(), named)
        for path, text in texts()
        for named in {*MODULE.findall(text), *FILE.findall(text)}
        if not (importlib.util.find_spec(named) if "/" not in named else (ROOT / named).is_file())
    ]
    assert lost == []


def test_every_link_to_and_between_the_pages_leads_to_a_heading() -> None:
    lost: list[tuple[str, str]] = []
    for page in (ROOT / "README.md", *ROOT.glob("models/**/*.md"), *FOLDER.rglob("*.md")):
        for target in LINK.findall(page.read_text(encoding="utf-8")):
            file, _, anchor = target.partition("#")
            place = (page.parent / file).resolve() if file else page
            ours = page.is_relative_to(FOLDER) or place.is_relative_to(FOLDER)
            if "://" in target or not ours:
                continue
            if not place.exists() or (anchor and anchor not in anchors(place)):
                lost.append((page.relative_to(ROOT).as_posix(), target))
    assert lost == []


@pytest.mark.parametrize(
    "name",
    ["calibration", "decisions.feedback", "late_interaction", "quality"],
)
def test_a_folder_without_sets_is_a_usage_error(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = importlib.import_module(f"benchmarks.{name}")
    with pytest.raises(SystemExit) as ended:
        program.main([str(tmp_path)])
    assert (ended.value.code, f"there is no set in {tmp_path}" in capsys.readouterr().err) == (2, True)


def test_every_weight_that_is_varied_is_that_of_a_field_which_is_searched() -> None:
    assert {field for changed in VARIANTS.values() for field in changed} <= AS_SHIPPED.keys()


def test_a_set_that_cannot_be_read_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "corpus.jsonl").write_text('{"_id": "d1", "text": "x"}\n')
    program = importlib.import_module("benchmarks.calibration")
    with pytest.raises(SystemExit) as ended:
        program.main([str(tmp_path)])
    assert (ended.value.code, "queries.jsonl: missing" in capsys.readouterr().err) == (1, True)
