"""The commands ``articulens models train | speech | evaluate | follow``; what is heavy is imported when one is run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from articulens.errors import ArticulensError

Models = Annotated[Path, typer.Option(help="Folder of finished models.")]


def train(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="A shipped configuration, or a YAML file.")],
    speech: Annotated[Path | None, typer.Option(help="Folder of human recordings.")] = None,
    made: Annotated[Path | None, typer.Option(help="Folder of `articulens models speech`.")] = None,
    teacher: Annotated[str | None, typer.Option(help="Folder or hub id, instead of the configuration's.")] = None,
    output: Annotated[Path | None, typer.Option("--out", help="Working folder: cache/pretraining/NAME.")] = None,
    models: Models = Path("data/models"),
    milestones: Annotated[int, typer.Option(min=0, help="Keep so many states of the weights on the way.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    dtype: Annotated[str | None, typer.Option(help="fp32, or bf16 (mixed precision).")] = None,
    compile_: Annotated[bool | None, typer.Option("--compile/--no-compile", help="Use torch.compile.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Processor threads; they decide the order of sums.")] = 1,
) -> None:
    """Train a small encoder, or go on with a training that was stopped.

    For example:

    **articulens models train tiny-english --speech LibriSpeech --milestones 8**
    """
    import dataclasses

    import torch

    from articulens.pretraining.cards import write_card
    from articulens.pretraining.config import load_config
    from articulens.pretraining.trainer import Places
    from articulens.pretraining.trainer import train as run

    chosen = load_config(config)
    if dtype not in (None, "fp32", "bf16"):
        raise ArticulensError(f"--dtype is '{dtype}', expected fp32 or bf16; correct it.")
    chosen = dataclasses.replace(
        chosen,
        dtype=chosen.dtype if dtype is None else dtype,
        compile=chosen.compile if compile_ is None else compile_,
    )
    torch.set_num_threads(threads)
    out = output or Path("cache/pretraining") / chosen.name
    places = Places(speech, made, teacher, models, out.parent / "teacher")
    model = run(chosen, places, out, device=device, milestones=milestones, say=typer.echo)
    write_card(model)
    typer.echo(f"{model}")


def speech(
    folder: Annotated[Path, typer.Argument(help="Where to.")],
    speakers: Annotated[int, typer.Option(min=0, help="Synthetic speakers.")] = 4,
    sentences: Annotated[int, typer.Option(min=1, help="Sentences of each synthetic speaker.")] = 24,
) -> None:
    """Make the synthetic and espeak-ng speech that the bundled models were trained on.

    Needs espeak-ng and the extra [synth]. Example: **articulens models speech cache/speech**
    """
    from articulens.pretraining.speech import make_speech

    make_speech(folder, speakers=speakers, sentences=sentences, say=typer.echo)


def evaluate(
    corpus: Annotated[str, typer.Option(help="Corpus with labelled phones.")] = "bundled",
    real: Annotated[str | None, typer.Option(help="Recordings of one person, such as artpros:PATH.")] = None,
    voices: Annotated[Path | None, typer.Option(help="Folder of human recordings no model has heard.")] = None,
    models: Models = Path("data/models"),
    cache: Annotated[Path, typer.Option(help="Folder of moments.")] = Path("cache"),
) -> None:
    """Compute every number of the bundled models' cards: evaluation.csv, and the cards themselves."""
    from articulens.corpora import open_corpus
    from articulens.encoders import MODELS
    from articulens.evaluation.scores import write_scores
    from articulens.pretraining.cards import write_card, write_overview
    from articulens.pretraining.evaluate import report

    names = [model.name for model in MODELS if model.sha256 is not None]
    fine_tuned = {"tiny-multi-fi": "fi", "tiny-multi-ru": "ru"}
    table = report(
        open_corpus(corpus),
        names,
        cache,
        real=open_corpus(real) if real else None,
        fine_tuned=fine_tuned,
        folder=models,
        human=voices,
        say=typer.echo,
    )
    write_scores(table, models / "evaluation.csv")
    for name in names:
        write_card(models / name, table)
    write_overview(models / "README.md", names, table)
    typer.echo(f"{models / 'evaluation.csv'}")


def follow(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Working folders of trainings with milestones.")],
    step: Annotated[list[int] | None, typer.Option(help="Only this step; repeatable.")] = None,
    corpus: Annotated[str, typer.Option(help="Corpus with labelled phones.")] = "bundled",
    per_speaker: Annotated[int, typer.Option(min=0, help="Utterances of each speaker; 0: all.")] = 6,
    cache: Annotated[Path, typer.Option(help="Folder of moments.")] = Path("cache"),
    output: Annotated[Path, typer.Option("--out", help="Table to write.")] = Path("data/models/checkpoints.csv"),
) -> None:
    """Score what trainings kept on the way: articulation, phones, and downstream tasks, step by step.

    For example:

    **articulens models follow cache/pretraining/tiny-english --step 600 --step 1800**
    """
    from articulens.corpora import open_corpus
    from articulens.evaluation.scores import write_scores
    from articulens.pretraining.config import load_config, shipped
    from articulens.pretraining.milestones import follow as score
    from articulens.pretraining.milestones import milestones

    first = {name: load_config(name).stages[0] for name in shipped()}
    hours = {name: stage.batch * stage.seconds / 3600 for name, stage in first.items()}
    folders = [folder for run in runs for folder in milestones(run, step or ())]
    table = score(open_corpus(corpus), folders, cache, per_speaker=per_speaker, hours=hours, say=typer.echo)
    write_scores(table, output)
    typer.echo(f"{output}")
