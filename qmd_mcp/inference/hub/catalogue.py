"""The catalogue of the models that can be named: those that ship, the user's own manifests, and folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from qmd_mcp.errors import ManifestError
from qmd_mcp.inference.hub.local_model import Model
from qmd_mcp.inference.hub.manifest import (
    EmbedderManifest,
    ExpanderManifest,
    ModelManifest,
    ProviderName,
    RerankerManifest,
)
from qmd_mcp.inference.hub.profile import Profile, read_profile_file

Manifest = TypeVar("Manifest", bound=ModelManifest)

MANIFEST_FILE = "manifest.toml"
"""The manifest in a model folder that is named instead of a profile."""


def models_folder() -> Path:
    """Return the folder of the models that ship: inside the installed package, or beside it in a checkout."""
    packaged = Path(str(files("qmd_mcp") / "models"))
    return packaged if packaged.is_dir() else Path(str(files("qmd_mcp"))).parent / "models"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Finds profiles by name; a user's own profile replaces one of the same name that ships."""

    cache: Path
    """The folder of pulled models, each in a folder named after its repository."""
    own: Path
    """The folder of the user's manifests; it need not exist."""
    shipped: Path
    """The folder of the manifests that ship."""

    def names(self) -> tuple[str, ...]:
        """Return the name of every profile."""
        return tuple(sorted({path.stem for folder in (self.own, self.shipped) for path in folder.glob("*.toml")}))

    def profile(self, name: str, *, folders: bool = True) -> Profile:
        """Return a profile by its name, or by the folder of a model that contains its manifest.

        `folders=False` refuses folders: a name that came with an index must not point anywhere on this machine.

        Raises:
            ManifestError: there is no such profile, or its manifest is invalid; the message names file, key and value.
        """
        if name in self.names():
            own = self.own / f"{name}.toml"
            return read_profile_file(own if own.is_file() else self.shipped / f"{name}.toml", name=name)
        folder = Path(name).expanduser()
        if folder.is_absolute() or len(folder.parts) > 1 or folder.is_dir():
            if folders:
                return read_profile_file(folder.absolute() / MANIFEST_FILE, name=str(folder.absolute()))
            fact = f"The index names the model folder {name}, which an index that came with a project may not do."
            sentence = f"{fact} If the folder is yours, set QMD_EMBEDDER={name}"
            raise ManifestError(sentence)
        sentence = f"There is no model profile {name!r}; there is {', '.join(self.names())}."
        raise ManifestError(sentence)

    def profiles(self) -> Iterator[Profile]:
        """Return all profiles.

        Raises:
            ManifestError: a manifest is invalid.
        """
        return (self.profile(name) for name in self.names())

    def models(self, name: str) -> tuple[Model[ModelManifest], ...]:
        """Return the models of a profile (`qwen3`) or one of its models (`qwen3/reranker`).

        Raises:
            ManifestError: there is no such profile or role.
        """
        head, _, role = name.rpartition("/")
        if head in self.names():
            profile = self.profile(head)
            if role not in profile.models:
                sentence = f"The profile {head!r} has no {role!r}; it has {', '.join(profile.models)}."
                raise ManifestError(sentence)
            return tuple(each for each in self._models_of(profile) if each.role == role)
        return self._models_of(self.profile(name))

    def embedder(self, name: str, *, folders: bool = True) -> Model[EmbedderManifest]:
        """Return the embedder of a profile or folder.

        Raises:
            ManifestError: it has no embedder.
        """
        profile = self.profile(name, folders=folders)
        return self._model(profile, profile.embedder, role="embedder")

    def expander(self, choice: str, *, providers: Sequence[ProviderName]) -> Model[ExpanderManifest] | None:
        """Return the expander that a setting means, or None if it means none."""
        profile = self._chosen(choice, "expander", providers=providers)
        return None if profile is None else self._model(profile, profile.expander, role="expander")

    def reranker(self, choice: str, *, providers: Sequence[ProviderName]) -> Model[RerankerManifest] | None:
        """Return the reranker that a setting means, or None if it means none."""
        profile = self._chosen(choice, "reranker", providers=providers)
        return None if profile is None else self._model(profile, profile.reranker, role="reranker")

    def _chosen(self, choice: str, role: str, *, providers: Sequence[ProviderName]) -> Profile | None:
        """Return the profile that a setting means.

        `auto` means the most preferred profile whose model is complete and fast enough on a provider that works.
        """
        if choice == "off":
            return None
        if choice != "auto":
            return self.profile(choice)
        usable = [
            profile
            for profile in self.profiles()
            for model in self._models_of(profile)
            if model.role == role
            and any(
                model.missing(provider) is None and model.manifest.graph_for(provider).interactive
                for provider in providers
            )
        ]
        return max(usable, key=lambda profile: profile.preference, default=None)

    def _models_of(self, profile: Profile) -> tuple[Model[ModelManifest], ...]:
        return tuple(
            Model(role, profile.name, manifest, self._folder(profile, manifest))
            for role, manifest in profile.models.items()
        )

    def _model(self, profile: Profile, manifest: Manifest | None, *, role: str) -> Model[Manifest]:
        if manifest is None:
            sentence = f"The profile {profile.name!r} has no {role}; it has {', '.join(profile.models) or 'nothing'}."
            raise ManifestError(sentence)
        return Model(role, profile.name, manifest, self._folder(profile, manifest))  # type: ignore[arg-type]  # the manifest comes from the profile's field of this role

    def _folder(self, profile: Profile, manifest: ModelManifest) -> Path:
        if manifest.repository is not None:
            return self.cache / manifest.repository.replace("/", "--")
        return profile.folder / (manifest.folder or ".")
