"""Secrets in ordinary files. Every one is made here, from pieces, so that no program takes this file for a leak."""

from __future__ import annotations

import base64
import hashlib
import string
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from qmd_mcp.application.engine import Engine, open_engine
from qmd_mcp.corpus.scanning.disk_files import read_file
from qmd_mcp.corpus.scanning.redaction import redacted
from qmd_mcp.corpus.scanning.scan import ScannedFile, scan
from qmd_mcp.domain.answers import Skip
from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.requests import SearchRequest
from qmd_mcp.errors import UnreadableDocumentError
from qmd_mcp.settings import IndexLocation, Settings

LETTERS = string.ascii_letters + string.digits
BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def stream(length: int, seed: int) -> bytes:
    """Bytes that look random and are always the same."""
    return hashlib.shake_256(bytes([seed])).digest(length)


def made(length: int, letters: str = LETTERS, *, seed: int = 7) -> str:
    """Signs that look random and have a letter and a digit among them."""
    signs = [letters[byte % len(letters)] for byte in stream(length, seed)]
    signs[:2] = [max(letters), min(letters)]
    return "".join(signs)


SECRETS = {
    "aws-access-key": "AKI" + "A" + made(16, BASE32),
    "github-token": "gh" + "p_" + made(36),
    "gitlab-token": "glp" + "at-" + made(20),
    "slack-token": "xox" + "b-" + made(12, "0123456789") + "-" + made(24),
    "google-api-key": "AI" + "za" + made(35),
    "google-client-secret": "GOC" + "SPX-" + made(28),
    "stripe-key": "sk_" + "live_" + made(24),
    "openai-key": "sk" + "-proj-" + made(30) + "T3Bl" + "bkFJ" + made(30, seed=8),
    "anthropic-key": "sk-" + "ant-api03-" + made(93),
    "hugging-face-token": "h" + "f_" + made(34, string.ascii_letters),
    "npm-token": "np" + "m_" + made(36),
    "pypi-token": "py" + "pi-AgE" + made(80),
    "sendgrid-key": "S" + "G." + made(22) + "." + made(43),
    "telegram-token": made(9, "123456789") + ":A" + "A" + made(33),
    "digitalocean-token": "do" + "p_v1_" + made(64, "0123456789abcdef"),
    "docker-token": "dck" + "r_pat_" + made(27),
    "vault-token": "hv" + "s." + made(95),
    "terraform-token": made(14) + ".atl" + "asv1." + made(67),
    "databricks-token": "da" + "pi" + made(32, "0123456789abcdef"),
    "shopify-token": "shp" + "at_" + made(32, "0123456789abcdef"),
    "atlassian-token": "ATA" + "TT3x" + made(180),
    "age-key": "AGE-SECRET-" + "KEY-1" + made(58, string.ascii_uppercase + string.digits),
}
BESIDE = {
    "aws-secret-key": ("aws_secret_access_key = ", made(40)),
    "azure-storage-key": ("DefaultEndpointsProtocol=https;Account" + "Key=", made(86) + "=="),
    "slack-webhook": ("https://hooks.slack.com/services/", f"T{made(10, BASE32)}/B{made(10, BASE32)}/{made(24)}"),
    "password-in-url": ("postgres://app:", made(16) + "@db.internal/main"),
    "token-in-url": ("https://api.internal/v1?access_" + "token=", made(32)),
}


def private_key(kind: str = "RSA ", *, size: int = 1_200) -> str:
    body = base64.b64encode(stream(size, 3)).decode()
    lines = "\n".join(body[start : start + 64] for start in range(0, len(body), 64))
    return f"-----BEGIN {kind}PRIVATE" + f" KEY-----\n{lines}\n-----END {kind}PRIVATE" + " KEY-----"


