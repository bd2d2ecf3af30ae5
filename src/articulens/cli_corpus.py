"""``articulens corpus list | look | describe | check | convert | fetch``: recordings and what they are worth."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from articulens.errors import ArticulensError

out = Console()
Spec = Annotated[
    str, typer.Argument(metavar="CORPUS", help="'bundled', 'NAME:PATH' of a recipe, a recipe.yaml, or a folder.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script to read.")]
Rate = Annotated[float | None, typer.Option(help="Positions a second, where the recipe's is not right.")]


def add_corpus_commands(app: typer.Typer) -> None:
    """Add the commands to ``articulens corpus``."""
    app.command("list")(list_command)
    app.command("look")(look_command)
    app.command("describe")(describe_command)
    app.command("check")(check_command)
    app.command("convert")(convert_command)
    app.command("fetch")(fetch_command)


def list_command(as_json: AsJson = False) -> None:
    """List the corpora that can be opened by name."""
    from articulens.corpora import known_corpora

    rows = [{"name": name} for name in known_corpora()]
    typer.echo(json.dumps(rows, indent=1)) if as_json else _print(rows)


def describe_command(corpus: Spec, as_json: AsJson = False) -> None:
    """Say what a corpus holds: speakers, languages, tasks, conditions, minutes, sensors.

    Example: **articulens corpus describe bundled**
    """
    from articulens.corpora.audio import audio_duration

    opened = _open(corpus, None, skip_bad=False)
    table = opened.to_frame()
    seconds = [audio_duration(u.audio) for u in opened]
    table = table.assign(minutes=[s / 60 for s in seconds])
    cells = (
        table.groupby(["language", "condition", "task"])
        .agg(utterances=("id", "size"), speakers=("speaker", "nunique"), minutes=("minutes", "sum"))
        .reset_index()
    )
    first = opened.read_trajectory(opened.utterances[0])
    about: dict[str, Any] = {
        "name": opened.name,
        "root": str(opened.root),
        "utterances": len(opened),
        "speakers": list(opened.speakers),
        "sentences": int(table["sentence"].nunique()),
        "minutes": round(sum(seconds) / 60, 2),
        "channels": list(first.channels),
        "rate_hz": first.rate_hz,
        "fingerprint": opened.fingerprint(),
        "cells": cells.round(2).to_dict("records"),
    }
    if as_json:
        typer.echo(json.dumps(about, indent=1, ensure_ascii=False))
        return
    for key in ("name", "root", "utterances", "sentences", "minutes", "rate_hz", "fingerprint"):
        out.print(f"{key.replace('_', ' '):>12}  {about[key]}", highlight=False)
    out.print(f"{'speakers':>12}  {len(about['speakers'])}: {', '.join(about['speakers'])}", highlight=False)
    out.print(f"{'channels':>12}  {', '.join(about['channels'])}\n", highlight=False)
    _print(about["cells"])


def look_command(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A file of positions, or a folder with such files.")],
    reader: Annotated[str | None, typer.Option(help="Its format, where the file does not tell.")] = None,
    rate_hz: Annotated[float | None, typer.Option(help="Positions a second, where the file does not say.")] = None,
    as_json: AsJson = False,
) -> None:
    """Look into a file of positions: its format, where each sensor lies, how it moves, and the beginning of a recipe.

    Which sensor is which is told by name or place, for you to confirm.

    Example: **articulens corpus look /recordings/pos/0001.pos**
    """
    from articulens.corpora.survey import survey, survey_folder

    seen = (survey_folder if os.path.isdir(path) else survey)(path, reader=reader, rate_hz=rate_hz)
    about: dict[str, Any] = {
        "file": str(seen.path),
        "reader": seen.reader,
        "rate_hz": seen.rate_hz,
        "samples": seen.samples,
        "recipes": seen.relatives(),
    }
    if as_json:
        sensors = json.loads(seen.table.to_json(orient="records"))  # NaN as null
        about |= {"sensors": sensors, "channels": seen.channels, "told_by": seen.told_by, "recipe": seen.recipe()}
        typer.echo(json.dumps(about, indent=1, ensure_ascii=False))
        return
    for key, value in about.items():
        text = ", ".join(value) if isinstance(value, list) else "not said by the file" if value is None else value
        typer.echo(f"{key.replace('_', ' '):>8}  {text}")
    out.print()
    _print([{k: None if v != v else v for k, v in row.items()} for row in seen.table.round(2).to_dict("records")])
    typer.echo("\nA recipe could begin like this, as corpus.yaml in the folder of the recordings:\n")
    typer.echo(seen.recipe(), nl=False)


def check_command(
    corpus: Spec,
    html: Annotated[Path | None, typer.Option(help="Also write a page with plots.")] = None,
    rate_hz: Rate = None,
    lag: Annotated[bool, typer.Option("--lag/--no-lag", help="Look for the lag between sound and positions.")] = True,
    as_json: AsJson = False,
) -> None:
    """Say whether recordings are usable: clocks, sensors, axes, lag, gaps, clipping, duplicates, coverage.

    The exit status is 0 if they are, 1 if something would make results wrong, 2 if they cannot be opened.

    Example: **articulens corpus check carstens-folder:/recordings --html report.html**
    """
    from articulens.corpora.check import check
    from articulens.corpora.check.page import to_html
    from articulens.files import atomic_write

    if html is not None and os.path.isdir(html):
        raise ArticulensError(
            f"{html}: this is a folder, expected the name of a page; write --html {html / 'check.html'}."
        )
    opened = _open(corpus, rate_hz, skip_bad=True)
    report = check(opened, lag=lag, say=lambda line: typer.echo(line, err=True))
    if html is not None:
        with atomic_write(html, "w") as stream:
            stream.write(to_html(report))
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=1, ensure_ascii=False, default=str))
    else:
        _print(report.files().to_dict("records"))
        coverage = report.coverage().round(2)
        out.print("\nMinutes by language, condition and task")
        _print(coverage.reset_index().to_dict("records"))
        if report.findings:
            out.print()
            _print([f.to_dict() for f in report.findings])
        verdict = "usable" if report.usable else "not usable as it is"
        out.print(f"\n{report.name}: {len(report.measured)} recordings, {len(report.findings)} findings: {verdict}.")
    if not report.usable:
        raise typer.Exit(1)


def convert_command(
    corpus: Spec,
    output: Annotated[Path, typer.Argument(metavar="FOLDER", help="New folder.")],
    resolution_mm: Annotated[
        float | None, typer.Option(help="Round positions to multiples of this; smaller files.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="parquet or csv.")] = "parquet",
    rate_hz: Rate = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out unusable utterances and list them.")] = False,
) -> None:
    """Write recordings as plain tables of positions with a manifest, which every program can read.

    Example: **articulens corpus convert mocha:/data/MOCHA mocha-tables**
    """
    from articulens.corpora.convert import convert

    left_out = convert(
        _open(corpus, rate_hz, skip_bad=skip_bad),
        output,
        resolution_mm=resolution_mm,
        suffix=f".{form}",
        skip_bad=skip_bad,
        say=lambda line: typer.echo(line, err=True),
    )
    for reason in left_out:
        typer.echo(f"left out {reason}", err=True)
    typer.echo(f"open it as tabular:{output}")


def fetch_command(
    name: Annotated[str, typer.Argument(help="Corpus; without a folder, say what is known of it.")],
    output: Annotated[Path | None, typer.Argument(metavar="FOLDER", help="Where to put it.")] = None,
    accept: Annotated[bool, typer.Option("--accept-licence", help="You have read the licence and accept it.")] = False,
    part: Annotated[list[str] | None, typer.Option(help="Only these files; repeatable.")] = None,
) -> None:
    """Download a corpus that is openly offered, or say whom to ask for it.

    Example: **articulens corpus fetch mocha /data/MOCHA --accept-licence**
    """
    from articulens.corpora.fetch import describe, fetch

    typer.echo(describe(name))
    if output is None:
        return
    if not accept:
        accept = typer.confirm("Have you read this licence, and do you accept it?")
    folder = fetch(name, output, accepted=accept, parts=part, say=lambda line: typer.echo(line, err=True))
    typer.echo(f"open it as {name}:{folder}")


def _open(spec: str, rate_hz: float | None, *, skip_bad: bool) -> Any:
    from articulens.corpora import open_corpus

    folder = Path(spec)
    if os.path.isdir(folder):  # unlike Path.is_dir, also of names that are too long
        if not (folder / "manifest.csv").is_file():
            raise ArticulensError(
                f"{spec}: a folder without a manifest.csv; say what it is, such as 'carstens-folder:{spec}', "
                f"or let 'articulens corpus look {spec}' tell the format."
            )
        spec = f"tabular:{spec}"
    return open_corpus(spec, rate_hz=rate_hz, skip_bad=skip_bad)


def _print(rows: list[dict[Any, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in rows[0] if rows else []:
        table.add_column(str(column).replace("_", " "), overflow="fold")
    for row in rows:
        # Names from a corpus are text: square brackets in them must not become markup.
        table.add_row(*("" if value is None else str(value).replace("[", "\\[") for value in row.values()))
    out.print(table)
