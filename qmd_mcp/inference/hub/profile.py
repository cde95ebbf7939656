"""The profile: a set of models under one name, read from a TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qmd_mcp.errors import ManifestError
from qmd_mcp.inference.hub.manifest import EmbedderManifest, ExpanderManifest, ModelManifest, RerankerManifest, Role


@dataclass(frozen=True, slots=True)
class Profile:
    """A set of models under one name."""

    name: str
    folder: Path
    """The folder of the manifest, to which its paths are relative."""
    preference: int
    """By default the expander and the reranker with the highest preference are used, of those on this machine."""
    embedder: EmbedderManifest | None
    expander: ExpanderManifest | None
    reranker: RerankerManifest | None

    @property
    def models(self) -> dict[Role, ModelManifest]:
        """The manifests of the roles that the profile has."""
        each: dict[Role, ModelManifest | None] = {
            "embedder": self.embedder,
            "expander": self.expander,
            "reranker": self.reranker,
        }
        return {role: manifest for role, manifest in each.items() if manifest is not None}


class _ProfileFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    preference: Annotated[int, Field(ge=0, le=1000)] = 0
    embedder: EmbedderManifest | None = None
    expander: ExpanderManifest | None = None
    reranker: RerankerManifest | None = None


def read_profile_file(path: Path, *, name: str) -> Profile:
    """Read the manifest file of a profile.

    Raises:
        ManifestError: the file is missing or invalid; the message names file, key and value.
    """
    try:
        parsed = _ProfileFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        sentence = f"The manifest {path} cannot be read: {error}."
        raise ManifestError(sentence) from error
    except tomllib.TOMLDecodeError as error:
        sentence = f"The manifest {path} is not TOML: {error}."
        raise ManifestError(sentence) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        value = "" if first["type"] == "missing" or isinstance(first["input"], dict) else f" = {first['input']!r}"
        sentence = f"The manifest {path} does not fit: {key}{value}: {first['msg'].removeprefix('Value error, ')}."
        raise ManifestError(sentence) from error
    return Profile(
        name=name,
        folder=path.parent,
        preference=parsed.preference,
        embedder=parsed.embedder,
        expander=parsed.expander,
        reranker=parsed.reranker,
    )
