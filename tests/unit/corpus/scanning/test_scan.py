from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Mapping
from pathlib import Path

import pytest

from qmd_mcp.corpus.scanning.gitignore import MAX_BYTES
from qmd_mcp.corpus.scanning.scan import ScannedFile, scan
from qmd_mcp.domain.answers import Skip
from qmd_mcp.domain.documents import Collection
from qmd_mcp.errors import CollectionError

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
needs_bytes = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names that are no text")


def lay_out(root: Path, files: Mapping[str, str]) -> Path:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content, encoding="utf-8")
    return root


def entries(root: Path, *globs: str, ignores: tuple[str, ...] = (), max_file_bytes: int = 1_000) -> list[str]:
    """Paths as they come; what was left out with its reason."""
    collection = Collection("notes", root, globs or ("**/*.md",), ignores)
    return [
        f"{entry.path}: {entry.reason}" if isinstance(entry, Skip) else entry.path
        for entry in scan(collection, max_file_bytes=max_file_bytes)
    ]


def test_files_come_in_the_order_of_their_paths(tmp_path: Path) -> None:
    lay_out(tmp_path, dict.fromkeys(["b.md", "a/z.md", "a-b.md", "a/b/c.md", "a.md", "Z.md"], "text"))
    assert entries(tmp_path) == sorted(["b.md", "a/z.md", "a-b.md", "a/b/c.md", "a.md", "Z.md"])


def test_a_file_carries_its_size_time_and_place(tmp_path: Path) -> None:
    lay_out(tmp_path, {"docs/a.md": "text"})
    state = (tmp_path / "docs/a.md").stat()
    assert list(scan(Collection("notes", tmp_path, ("**/*.md",)))) == [
        ScannedFile("docs/a.md", tmp_path / "docs/a.md", size=4, mtime_ns=state.st_mtime_ns)
    ]


def test_files_that_no_glob_takes_are_not_mentioned(tmp_path: Path) -> None:
    lay_out(tmp_path, {"a.md": "", "b.txt": "", "c.png": "", "node_modules/x/readme.md": "", ".git/description.md": ""})
    assert entries(tmp_path) == ["a.md"]


def test_hidden_folders_belong_to_a_collection(tmp_path: Path) -> None:
    lay_out(tmp_path, {".github/workflow.md": "", ".claude/agents/x.md": "", ".obsidian/plugin.md": ""})
    assert entries(tmp_path) == [".claude/agents/x.md", ".github/workflow.md"]


def test_secrets_are_named_with_their_reason_whatever_the_globs_say(tmp_path: Path) -> None:
    lay_out(tmp_path, {"a.md": "", ".env": "", "sub/id_rsa": "", ".ssh/config": "", ".ssh/notes.md": ""})
    assert entries(tmp_path) == [
        ".env: secret by its name",
        ".ssh/: secret by its name",
        "a.md",
        "sub/id_rsa: secret by its name",
    ]


def test_a_file_beyond_the_limit_is_left_out(tmp_path: Path) -> None:
    lay_out(tmp_path, {"fits.md": "x" * 10, "large.md": "x" * 11, "large.bin": "x" * 11})
    assert entries(tmp_path, max_file_bytes=10) == ["fits.md", "large.md: too large"]


def test_gitignore_holds_for_its_folder_and_below(tmp_path: Path) -> None:
    lay_out(
        tmp_path,
        {
            ".gitignore": "*.tmp.md\n/drafts/\n",
            "a.md": "",
            "b.tmp.md": "",
            "drafts/x.md": "",
            "sub/drafts/x.md": "",
            "sub/.gitignore": "secret-plan.md\n!keep.tmp.md\n",
            "sub/keep.tmp.md": "",
            "sub/secret-plan.md": "",
            "secret-plan.md": "",
        },
    )
    assert entries(tmp_path) == ["a.md", "secret-plan.md", "sub/drafts/x.md", "sub/keep.tmp.md"]


