"""What a person can set: the only reader of the environment and of the configuration file."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, TextIO, get_args

from platformdirs import user_cache_path, user_config_path, user_data_path, user_state_path
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from qmd_mcp.errors import SettingsError
from qmd_mcp.http_settings import (
    AllowedHosts,
    Audit,
    GraceSeconds,
    Host,
    MaxBodyBytes,
    MaxRequests,
    MaxSessions,
    NoToken,
    Port,
    SessionIdleSeconds,
    Socket,
    Token,
)
from qmd_mcp.index_uri import canonical, is_local
from qmd_mcp.visible_text import one_line

APPLICATION = "qmd-mcp"
ENVIRONMENT_PREFIX = "QMD_"
PROJECT_FOLDER = ".qmd-mcp"
"""The folder of an index inside a project; `.qmd` belongs to the program qmd."""


LIKENESS = 0.75
"""How alike two names must be, by difflib's ratio, for one to be a misspelling of the other: 2 wrong letters in 8."""


class Settings(BaseSettings):
    """One frozen value, parsed once and passed down; every field is also `QMD_<NAME>` in the environment."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,  # a token that does not fit is a token all the same, also in a trace
    )

    index: Annotated[
        str | None,
        Field(
            description="Folder or URI of the index; without it, the nearest `.qmd-mcp` folder at or above the working "
            "folder, otherwise the user's own index"
        ),
    ] = None
    embedder: Annotated[
        str | None,
        Field(description="Profile of the embedder of a new index, `mini` if not set; an existing index keeps its own"),
    ] = None
    expander: Annotated[
        str,
        Field(
            description="Profile or folder of the model that expands queries; `auto` takes the best one that has been "
            "pulled, `off` uses none"
        ),
    ] = "auto"
    reranker: Annotated[
        str,
        Field(
            description="Profile or folder of the cross-encoder; `auto` takes the best one that has been pulled, `off` "
            "uses none"
        ),
    ] = "auto"
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        Field(
            description="Where models run: `auto` uses a GPU if it can and otherwise the CPU, `cuda` makes it an error "
            "if no GPU can be used"
        ),
    ] = "auto"
    gpu_memory_mb: Annotated[
        int, Field(ge=0, description="How many MB of GPU memory each model may use; 0 sets no limit")
    ] = 0
    tf32: Annotated[
        bool,
        Field(
            description="Multiply the matrices of FP32 models in TF32 on GPUs that support it, which is faster and "
            "keeps 10 bits of the mantissa"
        ),
    ] = True
    idle_unload_seconds: Annotated[
        float,
        Field(ge=0, description="Seconds without use after which a model is removed from memory; 0 never removes it"),
    ] = 1800.0
    threads: Annotated[
        int, Field(ge=0, le=256, description="How many CPU cores embedding may use; 0 uses all of them")
    ] = 0
    fusion: Annotated[
        Literal["adaptive", "convex", "rrf"],
        Field(
            description="How `query` combines its rankings: `adaptive` with trained weights, `convex` with a weighted "
            "sum of the scores, `rrf` with reciprocal rank fusion"
        ),
    ] = "adaptive"
    alpha: Annotated[
        float,
        Field(ge=0, le=1, description="Weight of the dense score in the convex sum; the rest is the weight of BM25"),
    ] = 0.5
    rrf_k: Annotated[int, Field(ge=1, le=1000, description="Rank constant of reciprocal rank fusion")] = 60
    late_interaction: Annotated[
        bool, Field(description="Let `query` compare its best candidates with the query token by token")
    ] = True
    per_document: Annotated[
        int,
        Field(ge=0, le=100, description="How many hits of one document an answer of `query` may have; 0 sets no limit"),
    ] = 3
    refresh_seconds: Annotated[
        float,
        Field(ge=1, description="Shortest time in seconds between two updates of the index while it is being served"),
    ] = 300.0
    structured: Annotated[
        Literal["never", "always"],
        Field(
            description="Whether results carry JSON beside the text, for programs; many agents would read only the JSON"
        ),
    ] = "never"
    max_file_bytes: Annotated[
        int, Field(ge=1024, description="Files that are larger than this many bytes are not indexed")
    ] = 5 * 1024 * 1024
    secrets: Annotated[
        Literal["redact", "keep"],
        Field(description="Whether keys and tokens of known forms are replaced or kept"),
    ] = "redact"
    host: Host = "127.0.0.1"
    port: Port = 7337
    socket: Socket = None
    token: Token = None
    no_token: NoToken = False
    allowed_hosts: AllowedHosts = ""
    max_body_bytes: MaxBodyBytes = 1024 * 1024
    max_requests: MaxRequests = 256
    max_sessions: MaxSessions = 256
    session_idle_seconds: SessionIdleSeconds = 1800.0
    grace_seconds: GraceSeconds = 10.0
    audit: Audit = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the base class passes it by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the base class passes it by name
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the command line before the environment before the configuration file.

        A `.env` file is not read: it would be that of whatever folder the program is started in.
        """
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=config_file())


