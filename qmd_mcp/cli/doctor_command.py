"""The command that checks whether the device, the models and the index that are asked for can be used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from qmd_mcp.cli.command_session import Session
from qmd_mcp.cli.output import say, say_json
from qmd_mcp.errors import SetupError
from qmd_mcp.index_errors import DamagedIndexError, NotAnIndexError, UnsafeIndexError

if TYPE_CHECKING:  # importing these takes seconds, for which --help must not wait
    from qmd_mcp.inference.hub.local_model import Model
    from qmd_mcp.inference.hub.manifest import ModelManifest
    from qmd_mcp.inference.runtime.environment import Environment
    from qmd_mcp.inference.runtime.model_examination import Examination, Loaded
    from qmd_mcp.store.health.examination import Condition

app = typer.Typer()

_QUESTION = "how do we fail over to the standby?"
_PASSAGE = "Promote the standby before you restart the old primary, and wait until replication has caught up. " * 8
"""About 200 tokens, as a passage has. With the question it is the input on which every model is tried."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that the command found out."""

    environment: Environment
    device: str
    index: str
    models: tuple[Examination, ...]
    notes: tuple[str, ...]
    problems: tuple[str, ...]
    """What was asked for and cannot be used, a sentence each."""


@app.command()
def doctor(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="The answer as JSON.")] = False
) -> None:
    """Check versions, devices, models and the index; exit code 1 if something that is asked for cannot be used."""
    report = _report(context.obj)
    if as_json:
        answer = {"holds": not report.problems, "obstacle_to_cuda": report.environment.cuda.obstacle, **asdict(report)}
        say_json(answer)
    else:
        say(*_lines(report))
    if report.problems:
        raise typer.Exit(1)


def _report(session: Session) -> Report:
    from qmd_mcp.inference.runtime.environment import inspect_environment
    from qmd_mcp.inference.runtime.model_examination import examine

    settings, environment = session.settings, inspect_environment()
    index, embedder, problems = _index(session)
    condition = _condition(session)
    problems = [*environment.problems(device=settings.device), *problems, *condition.problems]
    models: list[Examination] = []
    notes = list(condition.notes)
    for role, find in _asked_for(session, embedder=embedder):
        try:
            found = find()
        except SetupError as error:
            problems.append(f"{role}: {error}")
            continue
        if found is None:
            notes.append(f"{role}: none ({getattr(settings, role)})")
            continue
        model, load = found
        examination = examine(model, load=load)
        models.append(examination)
        if examination.problem:
            problems.append(f"{role} {model.manifest.model}: {examination.problem}")
    return Report(environment, settings.device, index, tuple(models), tuple(notes), tuple(dict.fromkeys(problems)))


def _index(session: Session) -> tuple[str, str | None, list[str]]:
    """The index and its identity in words, the name of its embedder, and what is wrong with it."""

    async def identity(uri: str) -> str | None:
        from qmd_mcp.store.generation import serving
        from qmd_mcp.store.index_trust import check_trust
        from qmd_mcp.store.lance.database import Database

        check_trust(session.location)
        database = await Database.open(uri)
        try:
            generation = await serving(database)
        finally:
            database.close()
        return str(generation) if generation else None

    import anyio

    uri = session.location.uri
    try:
        made = anyio.run(identity, uri)
    except DamagedIndexError:
        return f"{uri}: damaged", None, []  # `_condition` says what is
    except NotAnIndexError as error:
        asked = session.settings.index is not None
        return f"{uri}: none yet", None, [str(error)] if asked else []
    except UnsafeIndexError as error:
        return f"{uri}: not used", None, [f"index: {error}"]
    if made is None:
        return f"{uri}: empty", None, []
    fingerprint, dimension, embedder = made.split(" ", 2)
    described = f"{uri}: made by {embedder}, {dimension}-d, identity {fingerprint}"
    try:
        session.run(_nothing)
    except SetupError as error:
        return described, embedder, [f"index: {error}"]
    return described, embedder, []


