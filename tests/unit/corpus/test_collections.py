from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from qmd_mcp.corpus.scanning.collection_checks import check_globs, check_ignores, check_name
from qmd_mcp.corpus.scanning.default_rules import DEFAULT_GLOBS
from qmd_mcp.corpus.scanning.globs import expand_globs
from qmd_mcp.corpus.scanning.membership import Membership
from qmd_mcp.corpus.scanning.secret_names import is_secret
from qmd_mcp.domain.documents import Collection
from qmd_mcp.errors import CollectionError


def membership(*globs: str, ignores: tuple[str, ...] = ()) -> Membership:
    return Membership.of(Collection("notes", Path("/notes"), globs, ignores))


def selected(globs: tuple[str, ...], paths: list[str]) -> list[str]:
    each = membership(*globs)
    return [path for path in paths if each.selects(path, name=path.rpartition("/")[2])]


@pytest.mark.parametrize(
    ("written", "expanded"),
    [
        ("**/*.md", ("**/*.md",)),
        ("**/*.{md,txt}", ("**/*.md", "**/*.txt")),
        ("*.md, *.txt", ("*.md", "*.txt")),
        ("{a,b{c,d}}.md", ("a.md", "bc.md", "bd.md")),
        ("{a,b}/{c,d}.md", ("a/c.md", "a/d.md", "b/c.md", "b/d.md")),
        ("a{,.bak}", ("a", "a.bak")),
        ("docs/", ("docs/**",)),
        ("./docs/*.md", ("docs/*.md",)),
        ("a[,{]b.md", ("a[,{]b.md",)),
        ("{a,a}.md", ("a.md",)),
    ],
)
def test_braces_and_commas_are_unions(written: str, expanded: tuple[str, ...]) -> None:
    assert expand_globs([written]) == expanded


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "*.md,",
        "{a,b",
        "a}b{c",
        "/etc/**",
        "~/notes/*",
        "../*.md",
        "a/../b",
        "C:/notes/*",
        "docs\\*.md",
        "[z-a]",
    ],
)
def test_a_glob_that_cannot_be_used_is_refused_with_a_sentence(written: str) -> None:
    with pytest.raises(CollectionError, match=r"The glob .* cannot be used: .+\."):
        check_globs([written])


def test_globs_that_multiply_without_end_are_refused() -> None:
    for written in ("{a,b}" * 40, "{a,a}" * 40, "x" * 2_000):
        with pytest.raises(CollectionError, match="1,000"):
            check_globs([written])


def test_braces_without_number_are_expanded_at_once() -> None:
    written = "{a,b}" * 9 + "{c}" * 300
    assert len(expand_globs([written])) == 512  # one pair after the other, each time from the beginning, took seconds


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("*?" * 400 + "!", "a" * 4_000),
        ("*a" * 400 + "!", "a" * 4_000),
        ("**/" + "/**/".join(["a*"] * 150) + "/!", "a/" * 2_000 + "a"),
        ("**/a/" * 150 + "!", "a/" * 2_000 + "a"),
    ],
)
def test_a_glob_of_nothing_but_stars_is_matched_to_its_end(glob: str, path: str) -> None:
    assert selected((glob,), [path]) == []  # in exponential time this takes longer than the world has stood


def test_globs_are_kept_as_they_were_written() -> None:
    assert check_globs([" **/*.{md,txt} ", "docs/"]) == ("**/*.{md,txt}", "docs/")


def test_without_a_glob_the_defaults_hold() -> None:
    assert check_globs([]) == DEFAULT_GLOBS


