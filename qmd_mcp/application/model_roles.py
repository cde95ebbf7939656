"""The models that answer in this process: the index's embedder, and an expander and a reranker where there are any."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from anyio.abc import TaskGroup

from qmd_mcp.domain.index_status import ModelStatus
from qmd_mcp.inference.embedding.embedder import Embedder
from qmd_mcp.inference.embedding.embedding_scheduler import EmbeddingScheduler
from qmd_mcp.inference.embedding.token_scheduler import TokenScheduler
from qmd_mcp.inference.expanding.expansion_scheduler import ExpansionScheduler, open_expansion
from qmd_mcp.inference.expanding.prompts import PROMPTS
from qmd_mcp.inference.hub.local_model import Model
from qmd_mcp.inference.hub.manifest import EmbedderManifest, ModelManifest, Role
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
    """One scheduler for each role; null, with the reason, for one that nothing is there for."""

    embedder: EmbeddingScheduler
    tokens: TokenScheduler | None
    """The embedder's token states; null for one that no projection comes with."""
    expander: ExpansionScheduler | None
    no_expander: str
    reranker: RerankScheduler | None
    no_reranker: str
    slots: Slots

    def statuses(self) -> tuple[ModelStatus, ...]:
        """Each model as it stands."""
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
    """Makes the slot of each role, and knows where each model was placed."""

    sessions: SessionFactory
    tasks: TaskGroup
    """Where models are loaded, for every caller that waits for them."""
    idle_seconds: float
    made: list[tuple[Model[Any], ModelSlot[Any]]] = field(default_factory=list)
    placements: dict[Role, str] = field(default_factory=dict)

    def slot(
        self, model: Model[Manifest], make: Callable[[Model[Manifest], PlacedSession], Loaded]
    ) -> ModelSlot[Loaded]:
        """A model that takes every processor for one forward, loaded when it is first used."""

        def load() -> Loaded:
            placed = open_model(model, self.sessions, threads=cores())
            self.placements[model.role] = placed.description
            return make(model, placed)

        return self._kept(model, load)

    def embedding(self, model: Model[EmbedderManifest]) -> ModelSlot[Embedder]:
        """The embedder, whose forwards take one processor each."""

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
async def open_models(settings: Settings, embedder: Model[EmbedderManifest]) -> AsyncGenerator[Models]:
    """Have every role at hand; nothing is loaded before it is used.

    Raises:
        ManifestError: a setting names what is not there.
    """
    sessions, catalogue = make_session_factory(settings), user_catalogue()
    wanted = (settings.expander, settings.reranker) != ("off", "off")
    usable = sessions.usable if wanted else ()
    expanding = catalogue.expander(settings.expander, providers=usable)
    reranking = catalogue.reranker(settings.reranker, providers=usable)
    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(background())
        slots = Slots(sessions, tasks, idle_seconds=settings.idle_unload_seconds or math.inf)
        slot, lanes = slots.embedding(embedder), Lanes(threads=settings.threads or cores())
        embedding = EmbeddingScheduler(slot, lanes=lanes)
        expansion: ExpansionScheduler | None = None
        if expanding is not None:
            manifest = expanding.manifest
            identity = f"{manifest.model} {expanding.folder} {PROMPTS[manifest.template].identity}"
            scheduler = open_expansion(slots.slot(expanding, make_expander), identity=identity)
            expansion = await stack.enter_async_context(scheduler)
        reranker: RerankScheduler | None = None
        if reranking is not None:
            reranker = RerankScheduler(slots.slot(reranking, make_reranker))
            tasks.start_soon(reranker.run)
        if slots.idle_seconds < math.inf:
            for _, made in slots.made:
                tasks.start_soon(made.unload_when_idle)
        yield Models(
            embedder=embedding,
            tokens=token_scheduler(embedder, slot, lanes=lanes),
            expander=expansion,
            no_expander=_why_none(settings.expander, role="expander"),
            reranker=reranker,
            no_reranker=_why_none(settings.reranker, role="reranker"),
            slots=slots,
        )


def _why_none(choice: str, *, role: Role) -> str:
    if choice == "off":
        return f"the setting {role} is off"
    return "no model for it here that is fast enough: qmd-mcp models list"