def test_a_gitignore_that_allows_only_some_files_is_understood(tmp_path: Path) -> None:
    lay_out(tmp_path, {".gitignore": "*\n!*/\n!*.md\n", "a.md": "", "a.txt": "", "sub/b.md": "", "sub/b.txt": ""})
    assert entries(tmp_path, "**") == ["a.md", "sub/b.md"]


def test_lines_of_a_gitignore_that_cannot_be_read_say_nothing(tmp_path: Path) -> None:
    lay_out(tmp_path, {".gitignore": "[z-a]\n!\nb.md\nfoo\\\n", "a.md": "", "b.md": ""})
    assert entries(tmp_path) == ["a.md"]


def test_lines_of_a_gitignore_are_compared_in_their_composed_form(tmp_path: Path) -> None:
    """Also those above the root, whatever form the root's own name has."""
    office = unicodedata.normalize("NFD", "büro")
    lay_out(tmp_path, {".git/HEAD": "", ".gitignore": unicodedata.normalize("NFD", "/büro/größe.md\nmöbel/\n")})
    lay_out(tmp_path / office, {"größe.md": "", "sub/größe.md": "", "möbel/a.md": "", "b.md": ""})
    assert entries(tmp_path) == ["büro/b.md", "büro/sub/größe.md"]
    assert entries(tmp_path / office) == ["b.md", "sub/größe.md"]


@pytest.mark.parametrize("line", ["*?" * 100 + "!", "*a" * 100 + "!", "**/" + "/**/".join(["a*"] * 50) + "/!"])
def test_a_line_of_a_gitignore_with_nothing_but_stars_is_matched_to_its_end(tmp_path: Path, line: str) -> None:
    path = f"{'a/' * 60}{'a' * 200}.md"
    lay_out(tmp_path, {".gitignore": line, path: ""})
    assert entries(tmp_path) == [path]  # in exponential time this takes longer than the world has stood


