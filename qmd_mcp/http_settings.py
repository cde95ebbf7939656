"""What a person can set of a server over HTTP and of what it records: the types of these settings."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field, SecretStr


def is_token(text: str) -> bool:
    """Whether a text can be sent as a bearer token: it needs characters, all of them printable ASCII and no blank."""
    return bool(text) and all("!" <= character <= "~" for character in text)


def _checked_token(token: SecretStr | None) -> SecretStr | None:
    if token is not None and not is_token(token.get_secret_value()):
        sentence = "a token is made of printable ASCII without blanks, such as the output of: openssl rand -hex 32"
        raise ValueError(sentence)
    return token


def _whole_path(path: Path | None) -> Path | None:
    if path is None:
        return None
    path = Path(unicodedata.normalize("NFC", str(path))).expanduser()
    if not path.is_absolute():
        sentence = "give the whole path, since servers are started in different folders"
        raise ValueError(sentence)
    return path


Host: TypeAlias = Annotated[
    str, Field(description="Address that `serve --http` binds; one that other machines can reach needs a token")
]

Port: TypeAlias = Annotated[
    int, Field(ge=0, le=65_535, description="Port that `serve --http` binds; 0 lets the operating system choose")
]

Token: TypeAlias = Annotated[
    SecretStr | None,
    AfterValidator(_checked_token),
    Field(
        description="Bearer token that every HTTP request must carry, of printable ASCII without blanks; if none is "
        "set, the server makes one"
    ),
]

NoToken: TypeAlias = Annotated[
    bool,
    Field(
        description="Let every program and every user of this machine ask the HTTP server without a token; on the "
        "loopback only"
    ),
]

AllowedHosts: TypeAlias = Annotated[
    str, Field(description="Further host names, separated by commas, under which clients may address the HTTP server")
]

MaxBodyBytes: TypeAlias = Annotated[
    int,
    Field(ge=1024, description="HTTP requests with a larger body in bytes are refused; the longest query needs 16 KB"),
]

MaxRequests: TypeAlias = Annotated[
    int,
    Field(
        ge=1,
        description="How many HTTP requests, and how many tool calls, may be in progress at once; further ones are "
        "told to try again",
    ),
]

MaxSessions: TypeAlias = Annotated[
    int,
    Field(
        ge=1,
        description="How many MCP sessions over HTTP, and how many streams, may be open at once; each holds a task "
        "and its buffers",
    ),
]

SessionIdleSeconds: TypeAlias = Annotated[
    float, Field(gt=0, description="Seconds without a message after which an MCP session over HTTP is closed")
]

GraceSeconds: TypeAlias = Annotated[
    float, Field(ge=0, description="Seconds that requests in progress get to finish when the HTTP server is stopped")
]

Audit: TypeAlias = Annotated[
    Path | None,
    AfterValidator(_whole_path),
    Field(
        description="File to which every server appends one line of JSON for each call and each document that a client "
        "reads: who, when, what"
    ),
]
