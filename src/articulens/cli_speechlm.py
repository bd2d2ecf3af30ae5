"""The commands ``articulens models recordings | train-lm``; what is heavy is imported when one is run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def recordings(
    folder: Annotated[Path, typer.Argument(help="Where to.")],
    speech: Annotated[Path | None, typer.Option(help="Folder of `articulens models speech`: synthetic mouths.")] = None,
    sentences: Annotated[int, typer.Option(min=1, help="Sentences a language.")] = 500,
    readings: Annotated[int, typer.Option(min=1, help="Voices that read each.")] = 3,
) -> None:
    """Make the speech with word times that the bundled speech–text models were trained on.

    Needs the library of espeak-ng. Example: **articulens models recordings cache/recordings --speech cache/speech**
    """
    from articulens.speechlm.recordings import make_recordings

    make_recordings(folder, speech=speech, sentences=sentences, readings=readings, say=typer.echo)


def train_lm(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A shipped recipe, or a YAML file.")],
    recordings: Annotated[Path, typer.Option(help="Folder of `articulens models recordings`.")],
    output: Annotated[Path | None, typer.Option("--out", help="Working folder: cache/speechlm/NAME.")] = None,
    models: Annotated[Path, typer.Option(help="Folder of finished models.")] = Path("data/models"),
    threads: Annotated[int, typer.Option(min=1, help="Processor threads; they decide the order of sums.")] = 1,
) -> None:
    """Train a small speech–text model, or go on with a training that was stopped.

    For example:

    **articulens models train-lm tiny-lm-text --recordings cache/recordings**
    """
    import torch

    from articulens.speechlm.cards import write_lm_card
    from articulens.speechlm.material import prepare
    from articulens.speechlm.recipes import load_recipe
    from articulens.speechlm.training import train

    chosen = load_recipe(recipe)
    torch.set_num_threads(threads)
    out = output or Path("cache/speechlm") / chosen.name
    material = prepare(recordings, chosen, out.parent, say=typer.echo)
    model = train(chosen, material, out, models=models, say=typer.echo)
    write_lm_card(model)
    typer.echo(f"{model}")
