"""Getting public sets: archives, downloads that are there already, and what is said of a set."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from benchmarks.get_sets import counts, main, members, write_set
from benchmarks.parts.public_sets import FOLDERS, SETS, Counts, PublicSet
from benchmarks.parts.published_forms import ConvertedSet
from benchmarks.parts.set_conversions import from_cranfield
from qmd_mcp.evaluation.datasets import read_dataset
from tests.published_sets import CRANFIELD


def test_a_fingerprint_tells_other_texts_and_grades_apart_and_not_another_order() -> None:
    documents = {"a": ("A", "x"), "b": ("", "y")}
    found = ConvertedSet(documents, {"q": "?"}, {("q", "a"): 1})
    turned = ConvertedSet(dict(reversed(documents.items())), {"q": "?"}, {("q", "a"): 1})
    others = [
        ConvertedSet({**documents, "b": ("", "z")}, {"q": "?"}, {("q", "a"): 1}),
        ConvertedSet(documents, {"q": "!"}, {("q", "a"): 1}),
        ConvertedSet(documents, {"q": "?"}, {("q", "a"): 2}),
    ]

    assert turned.fingerprint == found.fingerprint
    assert len({found.fingerprint, *(each.fingerprint for each in others)}) == 4


def zipped(files: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def tarred(files: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return content.getvalue()


@pytest.mark.parametrize(("name", "pack"), [("x.zip", zipped), ("x.tar.gz", tarred)])
def test_of_an_archive_the_wanted_files_are_read_under_their_short_names(
    name: str, pack: Callable[[Mapping[str, bytes]], bytes], tmp_path: Path
) -> None:
    inside = {"tldr-1/pages/a/b.md": b"b", "tldr-1/pages.zh/a/b.md": b"", "tldr-1/pages/../up.md": b"", "notes": b""}
    (tmp_path / name).write_bytes(pack(inside))
    (tmp_path / f"{name}.part").write_bytes(b"half a download")

    assert members(tmp_path, SETS["tldr-en"].members) == {"pages/a/b.md": b"b"}


def with_cranfield(folder: Path, *, counted: Counts) -> PublicSet:
    """A set whose files have been downloaded already."""
    (folder / "downloads/small").mkdir(parents=True)
    (folder / "downloads/small/cran.tar.gz").write_bytes(tarred(CRANFIELD))
    cranfield = SETS["cranfield"]
    return PublicSet(
        cranfield.page,
        cranfield.licence,
        cranfield.addresses,
        cranfield.members,
        cranfield.convert,
        counted,
        from_cranfield(CRANFIELD).fingerprint,
    )


def test_a_set_whose_files_are_there_is_written_without_a_download(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    public = with_cranfield(tmp_path, counted=Counts(2, 2, 4, 2))

    assert write_set("small", public, folder=tmp_path) == []
    assert "the same to the letter" in capsys.readouterr().err
    assert len(read_dataset(tmp_path / "small").queries) == 2


def test_a_set_that_holds_something_else_than_was_measured_is_named(tmp_path: Path) -> None:
    (failure,) = write_set("small", with_cranfield(tmp_path, counted=Counts(1_400, 225, 1_837, 1_612)), folder=tmp_path)

    assert failure.startswith("small: Counts(documents=2, ")
    assert "documents=1400" in failure


def test_files_in_another_form_are_named_with_the_page_that_describes_them(tmp_path: Path) -> None:
    public = with_cranfield(tmp_path, counted=Counts(2, 2, 4, 2))
    (tmp_path / "downloads/small/cran.tar.gz").write_bytes(tarred({"cran.qry": CRANFIELD["cran.qry"]}))

    (failure,) = write_set("small", public, folder=tmp_path)

    assert public.page in failure
    assert "cran.all.1400" in failure


def test_every_source_is_listed_with_its_licence(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--list"])

    shown = capsys.readouterr().out
    assert all(public.licence in shown and address in shown for public in SETS.values() for address in public.addresses)
    assert all(documents.address in shown for documents in FOLDERS.values())


def test_counts_tell_relevant_judgements_from_all() -> None:
    assert counts(from_cranfield(CRANFIELD)) == Counts(2, 2, 4, 2)
