"""The player: a few utterances whose measured and predicted articulators move in step with the sound, on one page."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import soundfile
from PIL import Image
from scipy.signal import spectrogram

from articulens.agreement import Agreement
from articulens.corpora import open_corpus
from articulens.corpora.corpus import Corpus
from articulens.corpora.labels import Interval, read_intervals
from articulens.corpora.schema import Utterance
from articulens.errors import ArticulensError
from articulens.evaluation.comparison import at_chosen_layer
from articulens.evaluation.predictions import MEASURED
from articulens.evaluation.scores import read_scores
from articulens.figures_movements import movement_traces
from articulens.synthesis.figures import speaker_card

#: Tables that chapter 04 wrote: `articulens.evaluation.predictions.movements`, and scores, which choose a layer.
TABLES = ("04_movements", "04_leave_one_speaker_out")
_HZ, _FLOOR_DB = 8000, 65.0  # what the spectrogram shows


def pack(table: pd.DataFrame, corpus: Corpus) -> dict[str, Any]:
    """Return what the page needs: movements in hundredths of a mm, sound, spectrogram, phones and outline.

    Returns
    -------
    dict
        ``corpus``, ``channels``, ``layers``; and ``utterances``, each with ``times`` (s, frame centres), ``measured``
        and one list a layer in ``predicted`` (frames × channels, flat), ``scores`` of each layer in this utterance
        (mean r over channels, root mean squared error in mm), ``phones`` (label, start, end), ``outline`` of the
        resting mouth (mm), ``sound`` (FLAC) and ``picture`` (PNG) as addresses.

    Raises
    ------
    ArticulensError
        When the corpus does not have an utterance of the table.
    """
    channels = [name for name in table.columns if name not in ("utterance", "layer", "time_s")]
    layers = [name for name in table["layer"].unique() if name != MEASURED]
    known = {utterance.id: utterance for utterance in corpus}
    utterances = []
    for name, rows in table.groupby("utterance", sort=False):
        if name not in known:
            raise ArticulensError(
                f"{TABLES[0]}: utterance {name} is not in corpus '{corpus.name}'; run chapter 04 and copy its tables."
            )
        truth = rows.loc[rows["layer"] == MEASURED]
        read = {layer: rows.loc[rows["layer"] == layer, channels].to_numpy() for layer in layers}
        scores = {layer: Agreement.of_frames(read[layer], truth[channels].to_numpy()) for layer in layers}
        utterances.append(
            {
                **_about(known[str(name)], corpus),
                "times": truth["time_s"].round(4).to_list(),
                "measured": hundredths(truth[channels].to_numpy()),
                "predicted": {layer: hundredths(read[layer]) for layer in layers},
                "scores": {
                    layer: [round(float(a.r.mean()), 3), round(float(np.sqrt(np.mean(a.rmse**2))), 2)]
                    for layer, a in scores.items()
                },
            }
        )
    return {"corpus": corpus.name, "channels": channels, "layers": layers, "utterances": utterances}


def player_html(results: Path, static: str) -> tuple[str, bytes]:
    """Return the markup of the player, and the figure (PNG) for those who read without JavaScript.

    Parameters
    ----------
    results
        Folder of the tables.
    static
        Where the page finds ``_static``, and beside it ``_images/player.png``.
    """
    table, scores = (read_scores(results / f"{name}.parquet") for name in TABLES)
    data = pack(table, open_corpus("bundled"))
    # The layer to open with is the one that most speakers get from all others, as in the chapter.
    layer = at_chosen_layer(scores[scores["protocol"] == "loso_sentence"], by=["protocol"])["layer"].mode()[0]
    figure = BytesIO()
    movement_traces(table, utterance=data["utterances"][0]["id"], layer=layer).savefig(figure, format="png", dpi=144)
    return fill(_WORDS, static, data | {"layer": layer}), figure.getvalue()


def _about(utterance: Utterance, corpus: Corpus) -> dict[str, Any]:
    phones = read_intervals(utterance.labels) if utterance.labels else []
    return {
        "text": utterance.text or "",
        "language": utterance.language,
        "condition": utterance.condition,
        **shown(utterance.id, utterance.speaker, corpus, phones, *corpus.read_audio(utterance)),
    }


def shown(
    name: str, speaker: str, corpus: Corpus, phones: Sequence[Interval], samples: Any, rate_hz: int
) -> dict[str, Any]:
    """Return what is heard and drawn of one recording: sound, spectrogram, phones, and the speaker's mouth at rest."""
    rest = speaker_card(corpus, speaker)["drawings_centi"]["rest"]
    return {
        "id": name,
        "speaker": speaker,
        "seconds": round(len(samples) / rate_hz, 4),
        "phones": [[label, round(start, 4), round(end, 4)] for start, end, label in phones],
        "outline": {part: (np.asarray(rest[part]) / 10).tolist() for part in ("upper", "lower")},
        "sound": _address("audio/flac", _flac(samples, rate_hz)),
        "picture": _address("image/png", _picture(samples, rate_hz)),
    }


