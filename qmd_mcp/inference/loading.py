"""The models that the settings ask for, loaded from the files of the catalogue."""

from __future__ import annotations

from qmd_mcp.domain.text.scripts import script_of
from qmd_mcp.inference.embedding.embedder import Embedder
from qmd_mcp.inference.embedding.projection import Projection, projection_beside, read_projection
from qmd_mcp.inference.embedding.token_encoder import TokenEncoder
from qmd_mcp.inference.embedding.token_scheduler import TokenScheduler
from qmd_mcp.inference.expanding.decoder import Decoder
from qmd_mcp.inference.expanding.expander import Expander
from qmd_mcp.inference.hub.catalogue import Catalogue, models_folder
from qmd_mcp.inference.hub.local_model import Model
from qmd_mcp.inference.hub.manifest import EmbedderManifest, ExpanderManifest, ModelManifest, RerankerManifest
from qmd_mcp.inference.reranking.reranker import Reranker
from qmd_mcp.inference.runtime.lanes import Lanes
from qmd_mcp.inference.runtime.model_slot import ModelSlot
from qmd_mcp.inference.runtime.once import once
from qmd_mcp.inference.runtime.session import PlacedSession, SessionFactory
from qmd_mcp.inference.runtime.tokenizer import read_tokenizer
from qmd_mcp.settings import Settings, cache_folder, manifests_folder

EMBEDDER_THREADS = 1
"""CPU threads of one forward pass of the embedder. The scheduler runs several forward passes at once, which is faster
(benchmarks/results/embedder.md)."""


def user_catalogue() -> Catalogue:
    """Return the catalogue of the models that this user can name on this machine."""
    return Catalogue(cache=cache_folder() / "models", own=manifests_folder(), shipped=models_folder())


def session_factory(settings: Settings) -> SessionFactory:
    """Return the factory from which every role gets its session."""
    return SessionFactory(device=settings.device, gpu_memory_mb=settings.gpu_memory_mb, tf32=settings.tf32)


def open_model(model: Model[ModelManifest], sessions: SessionFactory, *, threads: int) -> PlacedSession:
    """Open a session of a model's graph on an execution provider that works and whose files are on disk.

    Raises:
        ModelMissingError: the files are incomplete for every provider that works.
        ModelError, DeviceError: see `SessionFactory.open`.
    """
    candidates = sessions.candidates(model.manifest)
    if all(model.missing(provider) is not None for provider in candidates):
        model.require(candidates[0])
    return sessions.open(model.manifest, model.folder, threads=threads)


def load_embedder(model: Model[EmbedderManifest], sessions: SessionFactory) -> Embedder:
    """Load an embedder from its files.

    Raises:
        ModelMissingError, ModelError, DeviceError: the operator must change something; the message says what.
    """
    placed = open_model(model, sessions, threads=EMBEDDER_THREADS)
    return Embedder(model.manifest, folder=model.folder, placed=placed)


def make_expander(model: Model[ExpanderManifest], placed: PlacedSession) -> Expander:
    """Make an expander from an open session, and prefill the part of the prompt that is the same for every query.

    Raises:
        ModelError: graph, tokenizer and prompt do not fit together.
    """
    tokenizer = read_tokenizer(model.folder)
    return Expander(model.manifest, decoder=Decoder(placed.session), tokenizer=tokenizer, script_of=script_of)


def make_reranker(model: Model[RerankerManifest], placed: PlacedSession) -> Reranker:
    """Make a reranker from an open session.

    Raises:
        ModelError: graph, tokenizer and template do not fit together.
    """
    return Reranker(
        placed.session,
        manifest=model.manifest,
        tokenizer=read_tokenizer(model.folder),
        batch_invariant=placed.graph.batch_invariant,
    )


def token_scheduler(
    model: Model[EmbedderManifest], slot: ModelSlot[Embedder], *, lanes: Lanes
) -> TokenScheduler | None:
    """Return a scheduler of the token states of the embedder in a slot, or None if it comes without a projection."""
    path = projection_beside(model.folder)
    if path is None:
        return None

    @once
    def projection() -> Projection:
        return read_projection(path, dimension=model.manifest.dimension)

    def make(embedder: Embedder) -> TokenEncoder:
        return TokenEncoder(embedder, projection=projection())

    return TokenScheduler(slot, make=make, lanes=lanes)
