"""How a server proves that it wrote its run file, before its token is sent to whoever listens at its address."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection

CHALLENGE = "qmd-mcp-challenge"
"""The header of a request for `/health` that asks for the proof."""

_CHALLENGE = re.compile(r"[0-9a-f]{64}")
"""256 random bits, so that no proof is ever asked for twice."""

_LENGTH = re.compile(rb"\ncontent-length: *(\d{1,4})\r?\n", re.IGNORECASE)

_LONGEST = 8_192
"""Bytes that the answer may have; it has about 300."""


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """What a server process can prove: that it knows the secret of its run file and listens at the address in it."""

    url: str
    secret: str

    def proof(self, challenge: str) -> str:
        """Answer a challenge. Whoever passes it on to another address gets a proof that is of no use there."""
        message = f"qmd-mcp server\n{self.url}\n{challenge}".encode()
        return hmac.new(self.secret.encode(), message, hashlib.sha256).hexdigest()

    def answer(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the part of the health check that proves the identity, if a request asks for it."""
        challenge = headers.get(CHALLENGE, "")
        return {"proof": self.proof(challenge)} if _CHALLENGE.fullmatch(challenge) else {}


class ProvenConnection(HTTPConnection):
    """A connection whose other end has proved its identity before any request is sent, each time that it connects.

    The port of a server that has ended can be taken by another user of the machine, who would get the token with the
    first request and could answer in the server's place. The proof and the requests travel on one connection, so that
    nobody can step in between.
    """

    def __init__(self, host: str, port: int | None, *, identity: ServerIdentity, timeout: float) -> None:
        super().__init__(host, port, timeout=timeout)
        self._identity = identity
        self._patience = timeout

    def connect(self) -> None:
        """Connect, and check who answers.

        Raises:
            ConnectionError: it is not the server of the run file, or it does not answer in time.
            OSError: nobody answers.
        """
        super().connect()
        challenge = secrets.token_hex(32)
        try:
            proof = self._asked(challenge)
        except OSError:
            self.close()
            raise
        if not hmac.compare_digest(proof, self._identity.proof(challenge)):
            self.close()
            sentence = "whoever answers at the address of the server is not the server"
            raise ConnectionError(sentence)

    def _asked(self, challenge: str) -> str:
        """Return the proof, or nothing. One deadline holds for the whole answer, which may come byte by byte."""
        deadline = time.monotonic() + self._patience
        self.sock.sendall(f"GET /health HTTP/1.1\r\nHost: localhost\r\n{CHALLENGE}: {challenge}\r\n\r\n".encode())
        received = b""
        while (body := _body(received)) is None and len(received) <= _LONGEST:
            self.sock.settimeout(max(deadline - time.monotonic(), 0.001))  # 0 would mean not to wait at all
            part = self.sock.recv(_LONGEST)
            if not part:
                break
            received += part
        self.sock.settimeout(self._patience)
        try:
            health = json.loads(body or b"")
        except (ValueError, RecursionError):
            return ""
        proof = health.get("proof") if isinstance(health, dict) else None
        return proof if isinstance(proof, str) and proof.isascii() else ""


def _body(received: bytes) -> bytes | None:
    """Return the body of an answer once it is complete."""
    head, ended, body = received.partition(b"\r\n\r\n")
    length = _LENGTH.search(head + b"\r\n") if ended else None
    if length is None:
        return None
    return body if len(body) >= int(length[1]) else None