@pytest.mark.parametrize("kind", [*SECRETS, *BESIDE])
@pytest.mark.parametrize("around", ['key = "{}"\n', "The key is {}.\n", "- {}\n- next\n", "{}"])
def test_a_token_of_a_well_known_form_is_replaced_and_what_stands_around_it_stays(kind: str, around: str) -> None:
    before, secret = ("", SECRETS[kind]) if kind in SECRETS else BESIDE[kind]
    shown, kinds = redacted(around.format(before + secret).encode())
    assert kinds == (kind,)
    assert secret.split("@")[0].encode() not in shown
    assert shown.startswith(around.format(before + "\0").split("\0")[0].encode())
    assert shown.endswith(around.split("{}")[1].encode())


@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
@pytest.mark.parametrize("form", ["{}", "> {}", "    {}", '"{}"', "# {}"])
def test_a_private_key_is_replaced_and_every_line_keeps_its_number(kind: str, form: str) -> None:
    key = "\n".join(form.format(line) for line in private_key(kind).split("\n"))
    text = f"above\n{key}\nbelow\n"
    shown, kinds = redacted(text.encode())
    assert kinds == ("private-key",)
    assert shown.count(b"\n") == text.count("\n")
    assert not any(line.strip('> #"').encode() in shown for line in key.split("\n")[1:-1])
    assert shown.endswith(b"below\n")


@pytest.mark.parametrize("key", [private_key().rsplit("\n", 1)[0], private_key().replace("\n", "\\n")])
def test_a_private_key_without_its_end_or_in_a_text_of_json_is_replaced(key: str) -> None:
    shown, kinds = redacted(f'{{"key": "{key}"}}\nbelow\n'.encode())
    assert kinds == ("private-key",)
    assert private_key().split("\n")[5].encode() not in shown
    assert shown.endswith(b"\nbelow\n")


def test_the_shortest_private_key_is_replaced() -> None:
    assert redacted(private_key("", size=48).encode())[1] == ("private-key",)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "gb18030"])
def test_secrets_are_found_in_every_encoding_that_is_read(encoding: str) -> None:
    token = SECRETS["github-token"]
    shown, kinds = redacted(f"钥匙: {token}\n{private_key()}\n尾".encode(encoding))
    assert kinds == ("github-token", "private-key")
    text = shown.decode(encoding)
    assert text.startswith("钥匙: [redacted:github-token]\n-----BEGIN")
    assert text.endswith("KEY-----\n尾")


@pytest.mark.parametrize(
    "text",
    [
        "AKIA" + "IOSFODNN7EXAMPLE",
        "ghp_" + "x" * 36,
        "glpat-" + "your-token-goes-here1",
        "postgres://user:password@localhost/db",
        "postgres://user:${DB_PASSWORD}@localhost/db",
        "https://example.org/?token=YOUR_ACCESS_TOKEN_HERE",
        "https://example.org:8080/path@2",
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        "A file begins with -----BEGIN RSA PRIVATE KEY----- and then has lines of base64.",
        "dapi" + "sk-1234567890abcdef1234567890abcdef",
        "commit " + made(40, "0123456789abcdef"),
        "sha512-" + made(86) + "==",
    ],
)
def test_what_only_shows_the_form_of_a_secret_stays(text: str) -> None:
    assert redacted(text.encode()) == (text.encode(), ())


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        (".docker", "config.json"),
        (".config/gh", "hosts.yml"),
        (".kube", "config"),
        (".aws", "credentials"),
        (".azure", "accessTokens.json"),
        (".config/gcloud", "application_default_credentials.json"),
        ("", ".netrc"),
        ("", ".pypirc"),
        ("", ".npmrc"),
        ("", ".git-credentials"),
        (".m2", "settings-security.xml"),
        (".cargo", "credentials.toml"),
        (".gem", "credentials"),
    ],
)
def test_the_known_places_of_secrets_are_not_read(tmp_path: Path, folder: str, name: str) -> None:
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    (tmp_path / folder / name).write_text("{}")
    path = f"{folder}/{name}".strip("/")
    assert read_file(tmp_path, path, max_bytes=100) == Skip(path, "secret by its name")
    found = list(scan(Collection("notes", tmp_path, ("**",))))
    assert [each for each in found if isinstance(each, ScannedFile)] == []


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncGenerator[Engine]:
    (tmp_path / "notes").mkdir()
    note = f"# Release\n\nThe robot pushes with {SECRETS['github-token']} to the mirror.\n"
    (tmp_path / "notes/release.md").write_text(note)
    (tmp_path / "notes/other.md").write_text("# Other\n\nNothing of that.\n")
    async with open_engine(Settings(), IndexLocation(str(tmp_path / "index")), create=True) as opened:
        await opened.writing.add_collection(Collection("notes", tmp_path / "notes", ("**/*.md",)))
        yield opened