def test_lines_of_a_gitignore_beyond_the_limit_say_nothing_and_the_file_is_named(tmp_path: Path) -> None:
    names = "".join(f"{number:07}\n" for number in range(MAX_BYTES // 8 - 1))
    lay_out(tmp_path, {".gitignore": f"a.md\n{names}b.md\n", "a.md": "", "b.md": ""})
    assert entries(tmp_path) == [".gitignore: too large", "b.md"]
    lay_out(tmp_path, {".gitignore": f"a.md\n{names[:-8]}b.md\n"})
    assert entries(tmp_path) == []


def test_gitignore_files_above_the_root_hold_up_to_the_top_of_the_repository(tmp_path: Path) -> None:
    lay_out(
        tmp_path,
        {
            ".gitignore": "a.md\n",
            "repository/.git/HEAD": "",
            "repository/.gitignore": "/docs/b.md\n",
            "repository/docs/a.md": "",
            "repository/docs/b.md": "",
            "repository/docs/sub/b.md": "",
        },
    )
    assert entries(tmp_path / "repository/docs") == ["a.md", "sub/b.md"]


def test_outside_of_a_repository_nothing_above_the_root_holds(tmp_path: Path) -> None:
    lay_out(tmp_path, {".gitignore": "*.md\n", "docs/a.md": ""})
    assert entries(tmp_path / "docs") == ["a.md"]


def test_an_ignored_folder_can_be_a_collection_of_its_own(tmp_path: Path) -> None:
    lay_out(tmp_path, {".git/HEAD": "", ".gitignore": "/notes/\n", "notes/a.md": ""})
    assert entries(tmp_path) == []
    assert entries(tmp_path / "notes") == ["a.md"]


def test_the_ignores_of_a_collection_overrule_gitignore(tmp_path: Path) -> None:
    lay_out(tmp_path, {".gitignore": "generated/\n", "generated/a.md": "", "drafts/b.md": "", "c.md": ""})
    assert entries(tmp_path, ignores=("drafts/", "!generated/")) == ["c.md", "generated/a.md"]


@needs_links
def test_links_within_the_root_give_no_file_twice_and_no_cycle(tmp_path: Path) -> None:
    lay_out(tmp_path, {"docs/a.md": "text"})
    (tmp_path / "docs/again.md").symlink_to("a.md")
    (tmp_path / "docs/up").symlink_to(tmp_path)
    (tmp_path / "loop.md").symlink_to("loop.md")
    assert entries(tmp_path) == ["docs/a.md", "loop.md: unreadable"]


@needs_links
def test_links_that_leave_the_root_are_not_followed(tmp_path: Path) -> None:
    lay_out(tmp_path, {"elsewhere/passwd.md": "text", "root/a.md": "text", "root2/b.md": "text"})
    root = tmp_path / "root"
    (root / "file.md").symlink_to(tmp_path / "elsewhere/passwd.md")
    (root / "folder").symlink_to(tmp_path / "elsewhere")
    (root / "sibling").symlink_to(tmp_path / "root2")
    (root / "picture.png").symlink_to(tmp_path / "elsewhere/passwd.md")
    assert entries(root) == [
        "a.md",
        "file.md: link out of the collection",
        "folder/: link out of the collection",
        "sibling/: link out of the collection",
    ]


@needs_links
def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    lay_out(tmp_path, {"vault/a.md": "text", "vault/b.md": "text"})
    (tmp_path / "vault/c.md").symlink_to("a.md")
    (tmp_path / "notes").symlink_to("vault")
    assert entries(tmp_path / "notes") == ["a.md", "b.md"]


@needs_links
def test_a_link_to_nothing_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "a.md").symlink_to(tmp_path / "gone.md")
    assert entries(tmp_path) == ["a.md: unreadable"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in the file system")
def test_a_pipe_is_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    os.mkfifo(tmp_path / ".gitignore")
    assert entries(tmp_path) == ["pipe.md: unreadable"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    lay_out(tmp_path, {"a.md": "", "locked/b.md": ""})
    (tmp_path / "locked").chmod(0)
    try:
        assert entries(tmp_path) == ["a.md", "locked/: unreadable"]
    finally:
        (tmp_path / "locked").chmod(0o700)


def test_a_folder_that_disappears_while_it_is_being_read_is_left_out(tmp_path: Path) -> None:
    lay_out(tmp_path, {"a.md": "", "b/c.md": ""})
    found = scan(Collection("notes", tmp_path, ("**/*.md",)))
    assert next(found).path == "a.md"
    (tmp_path / "b/c.md").unlink()
    (tmp_path / "b").rmdir()
    assert list(found) == [Skip("b/", "unreadable")]


def test_paths_are_composed_whatever_the_file_system_says(tmp_path: Path) -> None:
    lay_out(tmp_path, {unicodedata.normalize("NFD", "café/ñandú.md"): "text"})
    (file,) = scan(Collection("notes", tmp_path, ("**/*.md",)))
    assert isinstance(file, ScannedFile)
    assert file.path == unicodedata.normalize("NFC", "café/ñandú.md")
    assert file.absolute.read_text() == "text"


@needs_bytes
def test_one_name_in_two_forms_is_one_file(tmp_path: Path) -> None:
    lay_out(tmp_path, {unicodedata.normalize(form, "é.md"): form for form in ("NFC", "NFD")})
    found = entries(tmp_path)
    assert found == [f"{unicodedata.normalize('NFD', 'é.md')}: same name as another file", "é.md"]


@needs_bytes
def test_a_name_that_is_no_text_is_left_out(tmp_path: Path) -> None:
    for name in (b"caf\xe9.md", b"caf\xe9.png"):
        (Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))).write_text("text")
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    lay_out(folder, {"a.md": ""})
    assert entries(tmp_path) == [r"\xff/: name is not UTF-8", r"caf\xe9.md: name is not UTF-8"]


def test_a_root_that_is_no_folder_is_the_operators_to_mend(tmp_path: Path) -> None:
    lay_out(tmp_path, {"a.md": ""})
    for root in (tmp_path / "missing", tmp_path / "a.md"):
        with pytest.raises(CollectionError, match=root.name):
            scan(Collection("notes", root, ("**/*.md",)))


def test_a_glob_that_cannot_be_used_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match="brace"):
        scan(Collection("notes", tmp_path, ("{a",)))


def test_an_empty_folder_has_no_files(tmp_path: Path) -> None:
    assert entries(tmp_path) == []
