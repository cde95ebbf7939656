"""What a person can set: the only reader of the environment and of the configuration file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from platformdirs import user_cache_path, user_config_path, user_data_path
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from qmd_mcp.errors import SettingsError

APPLICATION = "qmd-mcp"
PROJECT_FOLDER = ".qmd-mcp"
"""An index inside a project; `.qmd` belongs to qmd."""


class Settings(BaseSettings):
    """One frozen value, parsed once and passed down; every field is also `QMD_<NAME>` in the environment."""

    model_config = SettingsConfigDict(env_prefix="QMD_", frozen=True, extra="forbid")

    index: Annotated[
        str | None,
        Field(description="Folder or URI of the index; default: the nearest .qmd-mcp folder, else the user's own"),
    ] = None
    embedder: Annotated[
        str | None, Field(description="Embedder of a new index (default: mini); an index that exists keeps its own")
    ] = None
    expander: Annotated[
        str, Field(description="Profile or folder of the expander; `auto`: the best that is pulled; `off`: none")
    ] = "auto"
    reranker: Annotated[
        str, Field(description="Profile or folder of the reranker; `auto`: the best that is pulled; `off`: none")
    ] = "auto"
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        Field(description="Where models run; `cuda` is an error where it cannot be used, `auto` goes to the processor"),
    ] = "auto"
    gpu_memory_mb: Annotated[int, Field(ge=0, description="GPU memory that one model may take; 0 sets no limit")] = 0
    tf32: Annotated[
        bool, Field(description="FP32 models multiply in TF32 on GPUs that can: faster, with 10 bits of mantissa")
    ] = True
    idle_unload_seconds: Annotated[
        float, Field(ge=0, description="A model that nobody has used for so long leaves memory; 0 keeps it")
    ] = 1800.0
    threads: Annotated[int, Field(ge=0, le=256, description="Processors that embedding takes; 0 takes every one")] = 0
    fusion: Annotated[
        Literal["adaptive", "convex", "rrf"],
        Field(description="How `query` combines its lists: by trained weights, a convex sum or reciprocal ranks"),
    ] = "adaptive"
    alpha: Annotated[
        float, Field(ge=0, le=1, description="Share of the dense score in the convex sum; the rest is BM25's")
    ] = 0.5
    rrf_k: Annotated[int, Field(ge=1, le=1000, description="Rank constant of reciprocal rank fusion")] = 60
    late_interaction: Annotated[
        bool, Field(description="`query` compares its best candidates with the query token by token")
    ] = True
    per_document: Annotated[
        int, Field(ge=0, le=100, description="Hits of one document in an answer of `query`; 0 for any number")
    ] = 3
    refresh_seconds: Annotated[
        float, Field(ge=1, description="While serving, the index is brought up to date at most this often")
    ] = 300.0
    structured: Annotated[
        Literal["never", "always"],
        Field(
            description="Whether results carry JSON beside the text, for programs; many agents would read only the JSON"
        ),
    ] = "never"
    max_file_bytes: Annotated[int, Field(ge=1024, description="Files beyond this size are skipped")] = 5 * 1024 * 1024
    host: Annotated[
        str, Field(description="Address that `serve --http` binds; beyond this machine it needs a token")
    ] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535, description="Port that `serve --http` binds; 0 takes a free one")] = (
        7337
    )
    token: Annotated[SecretStr | None, Field(description="Bearer token that every HTTP request must carry")] = None
    allowed_hosts: Annotated[
        str, Field(description="Names under which the HTTP server may be addressed, beside its own; by commas")
    ] = ""
    max_body_bytes: Annotated[
        int, Field(ge=1024, description="Larger HTTP requests are refused: the longest query needs 16 KB")
    ] = 1024 * 1024
    max_requests: Annotated[
        int, Field(ge=1, description="HTTP requests and calls in progress at once; more are told to come back")
    ] = 256
    max_sessions: Annotated[
        int, Field(ge=1, description="Open MCP sessions over HTTP, and open streams; each holds a task and its buffers")
    ] = 256
    session_idle_seconds: Annotated[
        float, Field(gt=0, description="An MCP session over HTTP without a message for so long is closed")
    ] = 1800.0
    grace_seconds: Annotated[
        float, Field(ge=0, description="How long requests in progress may take when the HTTP server is stopped")
    ] = 10.0

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the base class passes it by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the base class passes it by name
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line before environment before configuration file; no `.env` of whatever folder we start in."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=config_file())


@dataclass(frozen=True, slots=True)
class IndexLocation:
    """Where the index is, and whether it came with a project."""

    uri: str
    project: Path | None = None
    """The folder that holds a project-local index: it may have been cloned, so it is trusted with less."""


def read_settings(**overrides: object) -> Settings:
    """Read every source; overrides of None are left out.

    Raises:
        SettingsError: a value does not fit; the sentence names it and its source.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]  # pydantic validates the values
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        message = f"{name} = {first['input']!r}: {first['msg']}"
        sentence = f"A setting does not fit: {message} (environment QMD_{name.upper()} or {config_file()})."
        raise SettingsError(sentence) from error
    except ValueError as error:
        sentence = f"The configuration file {config_file()} cannot be read: {error}"
        raise SettingsError(sentence) from error


def config_file() -> Path:
    """The configuration file in the platform's place; it need not exist."""
    return user_config_path(APPLICATION) / "config.toml"


def cache_folder() -> Path:
    """Where things lie that can be made again."""
    return user_cache_path(APPLICATION)


def manifests_folder() -> Path:
    """Where a user's own model manifests are; it need not exist."""
    return user_config_path(APPLICATION) / "models"


def locate_index(settings: Settings, *, start: Path) -> IndexLocation:
    """Find the index: as set, else the nearest project-local one at or above `start`, else the user's own."""
    if settings.index is not None:
        if not is_local(settings.index):
            return IndexLocation(settings.index)
        folder = Path(settings.index).expanduser().absolute()
        return IndexLocation(str(folder), folder.parent if folder.name == PROJECT_FOLDER else None)
    for folder in (start, *start.parents):
        if (folder / PROJECT_FOLDER).is_dir():
            return IndexLocation(str(folder / PROJECT_FOLDER), folder)
    return IndexLocation(str(user_data_path(APPLICATION) / "index"))


def is_local(uri: str) -> bool:
    """Whether an index is in a folder of this machine, and not on object storage."""
    return "://" not in uri
