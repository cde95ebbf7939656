"""Lines over standard input that are no message: each is answered, and the conversation goes on."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmd_mcp.server.limits.protocol_lines import LONGEST_LINE, BoundedLines, complaint
from qmd_mcp.server.process.forwarding import Conversation
from tests.e2e.http_server import PATIENCE, PROJECT, environment

PING = {"jsonrpc": "2.0", "id": 7, "method": "ping"}
MALFORMED: dict[bytes, int] = {
    b"hello": -32700,
    b'{"jsonrpc": "2.0", "id": 1, "method": "ping"': -32700,
    b"[" * 20_000: -32700,
    b"\xff\xfe": -32700,
    b"[]": -32600,
    b"7": -32600,
    b"null": -32600,
    b'{"id": 1, "method": "ping"}': -32600,
    b'{"jsonrpc": "2.0", "id": 1, "method": 5}': -32600,
    b'{"jsonrpc": "2.0"}': -32600,
}


def _answers(lines: bytes, *, count: int, index: Path) -> list[Any]:
    """So many lines of a server that answers by itself; its input ends after that."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.stdio_process", "fake", str(index), "alone"],
        cwd=PROJECT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(lines)
        process.stdin.flush()
        answers = [json.loads(process.stdout.readline()) for _ in range(count)]
        _, stderr = process.communicate(timeout=PATIENCE)
    assert stderr == b""
    return answers


def test_every_malformed_line_is_answered_in_its_turn_and_an_empty_one_is_not(tmp_path: Path) -> None:
    too_long = b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"x": "' + b"x" * LONGEST_LINE + b'"}}'
    lines = b"\n".join([*MALFORMED, b"", too_long, json.dumps(PING).encode(), b""])
    answers = _answers(lines, count=len(MALFORMED) + 2, index=tmp_path)
    assert [answer["error"]["code"] for answer in answers[:-1]] == [*MALFORMED.values(), -32700]
    assert {answer["id"] for answer in answers[:-1]} == {None}
    assert answers[-1]["id"] == PING["id"]


class Upstream:
    """Takes lines and says nothing until it is closed."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = threading.Event()

    def send(self, line: bytes) -> None:
        """Keep it."""
        self.sent.append(line)

    def lines(self) -> Iterator[bytes]:
        """None."""
        self.closed.wait()
        return iter(())

    def close(self) -> None:
        """Let the listening thread end."""
        self.closed.set()


def test_a_forwarded_conversation_answers_them_itself() -> None:
    """They do not travel to the server, and the message after them does."""
    upstream = Upstream()
    output = io.BytesIO()
    notified = b'{"jsonrpc": "2.0", "method": "notifications/initialized"}'
    source = io.BytesIO(b"\n".join([*MALFORMED, notified]))
    Conversation(upstream, connect=Upstream, output=output, ending_seconds=0).run(source)
    answers = [json.loads(line) for line in output.getvalue().splitlines()]
    assert [(answer["id"], answer["error"]["code"]) for answer in answers] == [(None, c) for c in MALFORMED.values()]
    assert upstream.sent == [notified]


@pytest.mark.parametrize(
    "message", [PING, {"method": "x"}, {"id": "a", "result": {}}, {"id": 1, "error": {}}, {"method": "x", "params": {}}]
)
def test_a_message_has_no_complaint(message: dict[str, Any]) -> None:
    assert complaint(json.dumps({"jsonrpc": "2.0", **message}).encode()) is None


@given(st.lists(st.binary(max_size=30)), st.data())
def test_short_lines_pass_unchanged_however_they_are_cut(lines: list[bytes], data: st.DataObject) -> None:
    """And of a line that is too long its beginning and its end remain."""
    text = b"\n".join(line.replace(b"\n", b"") for line in lines)
    longest = data.draw(st.integers(1, 30))
    bounded = BoundedLines(longest=longest)
    passed = b""
    rest = text
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        passed += bounded.fit(rest[:size])
        rest = rest[size:]
    assert passed == b"\n".join(line[:longest] for line in text.split(b"\n"))
