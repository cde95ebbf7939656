"""Models as the settings want them."""

from __future__ import annotations

from functools import cache

from tokenizers import Tokenizer

from qmd_mcp.domain.scripts import script_of
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
from qmd_mcp.inference.runtime.session import PlacedSession, SessionFactory
from qmd_mcp.inference.runtime.tokenizer import read_tokenizer
from qmd_mcp.settings import Settings, cache_folder, manifests_folder

EMBEDDER_THREADS = 1
"""Of one forward on the processor: the scheduler runs several at once, which is faster (benchmarks)."""


def user_catalogue() -> Catalogue:
    """What can be named on this machine."""
    return Catalogue(cache=cache_folder() / "models", own=manifests_folder(), shipped=models_folder())


def session_factory(settings: Settings) -> SessionFactory:
    """The one that every role gets its session from."""
    return SessionFactory(device=settings.device, gpu_memory_mb=settings.gpu_memory_mb, tf32=settings.tf32)


def open_model(model: Model[ModelManifest], sessions: SessionFactory, *, threads: int) -> PlacedSession:
    """Load a role's graph where it may run.

    Raises:
        ModelMissingError: no provider that works has all of its files.
        ModelError, DeviceError: as the factory says.
    """
    candidates = sessions.candidates(model.manifest)
    if all(model.missing(provider) is not None for provider in candidates):
        model.require(candidates[0])
    return sessions.open(model.manifest, model.folder, threads=threads)


def load_embedder(model: Model[EmbedderManifest], sessions: SessionFactory) -> Embedder:
    """Read an embedder's files.

    Raises:
        ModelMissingError, ModelError, DeviceError: what the operator must change.
    """
    placed = open_model(model, sessions, threads=EMBEDDER_THREADS)
    return Embedder(model.manifest, folder=model.folder, placed=placed)


def make_expander(model: Model[ExpanderManifest], placed: PlacedSession) -> Expander:
    """An expander over an open graph; prefills what is the same for every query.

    Raises:
        ModelError: graph, tokeniser and prompt do not fit together.
    """
    tokenizer = read_tokenizer(model.folder)
    return Expander(model.manifest, decoder=Decoder(placed.session), tokenizer=tokenizer, script_of=script_of)


def make_reranker(model: Model[RerankerManifest], placed: PlacedSession) -> Reranker:
    """A reranker over an open graph.

    Raises:
        ModelError: graph, tokeniser and template do not fit together.
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
    """Token states of the embedder in a slot; null where no projection comes with it."""
    path = projection_beside(model.folder)
    if path is None:
        return None

    @cache
    def parts() -> tuple[Tokenizer, Projection]:
        tokenizer = read_tokenizer(model.folder)
        tokenizer.enable_truncation(model.manifest.max_tokens)
        return tokenizer, read_projection(path, dimension=model.manifest.dimension)

    def make(embedder: Embedder) -> TokenEncoder:
        tokenizer, projection = parts()
        return TokenEncoder(embedder, tokenizer=tokenizer, projection=projection)

    return TokenScheduler(slot, make=make, lanes=lanes)