@pytest.mark.anyio
async def test_a_secret_is_neither_stored_nor_shown_and_its_note_is_found(engine: Engine, tmp_path: Path) -> None:
    token = SECRETS["github-token"]
    summaries = [await engine.writing.update(embed=False) for _ in range(2)]
    assert [each.redacted for each in summaries] == [1, 1]
    assert token not in "".join(passage.text for passage in await engine.passages())
    answer = await engine.searching.search(SearchRequest("robot pushes mirror"))
    assert "[redacted:github-token]" in answer.hits[0].snippet
    excerpt = await engine.reading.get("notes/release.md", from_line=3, max_lines=1, line_numbers=False)
    assert excerpt.text == "The robot pushes with [redacted:github-token] to the mirror."
    assert (excerpt.freshness, answer.hits[0].freshness) == ("current", "current")
    assert [each.redacted for each in (await engine.status()).collections] == [1]
    assert not [
        file for file in (tmp_path / "index").rglob("*") if file.is_file() and token.encode() in file.read_bytes()
    ]


@pytest.mark.anyio
async def test_who_keeps_secrets_gets_them_and_changing_the_setting_reads_those_files_again(
    engine: Engine, tmp_path: Path
) -> None:
    await engine.writing.update(embed=False)
    async with open_engine(Settings(secrets="keep"), IndexLocation(str(tmp_path / "index"))) as keeping:
        summary = await keeping.writing.update(embed=False)
        assert (summary.updated, summary.unchanged, summary.redacted) == (1, 1, 0)
        excerpt = await keeping.reading.get("notes/release.md", from_line=3, max_lines=1, line_numbers=False)
        assert SECRETS["github-token"] in excerpt.text


PAGES = {
    "split.html": "<title>Release</title><p>The robot pushes with {head}<b></b>{tail}.</p>",
    "reference.htm": "<title>Release</title><p>The robot pushes with &#103;{rest}.</p>",
}


@pytest.mark.anyio
@pytest.mark.parametrize("name", PAGES)
async def test_a_secret_that_only_the_reader_of_a_page_puts_together_is_neither_stored_nor_shown(
    tmp_path: Path, name: str
) -> None:
    token = SECRETS["github-token"]
    parts = {"head": token[:9], "tail": token[9:], "rest": token[1:]}
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / name).write_text(PAGES[name].format(**parts))
    (tmp_path / "notes/plain.html").write_text("<title>Plain</title><p>The robot rests.</p>")
    location = IndexLocation(str(tmp_path / "index"))
    async with open_engine(Settings(), location, create=True) as engine:
        await engine.writing.add_collection(Collection("notes", tmp_path / "notes", ("**/*",)))
        summary = await engine.writing.update(embed=False)
        assert (summary.added, summary.skipped) == (1, {"secret in its markup": 1})
    async with open_engine(Settings(secrets="keep"), location) as engine:
        assert (await engine.writing.update(embed=False)).added == 1
    async with open_engine(Settings(), location) as engine:  # which finds the row of the other setting
        with pytest.raises(UnreadableDocumentError, match="secret in its markup"):
            await engine.reading.get(f"notes/{name}", from_line=None, max_lines=None, line_numbers=False)
