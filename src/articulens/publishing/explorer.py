"""The explorer: the tables behind the chapters, packed into one page that draws what a reader asks for."""

from __future__ import annotations

import json
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd

from articulens.errors import ArticulensError
from articulens.evaluation.inference import summarise
from articulens.evaluation.protocols import open_protocol
from articulens.evaluation.scores import read_scores
from articulens.figures import layer_sensor_heatmap

#: Tables of one value for each model, layer, protocol, speaker and channel.
TABLES = ("01_compare_models", "02_map_layers_and_sensors", "04_leave_one_speaker_out")
ALL = "all"
_SERIES = ["model", "protocol", "target"]
_CELL = [*_SERIES, "layer", "channel", "speaker"]


def read_tables(results: Path) -> pd.DataFrame:
    """Return the scores of all :data:`TABLES` in `results`, each cell once, with a column ``channel``.

    Raises
    ------
    ArticulensError
        When a table is missing, or two of them give a cell different values: they are of different runs.
    """
    tables = [read_scores(results / f"{name}.parquet") for name in TABLES]
    scores = pd.concat([table[table["language"] == ALL] for table in tables], ignore_index=True)
    scores["channel"] = scores["sensor"] + "." + scores["axis"]
    r = scores.groupby(_CELL)["r"]
    differ = scores[r.transform("max") - r.transform("min") > 0.001]
    if len(differ):
        where = ", ".join(differ[_CELL].iloc[0])
        raise ArticulensError(
            f"{results}: the tables disagree about r of {where}, so they are of different runs; run the book again and "
            "copy all of them."
        )
    return scores.drop_duplicates(_CELL)


def pack(scores: pd.DataFrame) -> dict[str, Any]:
    """Return what the page needs: r in thousandths, means with 95 % intervals over speakers.

    Returns
    -------
    dict
        ``corpus``, ``speakers``, ``channels``; ``measures``, what each protocol measures; and ``series``, one for each
        model, protocol and target: ``layers``, ``r`` (layers × channels × speakers), and ``means`` (layers × channels,
        after them all channels together), each ``[mean, low, high]``. What is not there is None.
    """
    speakers, channels = sorted(scores["speaker"].unique()), list(scores["channel"].unique())
    each = summarise(scores, [*_SERIES, "layer", "channel"])
    together = summarise(scores, [*_SERIES, "layer"]).assign(channel=ALL)
    means = pd.concat([each, together]).set_index([*_SERIES, "layer", "channel"])[["mean", "low", "high"]]
    values = scores.set_index(_CELL)["r"]
    series = []
    for key, rows in scores.groupby(_SERIES, sort=False):
        layers = list(rows["layer"].unique())
        grid = pd.MultiIndex.from_product([*([part] for part in key), layers, channels, speakers])
        r = _thousandths(values.reindex(grid).to_list())
        wide = pd.MultiIndex.from_product([*([part] for part in key), layers, [*channels, ALL]])
        bounds = [_thousandths(row) for row in means.reindex(wide).to_numpy().tolist()]
        series.append(
            {
                **dict(zip(_SERIES, key, strict=True)),
                "layers": layers,
                "r": _nested(_nested(r, len(speakers)), len(channels)),
                "means": _nested(bounds, len(channels) + 1),
            }
        )
    return {
        "corpus": scores["corpus"].iloc[0],
        "speakers": speakers,
        "channels": channels,
        "measures": {name: open_protocol(name).measures for name in scores["protocol"].unique()},
        "series": series,
    }


def first_choice(scores: pd.DataFrame) -> tuple[str, str]:
    """Return the model with most protocols, and the protocol most models share: what the page opens with."""
    measured = scores[scores["target"] == "measured"]
    model = measured.groupby("model")["protocol"].nunique().idxmax()
    return str(model), str(measured.groupby("protocol")["model"].nunique().idxmax())


def explorer_html(results: Path, static: str) -> tuple[str, bytes]:
    """Return the markup of the explorer, and the figure (PNG) for those who read without JavaScript.

    Parameters
    ----------
    results
        Folder of the tables.
    static
        Where the page finds ``_static``, and beside it ``_images/explorer.png``.
    """
    scores = read_tables(results)
    model, protocol = first_choice(scores)
    shown = scores[(scores["model"] == model) & (scores["protocol"] == protocol) & (scores["target"] == "measured")]
    title = f"{model} on {shown['corpus'].iloc[0]}, {protocol}"
    figure = BytesIO()
    layer_sensor_heatmap(shown, title=title).savefig(figure, format="png", dpi=144)
    data = json.dumps(pack(scores) | {"model": model, "protocol": protocol}, separators=(",", ":"), ensure_ascii=False)
    page = _PAGE
    for name, text in {
        "TABLE": _table(shown),
        "TITLE": escape(title),
        "STATIC": static,
        "DATA": data.replace("<", "\\u003c"),
    }.items():
        page = page.replace(f"@{name}@", text)
    return page, figure.getvalue()


def _table(shown: pd.DataFrame) -> str:
    """Return the heatmap as a table that needs no script: one row a layer, the last one on top, as in the figure."""
    channels = list(shown["channel"].unique())
    grid = shown.groupby(["layer", "channel"], sort=False)["r"].mean().unstack("channel")[channels]
    grid.insert(0, ALL, shown.groupby(["layer", "speaker"], sort=False)["r"].mean().groupby(level=0, sort=False).mean())
    head = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in grid)
    rows = "".join(
        f'<tr><th scope="row">{escape(str(layer))}</th>' + "".join(f"<td>{value:.2f}</td>" for value in row) + "</tr>"
        for layer, row in zip(grid.index[::-1], grid.to_numpy()[::-1], strict=True)
    )
    return f'<thead><tr><th scope="col">layer</th>{head}</tr></thead><tbody>{rows}</tbody>'


def _thousandths(values: list[float]) -> list[int | None]:
    return [None if value != value else round(1000 * value) for value in values]


def _nested(flat: list[Any], width: int) -> list[list[Any]]:
    return [flat[i : i + width] for i in range(0, len(flat), width)]


_PAGE = """<section id="explorer" class="look" aria-label="Explorer">
<div class="look-controls" hidden>
<label>Model <select name="model"></select></label>
<label>Protocol <select name="protocol"></select></label>
<label>Beside it <select name="beside"></select></label>
<label>Layer <select name="layer"></select></label>
<label>Sensor <select name="channel"></select></label>
<label>Speaker <select name="speaker"></select></label>
</div>
<p class="look-summary" aria-live="polite"></p>
<div class="look-scroll"><table class="look-heatmap">
<caption>Mean r over speakers: @TITLE@</caption>@TABLE@</table></div>
<p class="look-legend" hidden><span class="look-a">●</span> <span data-name="a"></span>
<span class="look-b">◆</span> <span data-name="b"></span> <span class="look-c">▲</span> <span data-name="c"></span></p>
<div class="look-pair" hidden>
<figure><figcaption>Layer by layer, with 95 % intervals over speakers</figcaption>
<div data-view="profile"></div></figure>
<figure><figcaption>Speaker by speaker, at the layer chosen</figcaption>
<div data-view="dots"></div></figure>
</div>
<noscript><img src="@STATIC@/../_images/explorer.png" width="640"
alt="Heatmap of the mean Pearson r over speakers, one row a layer, one column a sensor and axis: the table above.">
</noscript>
<script type="application/json">@DATA@</script>
<script defer src="@STATIC@/vendor/d3.min.js"></script>
<script defer src="@STATIC@/vendor/plot.umd.min.js"></script>
<script defer src="@STATIC@/look/explorer.js"></script>
</section>
"""
