"""Who asks a server over HTTP without its token, and settings that would make a token useless or public."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from qmd_mcp.cli import run
from qmd_mcp.errors import SettingsError
from qmd_mcp.server.process import run_file
from qmd_mcp.settings import IndexLocation, config_file, read_settings
from tests.e2e.http_server import http_server


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of servers, of tokens and of settings that are this test's own."""
    for name in ("CACHE", "STATE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))


def test_a_server_has_a_token_that_nobody_has_set_and_that_outlives_it(tmp_path: Path) -> None:
    """Every user of the machine can connect to the loopback."""
    location = IndexLocation(str(tmp_path / "index"))
    tokens: list[str | None] = []
    for _ in range(2):
        with http_server("fake", tmp_path / "index", no_token="") as server:
            assert server.post("/search", {"query": "x"}).status == 401
            assert server.get("/health").json.keys() == {"status", "version"}
            running = run_file.find(location)
            assert running is not None
            assert server.post("/search", {"query": "x"}, running.headers()).status == 200
            assert stat.S_IMODE(run_file.run_file(location).stat().st_mode) == 0o600
            tokens.append(running.token)
    assert tokens[0] is not None
    assert tokens[0] == tokens[1]


@pytest.mark.parametrize("token", ["pässword", "correct horse", " leading", "trailing ", "tab\tbed", "nul\x7f", "  "])
def test_a_token_that_no_client_could_send_is_refused_once_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("QMD_TOKEN", token)
    with pytest.raises(SettingsError, match="printable ASCII without blanks") as refused:
        read_settings()
    assert token.strip() == "" or token.strip() not in str(refused.value)


@pytest.mark.parametrize("written", ["123456789", "[123456789]", "{ value = 123456789 }", "123456789.5", "1234-56-78"])
def test_an_error_of_a_settings_file_never_shows_what_was_written_as_a_token(written: str) -> None:
    config_file().parent.mkdir(parents=True)
    config_file().write_text(f"token = {written}\n")
    with pytest.raises(SettingsError) as refused:
        read_settings()
    assert "token" in str(refused.value) or "cannot be read" in str(refused.value)
    assert "1234" not in str(refused.value)


@pytest.mark.parametrize("written", ["correct horse", "\u00e4bc-geheim"])
def test_a_trace_that_is_asked_for_does_not_show_a_token_either(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], written: str
) -> None:
    monkeypatch.setenv("QMD_TOKEN", written)
    assert run(["--debug", "status"]) == 1
    shown = capsys.readouterr()
    assert "Traceback" in shown.err
    assert written not in shown.err + shown.out
