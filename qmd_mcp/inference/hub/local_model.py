"""A manifest together with the place of its files on this machine."""

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
    """One role's model: what it is and where it lies, or would lie."""

    role: Role
    name: str
    """As settings and index name it: its profile, or its folder."""
    manifest: Manifest_co
    folder: Path

    @property
    def lock(self) -> Lock | None:
        """What was pulled of it; null for a model in a folder and for one that was not pulled."""
        return read_lock(self.folder) if self.manifest.repository else None

    def missing(self, provider: ProviderName) -> str | None:
        """A file that a provider needs and that is not here."""
        if self.manifest.repository and self.lock is None:
            return self.manifest.graph_for(provider).graph
        for path in (*self.manifest.graph_for(provider).files, "tokenizer.json"):
            if not (self.folder / path).is_file():
                return path
        return None

    def require(self, provider: ProviderName) -> None:
        """Make sure that all files are here.

        Raises:
            ModelMissingError: one is not; says how to get it.
        """
        missing = self.missing(provider)
        if missing is not None:
            pull = f"Run: qmd-mcp models pull {self.name}/{self.role}"
            mend = pull if self.manifest.repository else f"Look into {self.folder}."
            raise ModelMissingError(self.manifest.model, file=missing, mend=mend)


def identity_of(model: Model[EmbedderManifest]) -> str:
    """Everything that decides a passage's vector, as one line: the commit that was pulled is part of it.

    Raises:
        ModelMissingError: it has not been pulled.
    """
    lock = model.lock
    if model.manifest.repository and lock is None:
        model.require("cpu")
    return model.manifest.identity(commit=lock.commit if lock else None)
