"""The command that mends a damaged index."""

from __future__ import annotations

import typer

from qmd_mcp.cli.command_session import Session
from qmd_mcp.cli.output import say
from qmd_mcp.errors import CollectionError

app = typer.Typer()


@app.command()
def repair(context: typer.Context) -> None:
    """Mend a damaged index: what can be made from your files is made again, and what is lost is said."""
    import anyio

    from qmd_mcp.application.repairing import Repaired
    from qmd_mcp.application.repairing import repair as repaired
    from qmd_mcp.cli.terminal import summary_lines, watched

    session: Session = context.obj

    async def run() -> Repaired:
        with watched() as progress:
            return await repaired(session.settings, session.location, progress=progress)

    result = anyio.run(run)
    lines = result.done or ("No damage was found.",)
    embedded = f"; {result.embedded} more embedded" if result.embedded else ""
    counts, *rest = summary_lines(result.summary)
    say(*lines, "All indexes have been made anew.", f"{counts}{embedded}", *rest)
    if result.summary.problems:
        raise CollectionError(" ".join(result.summary.problems))
