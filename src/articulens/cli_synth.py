"""``articulens corpus synth``: more speech from the synthetic mouth, or the bundled corpus again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

BUNDLED_SEED = 2026


def add_synth_command(app: typer.Typer) -> None:
    """Add the command to ``articulens corpus``."""
    app.command("synth")(synth_command)


def synth_command(
    out: Annotated[Path, typer.Option(help="Folder to write; an interrupted run there is finished.")],
    speakers: Annotated[int, typer.Option(min=1, help="The first 18 have the groups and sexes of FROST-EMA.")] = 18,
    hours: Annotated[
        float | None, typer.Option(help="About so much speech in all; without it the layout of the bundled corpus.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Everything random is drawn from it.")] = BUNDLED_SEED,
    jobs: Annotated[int, typer.Option(min=1, help="Processes; the result does not depend on it.")] = 1,
    intervene: Annotated[
        str | None,
        typer.Option(
            help="Change every utterance: TT.z+3 moves, TB=0 clamps (mm), LL@+40 delays (ms), TD.x*0.5 damps."
        ),
    ] = None,
) -> None:
    """Make synthetic Finnish and Russian speech with articulation (needs the extra `[synth]`).

    With the defaults this makes the bundled corpus again. The folder is opened as **tabular:OUT**. Interventions may
    be joined by commas.

    Example: **articulens corpus synth --speakers 4 --hours 0.1 --seed 7 --out more --jobs 2**
    """
    from articulens.synthesis import synthesise

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
               TextColumn("·"), TimeRemainingColumn(), TextColumn("left"))  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("speaking", total=None)

        def spoken(done: int, total: int, utterance: str) -> None:
            bar.update(task, completed=done, total=total, description=utterance)

        synthesise(out, speakers=speakers, hours=hours, seed=seed, jobs=jobs, intervene=intervene, progress=spoken)
    typer.echo(f"{out}: open it as tabular:{out}")
