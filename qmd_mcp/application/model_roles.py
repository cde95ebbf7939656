"""The models of this process: the embedder of the index, and an expander and a reranker if there are any."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anyio.to_thread
from anyio.abc import TaskGroup

from qmd_mcp.domain.availability import Absent
from qmd_mcp.domain.index_status import ModelStatus
from qmd_mcp.inference.embedding.embedder import Embedder
from qmd_mcp.inference.embedding.embedding_scheduler import EmbeddingScheduler
from qmd_mcp.inference.embedding.token_scheduler import TokenScheduler
from qmd_mcp.inference.expanding.expansion_scheduler import ExpansionScheduler, open_expansion
from qmd_mcp.inference.expanding.prompts import PROMPTS
from qmd_mcp.inference.hub.local_model import Model
from qmd_mcp.inference.hub.manifest import EmbedderManifest, ExpanderManifest, ModelManifest, RerankerManifest, Role
from qmd_mcp.inference.loading import (
    load_embedder,
    make_expander,
    make_reranker,
    open_model,
    token_scheduler,
    user_catalogue,
)
from qmd_mcp.inference.loading import session_factory as make_session_factory
from qmd_mcp.inference.reranking.rerank_scheduler import RerankScheduler
from qmd_mcp.inference.runtime.lanes import Lanes
from qmd_mcp.inference.runtime.model_slot import ModelSlot
from qmd_mcp.inference.runtime.session import PlacedSession, SessionFactory, cores
from qmd_mcp.settings import Settings
from qmd_mcp.tasks import background

Loaded = TypeVar("Loaded")
Manifest = TypeVar("Manifest", bound=ModelManifest)


@dataclass(frozen=True, slots=True)
class Models:
    """The scheduler of each role, or the reason why the role has no model here."""

    embedder: EmbeddingScheduler
    tokens: TokenScheduler | Absent
    """Computes token states with the embedder; absent if no projection comes with the embedder."""
    expander: ExpansionScheduler | Absent
    reranker: RerankScheduler | Absent
    slots: Slots

    def statuses(self) -> tuple[ModelStatus, ...]:
        """The state of each model."""
        return tuple(
            ModelStatus(
                role=model.role,
                model=model.manifest.model,
                state=slot.state,
                provider=getattr(slot.loaded(), "provider", None),
                detail=self.slots.placements.get(model.role),
            )
            for model, slot in self.slots.made
        )


@dataclass(frozen=True, slots=True)
class Slots:
    """Makes the slot of each model, in which it is loaded on first use and unloaded when it is idle."""

    sessions: SessionFactory
    tasks: TaskGroup
    """Where models are loaded, for every caller that waits for them."""
    idle_seconds: float
    """After so long without use a model is unloaded; infinity keeps it loaded."""
    made: list[tuple[Model[Any], ModelSlot[Any]]] = field(default_factory=list)
    placements: dict[Role, str] = field(default_factory=dict)
    """Where each loaded model runs, as people read it."""

    def slot(
        self, model: Model[Manifest], make: Callable[[Model[Manifest], PlacedSession], Loaded]
    ) -> ModelSlot[Loaded]:
        """The slot of a model whose forward pass uses every CPU."""

        def load() -> Loaded:
            placed = open_model(model, self.sessions, threads=cores())
            self.placements[model.role] = placed.description
            return make(model, placed)

        return self._kept(model, load)

    def embedding(self, model: Model[EmbedderManifest]) -> ModelSlot[Embedder]:
        """The slot of the embedder, of whose forward passes each uses one CPU."""

        def load() -> Embedder:
            embedder = load_embedder(model, self.sessions)
            self.placements[model.role] = embedder.placed.description
            return embedder

        return self._kept(model, load)

    def _kept(self, model: Model[Manifest], load: Callable[[], Loaded]) -> ModelSlot[Loaded]:
        def present() -> bool:
            return any(model.missing(provider) is None for provider in model.manifest.files)

        slot = ModelSlot(load, tasks=self.tasks, present=present, idle_seconds=self.idle_seconds)
        self.made.append((model, slot))
        return slot


@asynccontextmanager
async def open_models(
    settings: Settings, embedder: Model[EmbedderManifest], *, sessions: SessionFactory | None = None
) -> AsyncGenerator[Models]:
    """Make a scheduler for each role; a model is loaded when it is first used.

    `sessions` is made from the settings if it is not given.

    Raises:
        ManifestError: a setting names a model that does not exist.
    """
    sessions = sessions or make_session_factory(settings)
    expanding, reranking = await anyio.to_thread.run_sync(_chosen, settings, sessions)
    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(background())
        slots = Slots(sessions, tasks, idle_seconds=settings.idle_unload_seconds or math.inf)
        slot, lanes = slots.embedding(embedder), Lanes(threads=settings.threads or cores())
        embedding = EmbeddingScheduler(slot, lanes=lanes)
        expansion: ExpansionScheduler | Absent = _absent("expander", setting=settings.expander)
        if expanding is not None:
            manifest = expanding.manifest
            identity = f"{manifest.model} {expanding.folder} {PROMPTS[manifest.template].identity}"
            scheduler = open_expansion(slots.slot(expanding, make_expander), identity=identity)
            expansion = await stack.enter_async_context(scheduler)
        reranker: RerankScheduler | Absent = _absent("reranker", setting=settings.reranker)
        if reranking is not None:
            reranker = RerankScheduler(slots.slot(reranking, make_reranker))
            tasks.start_soon(reranker.run)
        if slots.idle_seconds < math.inf:
            for _, made in slots.made:
                tasks.start_soon(made.unload_when_idle)
        yield Models(
            embedder=embedding,
            tokens=token_scheduler(embedder, slot, lanes=lanes) or Absent("the embedder has no token states"),
            expander=expansion,
            reranker=reranker,
            slots=slots,
        )


def _chosen(
    settings: Settings, sessions: SessionFactory
) -> tuple[Model[ExpanderManifest] | None, Model[RerankerManifest] | None]:
    """The expander and the reranker that the settings mean on this machine.

    This reads manifests, loads the libraries of CUDA and asks for GPUs, so it belongs in a worker thread.
    """
    catalogue = user_catalogue()
    wanted = (settings.expander, settings.reranker) != ("off", "off")
    usable = sessions.usable if wanted else ()
    return (
        catalogue.expander(settings.expander, providers=usable),
        catalogue.reranker(settings.reranker, providers=usable),
    )


def _absent(role: Role, *, setting: str) -> Absent:
    if setting == "off":
        return Absent(f"the setting {role} is off")
    return Absent("no model for it here that is fast enough: qmd-mcp models list")
