"""What a model is and how it wants to be used, as its manifest says."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qmd_mcp.errors import ManifestError


class EmbedderManifest(BaseModel):
    """The role of the embedder in one profile."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    revision: str
    folder: str
    """Below the manifest's own folder."""
    format: Literal["int8", "nbits8", "fp16", "fp32"]
    files: dict[Literal["cpu", "cuda"], str]
    dimension: Annotated[int, Field(ge=1, le=8192)]
    max_tokens: Annotated[int, Field(ge=16, le=32768)]
    pooling: Literal["mean", "cls", "last"]
    query_prompt: str = ""
    passage_prompt: str = ""
    scripts: tuple[str, ...] = ()
    """ISO 15924 codes of the scripts that it knows; empty for every script."""
    batch_invariant: bool
    """Whether a text has the same vector alone and in any batch."""
    licence: str

    @property
    def identity(self) -> str:
        """Everything that decides a passage's vector, as one line."""
        parts = (self.model, self.revision, self.format, self.dimension, self.max_tokens, self.pooling)
        return json.dumps([*parts, self.query_prompt, self.passage_prompt], ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Profile:
    """A set of models under one name."""

    name: str
    folder: Path
    """Where the manifest lies; its paths are relative to it."""
    embedder: EmbedderManifest

    @property
    def embedder_folder(self) -> Path:
        """Where the embedder's files are."""
        return self.folder / self.embedder.folder


class _ProfileFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    embedder: EmbedderManifest


def models_folder() -> Path:
    """The manifests and weights that ship: inside the installed package, else beside it in a checkout."""
    packaged = Path(str(files("qmd_mcp") / "models"))
    return packaged if packaged.is_dir() else Path(str(files("qmd_mcp"))).parent / "models"


def read_profile(name: str) -> Profile:
    """Read a profile that ships.

    Raises:
        ManifestError: no such profile, or its file is not as it should be; names file, key and value.
    """
    folder = models_folder()
    known = sorted(path.stem for path in folder.glob("*.toml"))
    if name not in known:
        sentence = f"There is no model profile {name!r}; there is {', '.join(known)}."
        raise ManifestError(sentence)
    path = folder / f"{name}.toml"
    try:
        parsed = _ProfileFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        sentence = f"The manifest {path.name} is not TOML: {error}."
        raise ManifestError(sentence) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        sentence = f"The manifest {path.name} does not fit: {key} = {first['input']!r}: {first['msg']}."
        raise ManifestError(sentence) from error
    return Profile(name=name, folder=folder, embedder=parsed.embedder)


def fingerprint_of(*identities: str) -> str:
    """Twelve hex digits that name a generation: enough to tell a user's few embedders apart."""
    return hashlib.sha256("\n".join(identities).encode()).hexdigest()[:12]
