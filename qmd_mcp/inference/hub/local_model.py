"""A model on this machine: its manifest and the folder of its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from qmd_mcp.errors import ModelMissingError
from qmd_mcp.inference.hub.manifest import EmbedderManifest, ModelManifest, ProviderName, Role
from qmd_mcp.inference.hub.pull_lock import Lock, read_lock

Manifest_co = TypeVar("Manifest_co", bound=ModelManifest, covariant=True)


@dataclass(frozen=True, slots=True)
class Model(Generic[Manifest_co]):
    """The model of one role, and the folder in which its files are or will be."""

    role: Role
    name: str
    """The name that settings and index use: its profile or its folder."""
    manifest: Manifest_co
    folder: Path

    @property
    def lock(self) -> Lock | None:
        """The lock of what was pulled, or None if the model was not pulled or is a folder of its own."""
        return read_lock(self.folder) if self.manifest.repository else None

    def missing(self, provider: ProviderName) -> str | None:
        """Return a file that a provider needs and that is missing, or None if all are there."""
        if self.manifest.repository and self.lock is None:
            return self.manifest.graph_for(provider).graph
        for path in (*self.manifest.graph_for(provider).files, "tokenizer.json"):
            if not (self.folder / path).is_file():
                return path
        return None

    def require(self, provider: ProviderName) -> None:
        """Make sure that all files that a provider needs are there.

        Raises:
            ModelMissingError: a file is missing; the message says how to get it.
        """
        missing = self.missing(provider)
        if missing is not None:
            pull = f"Run: qmd-mcp models pull {self.name}/{self.role}"
            remedy = pull if self.manifest.repository else f"Look into {self.folder}."
            raise ModelMissingError(self.manifest.model, file=missing, remedy=remedy)


def identity_of(model: Model[EmbedderManifest]) -> str:
    """Return one line with everything that decides a passage's vector, the pulled commit included.

    Raises:
        ModelMissingError: the model has not been pulled.
    """
    lock = model.lock
    if model.manifest.repository and lock is None:
        model.require("cpu")
    return model.manifest.identity(commit=lock.commit if lock else None)