def _condition(session: Session) -> Condition:
    """What is wrong with the tables and indexes, for which they are read whole."""
    import anyio

    from qmd_mcp.store.health.examination import Condition, examine
    from qmd_mcp.store.index_trust import may_be_opened
    from qmd_mcp.store.writer_lock import WriterLock

    if not may_be_opened(session.location):
        return Condition()  # `_index` says why
    uri = session.location.uri
    writer = WriterLock(uri).writing_now()
    try:
        found = anyio.run(lambda: examine(uri, writing=writer is not None))
    except NotAnIndexError:
        return Condition()
    except SetupError as error:
        found = Condition((str(error),))
    problems = [each if "qmd-mcp repair" in each else f"{each} Mend it: qmd-mcp repair" for each in found.problems]
    notes = [f"The index is being written by {writer}: its tables were not compared."] if writer else []
    return Condition(tuple(f"index: {each}" for each in problems), (*notes, *found.notes))


async def _nothing(_: object) -> None: ...


def _asked_for(
    session: Session, *, embedder: str | None
) -> Sequence[tuple[str, Callable[[], tuple[Model[ModelManifest], Callable[[], Loaded]] | None]]]:
    """Each role, with a function that finds its model and how to load it."""
    from qmd_mcp.inference.loading import (
        load_embedder,
        make_expander,
        make_reranker,
        open_model,
        session_factory,
        user_catalogue,
    )
    from qmd_mcp.inference.runtime.model_examination import Loaded
    from qmd_mcp.inference.runtime.session import cores

    settings = session.settings
    catalogue, sessions = user_catalogue(), session_factory(settings)

    def embedding() -> tuple[Model[ModelManifest], Callable[[], Loaded]]:
        from qmd_mcp.application.engine import DEFAULT_PROFILE

        name = settings.embedder or embedder or DEFAULT_PROFILE
        model = catalogue.embedder(name, folders=settings.embedder is not None or session.location.project is None)

        def load() -> Loaded:
            loaded = load_embedder(model, sessions)
            return Loaded(loaded.placed, loaded.contract, use=lambda: loaded.embed_query(_QUESTION))

        return model, load

    def expanding() -> tuple[Model[ModelManifest], Callable[[], Loaded]] | None:
        model = catalogue.expander(settings.expander, providers=sessions.usable)

        def load() -> Loaded:
            assert model is not None
            placed = open_model(model, sessions, threads=cores())
            expander = make_expander(model, placed)
            return Loaded(placed, expander.contract, use=lambda: expander.expand(_QUESTION))

        return None if model is None else (model, load)

    def reranking() -> tuple[Model[ModelManifest], Callable[[], Loaded]] | None:
        model = catalogue.reranker(settings.reranker, providers=sessions.usable)

        def load() -> Loaded:
            assert model is not None
            placed = open_model(model, sessions, threads=cores())
            reranker = make_reranker(model, placed)
            return Loaded(placed, str(reranker.contract), use=lambda: reranker.score(_QUESTION, [_PASSAGE]))

        return None if model is None else (model, load)

    return (("embedder", embedding), ("expander", expanding), ("reranker", reranking))


def _lines(report: Report) -> list[str]:
    environment, cuda = report.environment, report.environment.cuda
    lines = [
        f"versions    {', '.join((*environment.versions, *environment.runtimes))}",
        f"device      {report.device}",
        f"CUDA        {_cuda_text(report)}",
        *(
            f"GPU         {gpu.name}, {gpu.memory / 1e9:.1f} GB, {gpu.free / 1e9:.1f} GB free, driver {gpu.driver}"
            for gpu in cuda.gpus
        ),
        *(f"            {library.file}: {library.path or f'missing; {library.remedy}'}" for library in cuda.libraries),
        f"index       {report.index}",
    ]
    for model in report.models:
        lines.append(f"{model.role:<12}{model.name}: {model.model}; {model.files}; {model.folder}")
        if model.placement:
            timed = f"loaded in {model.load_ms} ms, one use {model.probe_ms} ms"
            lines.append(f"            {model.placement}; {model.contract}; {timed}")
        lines += [f"            note: {note}" for note in model.notes]
    lines += [f"note        {note}" for note in report.notes]
    lines += [f"PROBLEM     {problem}" for problem in report.problems]
    return lines if report.problems else [*lines, "Everything that is asked for can be used."]


def _cuda_text(report: Report) -> str:
    cuda = report.environment.cuda
    return f"{cuda.version or 'none'}: {cuda.obstacle or 'can be used'}"