def hundredths(positions: Any) -> list[int]:
    """Return positions in mm, frame by frame, as whole hundredths."""
    return np.round(100 * positions).astype(int).ravel().tolist()


def _address(kind: str, content: bytes) -> str:
    """Return the content as an address: a page from a disk or a plain server can play and seek that."""
    return f"data:{kind};base64,{b64encode(content).decode()}"


def _flac(samples: Any, rate_hz: int) -> bytes:
    stream = BytesIO()
    soundfile.write(stream, samples, rate_hz, format="FLAC", subtype="PCM_16")
    return stream.getvalue()


def _picture(samples: Any, rate_hz: int) -> bytes:
    """Return a spectrogram that spans the sound from edge to edge: 8 ms a column, 100 Hz a row, 0 to 8 kHz."""
    width, hop = rate_hz // 100, rate_hz // 125
    padded = np.pad(samples, width // 2)  # the first column is centred on the first sample
    hz, _, power = spectrogram(padded, rate_hz, window="hann", nperseg=width, noverlap=width - hop, nfft=width)
    level = 10 * np.log10(power[hz <= _HZ] + 1e-20)
    shade = np.clip(1 + (level - level.max()) / _FLOOR_DB, 0, 1)[::-1]
    image = Image.fromarray((255 * mpl.colormaps["cividis"](shade)[:, :, :3]).astype(np.uint8)).quantize(32)
    stream = BytesIO()
    image.save(stream, format="png", optimize=True)
    return stream.getvalue()


PAGE = """<section id="player" class="look" aria-label="Player">
<div class="look-controls" hidden>
<label>@WHAT@ <select name="utterance"></select></label>
<label>Trace <select name="trace"></select></label>
<label>Speed <select name="speed"><option>1</option><option>0.5</option><option>0.25</option></select></label>
</div>
<svg class="look-mouth" role="img" hidden aria-label="Mid-sagittal view, lips to the right: @SEEN@, moving."></svg>
<p class="look-legend" hidden>@KEYS@
<span class="look-now"></span></p>
<div class="look-controls" hidden>
<button type="button" name="play">Play</button>
<label class="look-wide">Time <input type="range" name="time" min="0" step="0.02"></label>
<label class="look-wide"><span>@READER@ <b></b></span> <input type="range" name="layer" min="0" step="1"></label>
</div>
<label class="look-check" hidden><input type="checkbox" @CHECK@</label>
<svg class="look-strip" role="img" hidden
aria-label="Spectrogram, phones and one channel over time, with a line where the sound is; click to go there."></svg>
<p class="look-summary" aria-live="polite"></p>
<noscript><img src="@STATIC@/../_images/@IMAGE@.png" width="640" alt="@ALT@"></noscript>
<script type="application/json">@DATA@</script>
<script defer src="@STATIC@/look/player.js"></script>
</section>
"""
_WORDS = {
    "WHAT": "Utterance",
    "SEEN": "measured sensors as discs, predicted ones as diamonds",
    "KEYS": '<span class="look-a">●</span> measured <span class="look-b">◆</span> predicted',
    "READER": "Layer",
    "CHECK": """name="placed">
Move and scale the prediction onto this mouth, channel by channel: all that r sees""",
    "IMAGE": "player",
    "ALT": "Height of tongue tip, tongue dorsum and lower lip over time in one utterance, measured and predicted.",
}


def fill(words: dict[str, str], static: str, data: dict[str, Any]) -> str:
    """Return the markup of a page: `words` in their places, and `data` for its script."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    page = PAGE
    for place, content in (words | {"STATIC": static, "DATA": text}).items():
        page = page.replace(f"@{place}@", content)
    return page
