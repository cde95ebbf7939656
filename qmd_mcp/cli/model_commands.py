"""Commands for the models: listing, pulling, removing and verifying them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qmd_mcp.cli.output import say, say_json
from qmd_mcp.errors import ModelError
from qmd_mcp.settings import Settings

if TYPE_CHECKING:  # importing these takes a second, for which --help must not wait
    from qmd_mcp.inference.hub.local_model import Model
    from qmd_mcp.inference.hub.manifest import ModelManifest, ProviderName

app = typer.Typer()
models_app = typer.Typer(help="List, pull, remove and verify models.", no_args_is_help=True)
app.add_typer(models_app, name="models")

Names = Annotated[
    list[str] | None, typer.Argument(metavar="NAME...", help="Profiles such as qwen3, or one model: qwen3/reranker.")
]
AsJson = Annotated[bool, typer.Option("--json", help="The answer as JSON.")]


@models_app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List the profiles, and which of their models are on this machine."""
    from qmd_mcp.inference.loading import user_catalogue

    known = user_catalogue()
    rows = [_row(model) for profile in known.names() for model in known.models(profile)]
    if as_json:
        say_json(rows)
        return
    for row in rows:
        state = row["state"]
        say(f"{row['name']}/{row['role']}  {row['model']}  {row['formats']}  {row['licence']}  {state}")


@models_app.command()
def pull(
    context: typer.Context,
    names: Names = None,
    revision: Annotated[
        str | None,
        typer.Option(help="Branch, tag or commit; default: the one that is here, else the manifest's."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or all; default: what this machine uses.")] = None,
) -> None:
    """Download models from the hub."""
    if device not in {None, "cpu", "cuda", "all"}:
        sentence = f"{device!r} is not one of cpu, cuda, all"
        raise typer.BadParameter(sentence, param_hint="--device")
    chosen = [model for model in _chosen(names) if model.manifest.repository]
    if not chosen:
        say("Nothing to pull: these models come with the program or are in a folder of yours.")
        return
    from qmd_mcp.cli.terminal import watched_pull
    from qmd_mcp.inference.hub import pulling
    from qmd_mcp.inference.hub.hub_client import Hub

    hub = Hub()
    for model in chosen:
        providers = _providers(context.obj.settings, model.manifest, device)
        with watched_pull() as progress:
            pulled = pulling.pull(
                model.manifest, model.folder, hub=hub, providers=providers, revision=revision, progress=progress
            )
        news = f"{len(pulled.fetched)} files fetched" if pulled.fetched else "complete already"
        what = f"{model.name}/{model.role}  {model.manifest.repository} at {pulled.lock.commit[:12]}"
        say(f"{what}: {news}, {pulled.size / 1e6:,.1f} MB ({model.manifest.licence})")


@models_app.command()
def remove(names: Names = None) -> None:
    """Delete the pulled files of models."""
    from qmd_mcp.inference.hub import pulling

    for model in _chosen(names):
        if model.manifest.repository is None:
            say(f"{model.name}/{model.role}  stays: it comes with the program or is in a folder of yours")
            continue
        say(f"{model.name}/{model.role}  {'removed' if pulling.remove(model.folder) else 'was not pulled'}")


@models_app.command()
def verify(names: Names = None) -> None:
    """Hash every pulled file and compare it with the hub's hash."""
    from qmd_mcp.inference.loading import user_catalogue

    known = user_catalogue()
    broken: list[str] = []
    chosen = [model for name in names or known.names() for model in known.models(name)]
    if all(model.lock is None for model in chosen):
        say("Nothing to verify: none of these models was pulled.")
    for model in chosen:
        lock = model.lock
        if lock is None:
            continue
        faults = [f"{path} {fault}" for path, file in lock.files.items() if (fault := file.fault(model.folder / path))]
        say(f"{model.name}/{model.role}  {'; '.join(faults) or f'{len(lock.files)} files as on the hub'}")
        broken += [f"{model.name}/{model.role}"] if faults else []
    if broken:
        sentence = f"Damaged: {', '.join(broken)}. Run: qmd-mcp models pull {' '.join(broken)}"
        raise ModelError(sentence)


def _chosen(names: list[str] | None) -> list[Model[ModelManifest]]:
    if not names:
        sentence = "name at least one profile or model; qmd-mcp models list shows them"
        raise typer.BadParameter(sentence, param_hint="NAME")
    from qmd_mcp.inference.loading import user_catalogue

    known = user_catalogue()
    return [model for name in names for model in known.models(name)]


def _providers(settings: Settings, manifest: ModelManifest, device: str | None) -> list[ProviderName]:
    """The execution providers whose files are downloaded."""
    from qmd_mcp.inference.loading import session_factory

    if device == "all":
        return list(manifest.files)
    if device is not None:
        return ["cuda"] if device == "cuda" else ["cpu"]
    return [session_factory(settings).candidates(manifest)[0]]


def _row(model: Model[ModelManifest]) -> dict[str, str | None]:
    manifest, lock = model.manifest, model.lock
    here = [name for name in manifest.files if model.missing(name) is None]
    state = "not pulled"
    if manifest.repository is None:
        state = "here" if here else "incomplete"
    elif lock is not None:
        state = f"pulled for {', '.join(here)} at {lock.commit[:12]}"
    return {
        "name": model.name,
        "role": model.role,
        "model": manifest.model,
        "formats": ", ".join(f"{name}: {file.format}" for name, file in manifest.files.items()),
        "licence": manifest.licence,
        "repository": manifest.repository,
        "folder": str(Path(model.folder)),
        "state": state,
    }
