"""The models that can be named: those that ship, the user's own manifests, and folders."""

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
"""In a model folder that is named instead of a profile."""


def models_folder() -> Path:
    """The manifests and weights that ship: inside the installed package, else beside it in a checkout."""
    packaged = Path(str(files("qmd_mcp") / "models"))
    return packaged if packaged.is_dir() else Path(str(files("qmd_mcp"))).parent / "models"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Profiles by name; a user's own stands before one that ships."""

    cache: Path
    """Where pulled models lie, each in a folder of its repository's name."""
    own: Path
    """The user's manifests; need not exist."""
    shipped: Path

    def names(self) -> tuple[str, ...]:
        """Every profile's name."""
        return tuple(sorted({path.stem for folder in (self.own, self.shipped) for path in folder.glob("*.toml")}))

    def profile(self, name: str, *, folders: bool = True) -> Profile:
        """A profile by name or by the folder of a model with its manifest.

        `folders=False` takes no folder: a name that came with an index may not lead anywhere.

        Raises:
            ManifestError: there is none, or its file is not as it should be; names file, key and value.
        """
        if name in self.names():
            own = self.own / f"{name}.toml"
            return read_profile_file(own if own.is_file() else self.shipped / f"{name}.toml", name=name)
        folder = Path(name).expanduser()
        if folder.is_absolute() or len(folder.parts) > 1 or folder.is_dir():
            if folders:
                return read_profile_file(folder.absolute() / MANIFEST_FILE, name=str(folder.absolute()))
            fact = f"The index names the model folder {name}, but it may have come with a project, which may not."
            sentence = f"{fact} If the folder is yours: QMD_EMBEDDER={name}"
            raise ManifestError(sentence)
        sentence = f"There is no model profile {name!r}; there is {', '.join(self.names())}."
        raise ManifestError(sentence)

    def profiles(self) -> Iterator[Profile]:
        """All of them.

        Raises:
            ManifestError: a file is not as it should be.
        """
        return (self.profile(name) for name in self.names())

    def models(self, name: str) -> tuple[Model[ModelManifest], ...]:
        """The models of one profile, or one of them: `qwen3` or `qwen3/reranker`.

        Raises:
            ManifestError: there is no such profile or role.
        """
        head, _, role = name.rpartition("/")
        if head in self.names():
            profile = self.profile(head)
            if role not in profile.models:
                sentence = f"The profile {head!r} has no {role!r}; it has {', '.join(profile.models)}."
                raise ManifestError(sentence)
            return tuple(each for each in self._placed(profile) if each.role == role)
        return self._placed(self.profile(name))

    def embedder(self, name: str, *, folders: bool = True) -> Model[EmbedderManifest]:
        """The embedder of a profile or folder.

        Raises:
            ManifestError: there is none.
        """
        profile = self.profile(name, folders=folders)
        return self._place(profile, profile.embedder, role="embedder")

    def expander(self, choice: str, *, providers: Sequence[ProviderName]) -> Model[ExpanderManifest] | None:
        """The expander that a setting means; null for none."""
        profile = self._chosen(choice, "expander", providers=providers)
        return None if profile is None else self._place(profile, profile.expander, role="expander")

    def reranker(self, choice: str, *, providers: Sequence[ProviderName]) -> Model[RerankerManifest] | None:
        """The reranker that a setting means; null for none."""
        profile = self._chosen(choice, "reranker", providers=providers)
        return None if profile is None else self._place(profile, profile.reranker, role="reranker")

    def _chosen(self, choice: str, role: str, *, providers: Sequence[ProviderName]) -> Profile | None:
        """`auto`: the most preferred of those that are complete and fast enough on a provider that works."""
        if choice == "off":
            return None
        if choice != "auto":
            return self.profile(choice)
        usable = [
            profile
            for profile in self.profiles()
            for model in self._placed(profile)
            if model.role == role
            and any(
                model.missing(provider) is None and model.manifest.graph_for(provider).interactive
                for provider in providers
            )
        ]
        return max(usable, key=lambda profile: profile.preference, default=None)

    def _placed(self, profile: Profile) -> tuple[Model[ModelManifest], ...]:
        return tuple(
            Model(role, profile.name, manifest, self._folder(profile, manifest))
            for role, manifest in profile.models.items()
        )

    def _place(self, profile: Profile, manifest: Manifest | None, *, role: str) -> Model[Manifest]:
        if manifest is None:
            sentence = f"The profile {profile.name!r} has no {role}; it has {', '.join(profile.models) or 'nothing'}."
            raise ManifestError(sentence)
        return Model(role, profile.name, manifest, self._folder(profile, manifest))  # type: ignore[arg-type]  # the profile has it under this role

    def _folder(self, profile: Profile, manifest: ModelManifest) -> Path:
        if manifest.repository is not None:
            return self.cache / manifest.repository.replace("/", "--")
        return profile.folder / (manifest.folder or ".")