@pytest.mark.parametrize(
    ("glob", "taken", "left"),
    [
        ("**/*.md", ["a.md", "x/y/a.md", "x/.y/A.MD"], ["a.mdx", "md", "a.md/b"]),
        ("*.md", ["a.md"], ["x/a.md"]),
        ("docs/**", ["docs/a", "docs/x/b.md"], ["docs", "x/docs/a"]),
        ("docs/**/*.md", ["docs/a.md", "docs/x/y/a.md"], ["a.md", "docs/a.txt"]),
        ("**/guide/*.md", ["guide/a.md", "x/guide/a.md"], ["guide/x/a.md"]),
        ("**", ["a", "x/y/.z"], []),
        ("a?.md", ["ab.md"], ["a.md", "a/.md"]),
        ("[ab]?.md", ["ax.md", "bx.md"], ["cx.md"]),
        ("[!a]*.md", ["b.md"], ["a.md"]),
        ("**/Makefile", ["Makefile", "x/makefile"], ["Makefile.am"]),
        ("**/*.tar.md", ["a.tar.md"], ["a.md"]),
        ("*a*b*.md", ["ab.md", "xaxbx.md", "aab.md"], ["ba.md", "ab/.md"]),
        ("**/a/**/b/**/c.md", ["a/b/c.md", "x/a/x/b/x/c.md", "a/a/b/b/c.md"], ["b/a/c.md", "a/xb/c.md", "a/b/c.md/x"]),
        ("b\u0075\u0308ro/*.md", ["b\u00fcro/a.md"], ["buro/a.md"]),
        ("[\u0075\u0308]*.md", ["\u00fcb.md"], ["u.md"]),
    ],
)
def test_a_glob_takes_the_paths_that_people_expect(glob: str, taken: list[str], left: list[str]) -> None:
    assert selected((glob,), [*taken, *left]) == taken


def test_defaults_take_what_people_write_and_no_data() -> None:
    taken = [
        "a.md",
        "a.rst",
        "a.txt",
        "a.html",
        "src/a.py",
        "a.ts",
        "pyproject.toml",
        "Makefile",
        "README",
        ".github/a.yml",
    ]
    left = ["a.csv", "a.log", "a.png", "a.pdf", "a.svg", "a.lock", "lib.min.js", "package-lock.json", "noname"]
    assert selected(DEFAULT_GLOBS, [*taken, *left]) == taken


def test_folders_of_others_and_of_machines_are_left_out() -> None:
    ignored = membership(*DEFAULT_GLOBS).ignored_folders
    assert {
        ".git",
        "node_modules",
        ".venv",
        "target",
        "dist",
        "build",
        "__pycache__",
        ".qmd-mcp",
        ".obsidian",
    } <= ignored
    assert not {".github", ".claude", "docs", "src"} & ignored


def test_a_glob_that_spells_a_folder_out_brings_it_back() -> None:
    assert "dist" not in membership("dist/**/*.md").ignored_folders
    assert "build" in membership("dist/**/*.md").ignored_folders


def test_a_negated_ignore_brings_a_folder_back() -> None:
    assert "build" not in membership("**/*.md", ignores=("!build/",)).ignored_folders


def test_a_glob_that_spells_a_file_out_brings_it_back() -> None:
    assert selected(("**/package-lock.json",), ["package-lock.json"]) == ["package-lock.json"]


def test_an_ignore_means_the_composed_form_of_a_name() -> None:
    ignores = check_ignores([unicodedata.normalize("NFD", "büro/")])
    assert ignores.decision("büro/") is True


@pytest.mark.parametrize("ignore", ["!", "foo\\", "[z-a]"])
def test_an_ignore_that_cannot_be_read_is_refused(ignore: str) -> None:
    with pytest.raises(CollectionError, match="An ignore cannot be used"):
        check_ignores([ignore])


@pytest.mark.parametrize(
    "name",
    [
        *(".env", ".env.local", "prod.env", "server.pem", "tls.KEY", "id_rsa", "id_ed25519.pub", ".netrc", ".npmrc"),
        *("credentials", "credentials.json", "secrets.yaml", "secrets.py", "passwords.kdbx", "terraform.tfstate"),
    ],
)
def test_names_of_secrets_are_known(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        *(
            ".env.example",
            ".env.sample",
            "credentials.json.template",
            "secrets.md",
            "credentials.rst",
            "environment.md",
        ),
        *("keys.md", "monkey.py", "secretary.md", ".envoy", "id_card.md"),
    ],
)
def test_templates_and_pages_about_secrets_are_none(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize("name", ["notes", "a", "my.notes-2_x", "笔记", "заметки", "नोट्स", "9lives", "a" * 64])
def test_letters_of_every_script_can_name_a_collection(name: str) -> None:
    assert check_name(name) == name


def test_a_name_is_compared_in_its_composed_form() -> None:
    assert check_name(unicodedata.normalize("NFD", "café")) == "café"


@pytest.mark.parametrize(
    "name", ["", " ", "-rf", ".hidden", "_x", "a/b", "a\\b", "a b", "a#1", "a:b", "..", "a" * 65, "é\n"]
)
def test_a_name_that_would_be_a_path_or_a_flag_is_refused(name: str) -> None:
    with pytest.raises(CollectionError, match="cannot name a collection"):
        check_name(name)
