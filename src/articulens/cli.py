"""The command line: ``articulens corpus | models | probe | run | book``.

What is heavy (torch, transformers, Sphinx) is imported inside the command that needs it, so that ``--help`` is quick.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from articulens.cli_corpus import add_corpus_commands
from articulens.cli_predict import add_predict_command
from articulens.cli_speechlm import recordings, train_lm
from articulens.cli_synth import add_synth_command
from articulens.errors import ArticulensError
from articulens.pretraining import commands

app = typer.Typer(
    name="articulens",
    help="What do speech models know about the mouth? Linear probes from every layer to articulator positions.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_enable=False,
)
corpus_app = typer.Typer(help="Recordings of speech with articulation.", no_args_is_help=True)
app.add_typer(corpus_app, name="corpus")
add_corpus_commands(corpus_app)
add_synth_command(corpus_app)
add_predict_command(app)
models_app = typer.Typer(help="Speech encoders: list them, train small ones.", invoke_without_command=True)
app.add_typer(models_app, name="models")
for _command in (commands.train, commands.speech, commands.evaluate, commands.follow, recordings, train_lm):
    models_app.command()(_command)

out = Console()
_debug = False

Jobs = Annotated[int, typer.Option(min=1, help="So many notebooks at a time; 1 where memory is short.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script to read.")]


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    global _debug
    _debug = debug


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False, default=str))


def _print_table(rows: list[dict[Any, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in rows[0] if rows else []:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    out.print(table)


@models_app.callback()
def models(context: typer.Context, as_json: AsJson = False) -> None:
    """List the encoders known by a short name; any hub id or local folder works too, and NAME@random."""
    if context.invoked_subcommand is None:
        models_list(as_json)


@models_app.command("list")
def models_list(as_json: AsJson = False) -> None:
    """List the encoders known by a short name."""
    from articulens.encoders.catalog import to_frame

    rows = to_frame().to_dict("records")
    _print_json(rows) if as_json else _print_table(rows)


@app.command()
def probe(
    context: typer.Context,
    corpus: Annotated[str, typer.Option(help="Corpus, as in `articulens corpus describe`.")] = "bundled",
    model: Annotated[list[str], typer.Option(help="Encoder: short name, hub id, folder, NAME@random; repeatable.")] = [  # noqa: B006
        "logmel"
    ],
    protocol: Annotated[
        list[str],
        typer.Option(
            help="frame_shuffled, utterance, sentence, loso, loso_sentence, loso_within(COLUMN), transfer(COLUMN) or "
            "leave_language_out; repeatable."
        ),
    ] = ["loso_sentence"],  # noqa: B006
    output: Annotated[Path, typer.Option("--out", help="Table to write: .parquet or .csv.")] = Path("scores.parquet"),
    layer: Annotated[list[str] | None, typer.Option(help="Only these layers; repeatable.")] = None,
    by: Annotated[
        list[str] | None, typer.Option(help="Score apart by language, task, condition …; repeatable.")
    ] = None,
    alpha: Annotated[str, typer.Option(help="'auto' (chosen inside the training data), 'ols', or a number.")] = "auto",
    reading: Annotated[
        list[str], typer.Option(help="measured; rolled, swapped (negative controls); lag+0.100 …; repeatable.")
    ] = ["measured"],  # noqa: B006
    published: Annotated[
        bool,
        typer.Option(
            "--published",
            help="The paper's pipeline: OLS, z-scores by file, zero-padded decimation, frames paired by number; "
            "frame_shuffled unless --protocol says otherwise.",
        ),
    ] = False,
    frames: Annotated[str, typer.Option(help="all, or speech (needs labels).")] = "all",
    scale: Annotated[str, typer.Option(help="speaker (z-score by training speaker) or mm.")] = "speaker",
    pool: Annotated[
        str, typer.Option(help="Mean r over 'splits', or r over all held-out 'frames' of a speaker.")
    ] = "splits",
    zscore: Annotated[str, typer.Option(help="none, or file (as published: uses test data).")] = "none",
    cutoff_hz: Annotated[float, typer.Option(help="Low-pass of the positions, Hz.")] = 20.0,
    rate_hz: Annotated[float | None, typer.Option(help="Positions a second, where the recipe's is not right.")] = None,
    folds: Annotated[int, typer.Option(min=2, help="Folds of sentences, utterances or frames.")] = 5,
    seed: Annotated[int, typer.Option(help="Decides folds and random weights.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    dtype: Annotated[str, typer.Option(help="fp32, tf32, bf16 or fp16.")] = "fp32",
    cache: Annotated[
        Path, typer.Option(help="Folder of intermediate moments; a killed run goes on from there.")
    ] = Path("cache"),
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out unusable utterances and list them.")] = False,
    as_json: AsJson = False,
) -> None:
    """Probe every layer of encoders for articulator positions and write the tidy table of scores.

    For example:

    **articulens probe --corpus bundled --model logmel --model mfcc --protocol sentence --out scores.csv**

    **articulens probe --corpus frost:/data/FROST --model xls-r-300m --protocol loso --by condition --device cuda**
    """
    import pandas as pd

    from articulens.cells import CellDesign
    from articulens.corpora import open_corpus
    from articulens.encoders import open_encoder
    from articulens.evaluation.inference import summarise
    from articulens.evaluation.protocols import open_protocol
    from articulens.evaluation.scores import evaluate, write_scores
    from articulens.pipelines import PUBLISHED
    from articulens.probes.linear import LinearProbe
    from articulens.sweep import sweep
    from articulens.targets import TargetOptions

    if output.suffix not in (".parquet", ".csv"):
        raise ArticulensError(f"{output}: a table is written as .parquet or .csv; change the name's ending.")
    options = TargetOptions(readings=tuple(reading), frames=frames, cutoff_hz=cutoff_hz, zscore=zscore, seed=seed)
    linear = LinearProbe(_penalty(alpha), standardize=True)
    if published:
        given = {name for name in context.params if "COMMANDLINE" in str(context.get_parameter_source(name))}
        if fixed := given & {"alpha", "zscore", "scale", "frames", "pool"}:
            raise ArticulensError(f"--published decides {', '.join(sorted(fixed))} itself; leave one of the two out.")
        protocol = protocol if "protocol" in given else [PUBLISHED.protocol]
        scale, pool, linear = PUBLISHED.scale, "splits", PUBLISHED.linear()
        options = PUBLISHED.options(readings=tuple(reading), cutoff_hz=cutoff_hz, seed=seed)
    protocols = [open_protocol(name) for name in protocol]
    recordings = open_corpus(corpus, rate_hz=rate_hz, skip_bad=skip_bad)
    left_out = list(recordings.skipped)
    design = CellDesign.for_protocols(protocols, by or (), folds=folds, seed=seed)
    tables = []
    for name in model:
        encoder = open_encoder(name, device=device, dtype=dtype, seed=seed, layers=layer)
        store = sweep(recordings, encoder, design, out=cache, options=options, skip_bad=skip_bad, progress=not as_json)
        left_out += [f"{row['id']}: {row['reason']}" for row in store.skipped]
        for chosen in protocols:
            tables.append(evaluate(store, chosen, linear, by=by or (), scale=scale, pool=pool, jobs=-1))
    scores = pd.concat(tables, ignore_index=True)
    write_scores(scores, output)
    summary = summarise(scores, ["model", "protocol", "target", "layer"])
    if as_json:
        _print_json(
            {
                "out": str(output),
                "rows": len(scores),
                "left_out": left_out,
                "summary": summary.to_dict("records"),
            }
        )
        return
    for reason in dict.fromkeys(left_out):
        typer.echo(f"left out {reason}", err=True)
    _print_table(
        [
            {
                **{key: row[key] for key in ("model", "protocol", "target", "layer")},
                "mean r": f"{row['mean']:.3f}",
                "95 % over speakers": "" if pd.isna(row["low"]) else f"{row['low']:.3f} to {row['high']:.3f}",
                "speakers": row["speakers"],
            }
            for row in summary.to_dict("records")
        ]
    )
    out.print(f"{len(scores)} rows in {output}", highlight=False)


def _penalty(alpha: str) -> float | tuple[float, ...]:
    from articulens.probes.linear import PENALTIES

    if alpha == "auto":
        return PENALTIES
    if alpha == "ols":
        return 0.0
    try:
        return float(alpha)
    except ValueError:
        raise ArticulensError(
            f"--alpha '{alpha}' is not a penalty; give auto, ols or a number that is 0 or more."
        ) from None


@app.command()
def run(
    notebooks: Annotated[
        list[str] | None,
        typer.Argument(metavar="NOTEBOOK", help="Names in notebooks/, or paths; none: all chapters of the book."),
    ] = None,
    parameter: Annotated[
        list[str] | None, typer.Option("-p", metavar="NAME VALUE", help="Set a parameter; repeatable.")
    ] = None,
    params: Annotated[str | None, typer.Option(help="A file of parameters, or its name in notebooks/params.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Run even what is fresh.")] = False,
    jobs: Jobs = 2,
) -> None:
    """Execute notebooks whose code, data, models or parameters changed.

    For example:

    **articulens run 02_map_layers_and_sensors -p protocol loso --params smoke**

    **articulens run --params smoke**
    """
    from articulens.publishing import run_notebooks
    from articulens.publishing.book import executed_pages
    from articulens.publishing.notebooks import find_root

    values = dict(pair.partition("=")[::2] for pair in parameter or [])
    chapters = notebooks or executed_pages(find_root())
    run_notebooks(chapters, values, params, force=force, jobs=jobs, say=typer.echo)


@app.command()
def book(
    params: Annotated[str, typer.Option(help="A file of parameters, or its name in notebooks/params.")] = "bundled",
    force: Annotated[bool, typer.Option("--force", help="Run and build everything again.")] = False,
    jobs: Jobs = 2,
) -> None:
    """Execute stale notebooks and build the site into _build/html."""
    from articulens.publishing import build_book

    build_book(params, force=force, jobs=jobs, say=typer.echo)


def _pairs(arguments: list[str]) -> list[str]:
    """Join ``-p NAME VALUE``, as papermill spells it, to ``-p NAME=VALUE``: Typer knows no repeated pairs."""
    joined: list[str] = []
    words = iter(arguments)
    for word in words:
        joined.append(word)
        if word == "-p":
            name = next(words, None)
            value = next(words, None) if name is not None and "=" not in name else None
            if name is not None:
                joined.append(name if value is None else f"{name}={value}")
    return joined


def main() -> None:
    """Run the command line; what a user can mend is said in one sentence, with exit status 2."""
    try:
        app(_pairs(sys.argv[1:]))
    except ArticulensError as error:
        if _debug:
            traceback.print_exc()
        typer.secho(f"articulens: {error}", fg="red", err=True)
        sys.exit(2)
    except OSError as error:  # a disk or a permission at a place where nobody thought of it
        if _debug:
            traceback.print_exc()
        where = f"{error.filename}: " if error.filename else ""
        typer.secho(f"articulens: {where}{error.strerror or error}; check the path and its permissions.", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.secho("articulens: interrupted; the same command goes on from what is finished.", err=True)
        sys.exit(130)


if __name__ == "__main__":
    main()