@dataclass(frozen=True, slots=True)
class IndexLocation:
    """Where an index is, and whether it belongs to a project."""

    uri: str
    project: Path | None = None
    """The folder of the project that holds the index, which is trusted with less because it may have been cloned."""
    found: bool = False
    """Whether it was found in a project rather than named by the person, so that it is used only if it is trusted."""


def read_settings(**overrides: object) -> Settings:
    """Read every source; overrides that are None are left out.

    A variable of the environment that looks like a setting and is none is named on standard error, once for each
    reading: another program may own it, so that it is no error.

    Raises:
        SettingsError: a value does not fit, or the configuration file has a key that is no setting; the sentence names
            it and its source.
    """
    for name in sorted(map(str.upper, os.environ)):
        setting = name.removeprefix(ENVIRONMENT_PREFIX).lower()
        if name.startswith(ENVIRONMENT_PREFIX) and setting not in {*Settings.model_fields, "debug"}:  # see faults.py
            known = [ENVIRONMENT_PREFIX + field.upper() for field in Settings.model_fields]
            tell(_not_a_setting(name, known))
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]  # pydantic validates the values
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            sentence = f"{_not_a_setting(name, list(Settings.model_fields))} Change it in {config_file()}."
            raise SettingsError(sentence) from error
        written = "" if _is_secret(first["loc"]) else f" = {first['input']!r}"
        message = f"{name}{written}: {first['msg']}"
        sentence = f"A setting does not fit: {message} (environment QMD_{name.upper()} or {config_file()})."
        raise SettingsError(sentence) from error
    except ValueError as error:
        sentence = f"The configuration file {config_file()} cannot be read: {error}"
        raise SettingsError(sentence) from error


def _is_secret(place: tuple[int | str, ...]) -> bool:
    """Whether a value is a secret, which no message may show."""
    field = Settings.model_fields.get(str(place[0])) if place else None
    return field is not None and SecretStr in (field.annotation, *get_args(field.annotation))


def _not_a_setting(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=LIKENESS)
    return f"{name} is not a setting; did you mean {near[0]}?" if near else f"{name} is not a setting."


def tell(sentence: str) -> None:
    """Write one line on standard error for the person who started this process; nothing if it is closed."""
    stream: TextIO | None = sys.stderr  # None under pythonw and after `2>&-`
    if stream is not None:
        stream.write(f"qmd-mcp: {one_line(sentence)}\n")
        stream.flush()


def config_file() -> Path:
    """Return the path of the configuration file, in the place that the platform has for it; it need not exist."""
    return user_config_path(APPLICATION) / "config.toml"


def cache_folder() -> Path:
    """Return the folder for files that can be made again."""
    return user_cache_path(APPLICATION)


def state_folder() -> Path:
    """Return the folder for what must outlive a process and cannot be made again, such as the tokens of clients."""
    return user_state_path(APPLICATION)


def manifests_folder() -> Path:
    """Return the folder of the user's own model manifests; it need not exist."""
    return user_config_path(APPLICATION) / "models"


def working_folder() -> Path:
    """Return the working folder.

    Raises:
        SettingsError: the folder has been deleted since the process, or the shell that started it, entered it.
    """
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        sentence = "The working folder has been deleted. Change to another one, or give --index with its whole path."
        raise SettingsError(sentence) from error


def locate_index(settings: Settings, *, start: Path | None = None) -> IndexLocation:
    """Find the index: the one of the settings, otherwise the nearest one of a project, otherwise the user's own.

    The index of a project is looked for in `start`, or in the working folder if it is None, and in the folders above.

    Raises:
        SettingsError: the working folder is needed and has been deleted.
    """
    if settings.index is not None:
        if is_local(settings.index) and not Path(settings.index).expanduser().is_absolute():
            working_folder()  # or else the path has no meaning
        uri = canonical(settings.index)
        return IndexLocation(uri, Path(uri).parent if is_local(uri) and Path(uri).name == PROJECT_FOLDER else None)
    beginning = start or working_folder()
    for folder in (beginning, *beginning.parents):
        if os.path.isdir(folder / PROJECT_FOLDER):  # noqa: PTH112  Path.is_dir raises if a folder may not be entered
            return IndexLocation(str(folder / PROJECT_FOLDER), folder, found=True)
    return IndexLocation(str(user_data_path(APPLICATION) / "index"))
