"""Download public evaluation sets and write them in the form that `qmd-mcp eval` and these programs read.

Every set is a folder with `corpus.jsonl`, `queries.jsonl` and `qrels.tsv`. After conversion its counts are compared
with those of the copy that was measured, and its content with that copy's fingerprint. What was downloaded is kept
beside the sets, in `downloads/SET`: if an address no longer works, get the file from the page that the message names,
put it there under the address's last part, and run the command again.

The sets keep their publishers' licences, which `--list` prints; several forbid commercial use or passing the set on.
"""

from __future__ import annotations

import argparse
import re
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import httpx

from benchmarks.parts.public_sets import FOLDERS, SETS, Counts, PublicFolder, PublicSet
from benchmarks.parts.published_forms import ConvertedSet

TIMEOUT = httpx.Timeout(60.0)
"""Seconds without a byte after which a download is given up."""


def main(arguments: Sequence[str]) -> None:
    """Download and convert, or list what there is."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.get_sets",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, nargs="?", default=Path("sets"), help="where to write (default: sets)")
    parser.add_argument("--only", nargs="+", choices=sorted(SETS), metavar="SET", help="only these sets")
    parser.add_argument(
        "--documents",
        nargs="+",
        choices=sorted(FOLDERS),
        metavar="NAME",
        help=f"write folders of documents instead of sets: {', '.join(sorted(FOLDERS))}",
    )
    parser.add_argument("--list", action="store_true", help="print sources and licences, download nothing")
    options = parser.parse_args(arguments)
    if options.list:
        print("\n".join(listed()))
        return
    failures: list[str] = []
    for name in options.documents or ():
        failures += write_folder(name, FOLDERS[name], folder=options.folder)
    for name in () if options.documents else options.only or sorted(SETS):
        failures += write_set(name, SETS[name], folder=options.folder)
    if failures:
        parser.exit(1, "".join(f"{failure}\n" for failure in failures))


def listed() -> Iterator[str]:
    """Every set and folder with its licence and where it comes from."""
    for name, public in SETS.items():
        yield f"{name}: {public.page}; licence: {public.licence}"
        yield from (f"    {address}" for address in public.addresses)
    for name, documents in FOLDERS.items():
        yield f"documents {name}: licence: {documents.licence}"
        yield f"    {documents.address}"


def write_set(name: str, public: PublicSet, *, folder: Path) -> list[str]:
    """Download, convert, compare and write one set; what went wrong, if anything did."""
    kept = folder / "downloads" / name
    try:
        for address in public.addresses:
            download(address, kept / address.rpartition("/")[2])
    except httpx.HTTPError as error:
        return [f"{name}: could not be downloaded ({error}). Get its files from {public.page} and put them in {kept}."]
    try:
        found = public.convert(members(kept, public.members)).without_unanswered()
    except (KeyError, ValueError, IndexError, tarfile.TarError, zipfile.BadZipFile) as error:
        return [f"{name}: the files in {kept} are not in the form that {public.page} describes ({error!r})."]
    found.write(folder / name)
    counted = counts(found)
    print(f"{name}: {counted}, {same_or_not(found, public)}", file=sys.stderr)
    return [] if counted == public.counts else [f"{name}: {counted} where {public.counts} was measured."]


def write_folder(name: str, documents: PublicFolder, *, folder: Path) -> list[str]:
    """Download and write one folder of documents; what went wrong, if anything did."""
    kept = folder / "downloads" / f"documents-{name}"
    try:
        download(documents.address, kept / documents.address.rpartition("/")[2])
    except httpx.HTTPError as error:
        return [f"{name}: could not be downloaded ({error}). Put {documents.address} in {kept}."]
    files = members(kept, documents.members)
    for path, content in files.items():
        target = folder / "documents" / name / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return (
        [] if len(files) == documents.count else [f"{name}: {len(files)} files where {documents.count} were measured."]
    )


def download(address: str, file: Path) -> None:
    """Download a file that is not there yet; an interrupted download leaves none behind."""
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.part")
    print(f"{address} ...", file=sys.stderr)
    with httpx.stream("GET", address, follow_redirects=True, timeout=TIMEOUT) as answer, part.open("wb") as written:
        answer.raise_for_status()
        for piece in answer.iter_bytes():
            written.write(piece)
    part.rename(file)


def members(folder: Path, pattern: str) -> dict[str, bytes]:
    """The content of the files, those in archives included, whose whole name matches; named by the pattern's group."""
    wanted = re.compile(pattern)
    found: dict[str, bytes] = {}
    for file in sorted(path for path in folder.iterdir() if path.suffix != ".part"):
        for name, content in _contents(file, wanted):
            match = wanted.fullmatch(name)
            if match and ".." not in PurePosixPath(name).parts:
                found[match[1]] = content
    return found


def _contents(file: Path, wanted: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    """Name and content of a file, or of the wanted files in an archive; nothing is unpacked to the disk."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                if wanted.fullmatch(name):
                    yield name, archive.read(name)
    elif tarfile.is_tarfile(file):
        with tarfile.open(file) as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                content = archive.extractfile(member) if member.isfile() and wanted.fullmatch(name) else None
                if content is not None:
                    yield name, content.read()
    elif wanted.fullmatch(file.name):
        yield file.name, file.read_bytes()


def counts(found: ConvertedSet) -> Counts:
    """What a set holds."""
    relevant = sum(grade > 0 for grade in found.judgements.values())
    return Counts(len(found.documents), len(found.queries), len(found.judgements), relevant)


def same_or_not(found: ConvertedSet, public: PublicSet) -> str:
    """Whether the set is the one that was measured, to the letter."""
    if found.fingerprint == public.fingerprint:
        return "the same to the letter as the copy that was measured"
    return "not the same to the letter as the copy that was measured: expect slightly other figures"


if __name__ == "__main__":
    main(sys.argv[1:])
