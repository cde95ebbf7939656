"""Settings that are misspelt, and where the index is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from qmd_mcp.errors import SettingsError
from qmd_mcp.settings import PROJECT_FOLDER, IndexLocation, config_file, locate_index, read_settings


@pytest.fixture(autouse=True)
def _own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("QMD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))


def test_a_misspelt_variable_is_named_once_with_the_nearest_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QMD_EMBEDER", "mini")
    monkeypatch.setenv("QMD_PORT", "7000")
    assert read_settings().port == 7000
    assert capsys.readouterr() == ("", "qmd-mcp: QMD_EMBEDER is not a setting; did you mean QMD_EMBEDDER?\n")


def test_a_variable_that_is_like_no_setting_is_named_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QMD_XYZZY", "1")
    read_settings()
    assert capsys.readouterr() == ("", "qmd-mcp: QMD_XYZZY is not a setting.\n")


def test_variables_of_other_programs_and_of_settings_are_not_mentioned(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QMDX", "1")
    monkeypatch.setenv("EMBEDER", "1")
    monkeypatch.setenv("QMD_EMBEDDER", "mini")
    read_settings()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('embeder = "mini"', "embeder is not a setting; did you mean embedder? Change it in {file}."),
        ("xyzzy = 1", "xyzzy is not a setting. Change it in {file}."),
        ("port = 70000", "A setting does not fit: port = 70000: Input should be less than or equal to 65535 "),
        ("port =", "The configuration file {file} cannot be read: "),
    ],
)
def test_a_configuration_file_that_does_not_fit_is_said_in_one_sentence(line: str, sentence: str) -> None:
    config_file().parent.mkdir(parents=True)
    config_file().write_text(line)
    with pytest.raises(SettingsError) as raised:
        read_settings()
    assert str(raised.value).startswith(sentence.format(file=config_file()))
    assert len(str(raised.value).splitlines()) == 1


def test_the_index_is_the_nearest_of_a_project_unless_another_is_named(tmp_path: Path) -> None:
    inside = tmp_path / "project" / "docs"
    inside.mkdir(parents=True)
    own = tmp_path / "project" / PROJECT_FOLDER
    own.mkdir()
    assert locate_index(read_settings(), start=inside) == IndexLocation(str(own), own.parent, found=True)
    named = read_settings(index=str(tmp_path / "index"))
    assert locate_index(named, start=inside) == IndexLocation(str(tmp_path / "index"))


IN_A_DELETED_FOLDER = """
import os, sys, tempfile
folder = tempfile.mkdtemp()
os.chdir(folder)
os.rmdir(folder)
from qmd_mcp.cli import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows deletes no folder that a process works in")
@pytest.mark.parametrize(
    ("options", "code"), [((), 1), (("--index", "notes"), 1), (("--index", "/index"), 0), (("--index", "s3://x/y"), 0)]
)
def test_in_a_working_folder_that_was_deleted_only_an_index_with_its_whole_path_can_be_meant(
    options: tuple[str, ...], code: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_A_DELETED_FOLDER, *options, "client-config", "claude"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stderr.splitlines()
    assert (done.returncode, len(said)) == (code, 1)
    assert ("working folder has been deleted" in said[0]) == bool(code)


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QMD_INDEX", "")
    monkeypatch.setenv("QMD_PORT", "")
    settings = read_settings()
    assert (settings.index, settings.port) == (None, 7337)


def test_a_blank_token_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody could ever send it."""
    monkeypatch.setenv("QMD_TOKEN", "  ")
    with pytest.raises(SettingsError, match="token"):
        read_settings()
