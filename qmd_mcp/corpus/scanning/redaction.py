"""Replacing secrets in the bytes of a file."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from qmd_mcp.corpus.scanning.secret_formats import (
    FEWEST_SIGNS,
    FORMATS,
    KEY_BEGINS,
    KEY_ENDS,
    KEY_LINES,
    KEY_RUN,
    LONGEST_KEY,
    PLACEHOLDERS,
    PRIVATE_KEY,
    SHORTEST_KEY,
    Format,
)

_MARKUP = (".html", ".htm", ".xhtml")
"""Endings of the files whose text has neither the tags nor the character references of their bytes."""

_WIDE = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class _Secret:
    start: int
    end: int
    kind: str


def redacted(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Replace each secret by `[redacted:its-kind]`; return what comes out, and the kinds that were found.

    Every line keeps its number. It works on bytes, since every encoding but the wide ones writes secrets as ASCII does,
    and before anything else is made of a file, so that no title, heading or passage has one.
    """
    wide = next((encoding for mark, encoding in _WIDE if data.startswith(mark)), None)
    if wide is None:
        secrets = _secrets(data)
        return (_replaced(data, secrets), _kinds(secrets)) if secrets else (data, ())
    try:
        text = data.decode(wide)
    except UnicodeDecodeError:  # which is no text for the readers, either
        return data, ()
    narrow = text.encode("ascii", "replace")  # one byte for each character
    secrets = _secrets(narrow)
    if not secrets:
        return data, ()
    pieces, done = [], 0
    for each in secrets:
        pieces += [text[done : each.start], _marker(each, narrow).decode("ascii")]
        done = each.end
    return "".join((*pieces, text[done:])).encode(wide), _kinds(secrets)


def hidden_by_markup(path: str, texts: Iterable[str]) -> bool:
    """Whether a secret stands in the text of an HTML page that does not stand in its bytes, as `ghp_<b>…</b>` does.

    Replaced in the text it would move everything behind it, so that such a page is left out.
    """
    return path.lower().endswith(_MARKUP) and any(redacted(text.encode())[1] for text in texts)


def _replaced(data: bytes, secrets: list[_Secret]) -> bytes:
    pieces, done = [], 0
    for each in secrets:
        pieces += [data[done : each.start], _marker(each, data)]
        done = each.end
    return b"".join((*pieces, data[done:]))


def _marker(secret: _Secret, data: bytes) -> bytes:
    ends = data.count(b"\n", secret.start, secret.end) or data.count(b"\r", secret.start, secret.end)
    return f"[redacted:{secret.kind}]".encode() + b"\n" * ends


def _kinds(secrets: list[_Secret]) -> tuple[str, ...]:
    return tuple(sorted({each.kind for each in secrets}))


def _secrets(data: bytes) -> list[_Secret]:
    """The secrets in their order, without those that lie in another."""
    found: list[_Secret] = []
    if b"PRIVATE KEY" in data:
        found += _private_keys(data)
    for form in FORMATS:
        if any(sign in data for sign in form.signs):
            found += _of_format(form, data)
    apart: list[_Secret] = []
    for each in sorted(found, key=lambda secret: (secret.start, -secret.end)):
        if not apart or each.start >= apart[-1].end:
            apart.append(each)
    return apart


def _of_format(form: Format, data: bytes) -> Iterator[_Secret]:
    group = "secret" if "secret" in form.expression.groupindex else 0
    for match in form.expression.finditer(data):
        secret = match[group]
        if len(set(secret)) >= FEWEST_SIGNS and not PLACEHOLDERS.search(secret) and _is_mixed(secret):
            yield _Secret(match.start(group), match.end(group), form.kind)


def _is_mixed(secret: bytes) -> bool:
    """Whether a secret has both letters and digits, as every generated one but those of Hugging Face has."""
    return secret.startswith(b"hf_") or (
        any(byte in b"0123456789" for byte in secret) and any(chr(byte).isalpha() for byte in secret)
    )


def _private_keys(data: bytes) -> Iterator[_Secret]:
    """The lines between the first and the last one of each key, which stay, since they say what it was."""
    begins = list(KEY_BEGINS.finditer(data))
    beyond = [*(begin.start() for begin in begins[1:]), len(data)]
    for begin, limit in zip(begins, beyond, strict=True):
        start, most = begin.end(), min(limit, begin.end() + LONGEST_KEY)
        end = KEY_ENDS.search(data, start, most)
        lines = KEY_LINES.match(data, start, most)
        stop = end.start() if end else lines.end() if lines else start
        if sum(len(run[0]) for run in KEY_RUN.finditer(data, start, stop)) >= SHORTEST_KEY:
            yield _Secret(start, stop, PRIVATE_KEY)
