"""``articulens predict``: the movements of a mouth, read out of any recording."""

from __future__ import annotations

import io
import json
import os
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from articulens.errors import ArticulensError


def add_predict_command(app: typer.Typer) -> None:
    """Add ``articulens predict``."""
    app.command("predict")(predict_command)


def predict_command(
    audio: Annotated[list[Path], typer.Argument(metavar="AUDIO...", help="Recordings in any usual format.")],
    model: Annotated[str, typer.Option(help="Folder of a saved probe, or an encoder to train one for.")] = "logmel+6",
    corpus: Annotated[str, typer.Option(help="What to train on, where --model is an encoder.")] = "bundled",
    layer: Annotated[str | None, typer.Option(help="Layer to read; by default the best on unheard speakers.")] = None,
    hold_out: Annotated[str | None, typer.Option(help="Speaker of the corpus to leave out of the training.")] = None,
    output: Annotated[Path, typer.Option("--out", help="Folder for the results.")] = Path("predicted"),
    form: Annotated[str, typer.Option("--format", help="csv or parquet.")] = "csv",
    calibrate: Annotated[
        list[Path] | None,
        typer.Option(help="Table of measured positions of this speaker, to have mm; repeatable."),
    ] = None,
    save: Annotated[Path | None, typer.Option(help="Also keep the probe in this folder.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    cache: Annotated[Path, typer.Option(help="Folder of intermediate moments.")] = Path("cache"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script to read.")] = False,
) -> None:
    """Read articulator movements out of recordings: a table, a figure, and a page where a mouth moves with the sound.

    Positions are z-scores (how far from the usual place, in units of the usual movement); with --calibrate, mm.

    Example: **articulens predict speech.wav --out predicted**
    """
    from articulens.corpora.limits import check_file
    from articulens.files import atomic_write
    from articulens.inversion import invert
    from articulens.inversion.apply import check_recording
    from articulens.inversion.page import draw, to_html

    if form not in ("csv", "parquet"):
        raise ArticulensError(f"--format '{form}' is no form of tables; choose csv or parquet.")
    # What could be said at once is not said after minutes of training.
    targets = _targets(audio, output)
    for path in audio:
        check_recording(path)
    for measured in calibrate or ():
        check_file(measured)
    inverter, encoder = _open(model, corpus, layer, hold_out, device, cache, progress=not as_json)
    if save is not None:
        inverter.save(save)
    typer.echo(inverter.describe(), err=True)
    rows = []
    for path, base in zip(audio, targets, strict=True):
        result = invert(path, inverter, encoder, calibrate=calibrate or (), progress=_progress(path, as_json))
        table, figure, page = (base.with_name(f"{base.name}.{suffix}") for suffix in (form, "png", "html"))
        _write_table(table, result)
        stream = io.BytesIO()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph")  # a name in a script that the font does not have
            draw(result).savefig(stream, format="png", dpi=130)
        with atomic_write(figure) as out:
            out.write(stream.getvalue())
        with atomic_write(page, "w") as out:
            out.write(to_html(result))
        rows.append(
            {
                "audio": str(path),
                "frames": len(result.times_s),
                "unit": "mm" if result.calibrated else "z-scores",
                "table": str(table),
                "figure": str(figure),
                "page": str(page),
            }
        )
    if as_json:
        typer.echo(json.dumps({"card": inverter.card, "predicted": rows}, indent=1, ensure_ascii=False))
        return
    for row in rows:
        typer.echo(f"{row['table']}, {row['figure']}, {row['page']}: {row['frames']} frames, {row['unit']}")


def _targets(audio: list[Path], output: Path) -> list[Path]:
    """Return where each recording's results go, without suffix; the folder exists afterwards."""
    taken: dict[str, Path] = {}
    for path in audio:
        other = taken.setdefault(path.stem.lower(), path)  # some file systems do not tell upper from lower case
        if other is not path:
            raise ArticulensError(
                f"{other} and {path}: their results would have the same name; predict them into two folders (--out)."
            )
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArticulensError(
            f"{output}: cannot be a folder for the results ({error.strerror}); choose another one with --out."
        ) from error
    return [output / path.stem for path in audio]


def _open(
    model: str, corpus: str, layer: str | None, hold_out: str | None, device: str, cache: Path, *, progress: bool
) -> Any:
    from articulens.corpora import open_corpus
    from articulens.encoders import open_encoder
    from articulens.inversion import load_inverter, train_inverter
    from articulens.inversion.model import CARD

    if os.path.isfile(Path(model) / CARD):
        inverter = load_inverter(model)
        if layer not in (None, inverter.layer) or hold_out is not None:
            raise ArticulensError(
                f"{model}: a saved probe has its layer and speakers; leave out --layer and --hold-out."
            )
        return inverter, open_encoder(inverter.card["encoder"], device=device, layers=[inverter.layer])
    encoder = open_encoder(model, device=device, layers=[layer] if layer else None)
    inverter = train_inverter(
        open_corpus(corpus), encoder, cache=cache, layer=layer, hold_out=hold_out, progress=progress
    )
    return inverter, encoder


def _progress(path: Path, quiet: bool) -> Any:
    def say(done_s: float, of_s: float) -> None:
        if not quiet:
            end = "\n" if done_s >= of_s else "\r"
            typer.echo(f"{path.name}: {done_s:.0f} of {of_s:.0f} s", err=True, nl=False)
            typer.echo(end, err=True, nl=False)

    return say


def _write_table(path: Path, result: Any) -> None:
    """Write times and positions: mm in our form of tables, or z-scores under names that say so."""
    import pandas as pd

    from articulens.corpora import write_trajectory
    from articulens.files import atomic_write

    if result.calibrated:
        write_trajectory(path, result.positions)
        return
    frame = pd.DataFrame(result.z, columns=[f"z({name})" for name in result.positions.channels])
    frame.insert(0, "time_s", result.times_s)
    with atomic_write(path) as stream:
        if path.suffix == ".parquet":
            frame.to_parquet(stream, index=False)
        else:
            stream.write(frame.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode())
