"""The player of versions: a mouth untouched, the same mouth with one articulator moved, and where probes read it."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from articulens.corpora import open_corpus
from articulens.corpora.corpus import Corpus
from articulens.errors import ArticulensError
from articulens.evaluation.scores import read_scores
from articulens.figures_interventions import place_matrices
from articulens.publishing.player import fill, hundredths, shown
from articulens.synthesis.render import AUDIO_RATE
from articulens.synthesis.versions import UNTOUCHED, Versions, read_versions

#: Tables that chapter 11 wrote: movements, and the specificity matrices for those who read without JavaScript.
TABLES = ("11_movements", "11_specificity")
FOLDER = "data/moved"
#: What is shown of each speaker, in words.
WORDS = {
    UNTOUCHED: "untouched",
    "TT.z-2.5": "tongue tip 2.5 mm lower",
    "TD.z-2.5": "tongue dorsum 2.5 mm lower",
    "LL.x+2.5": "lips 2.5 mm further forward",
    "LL.z+2.5": "lips 2.5 mm nearer to each other",
    "JAW.z-2.5": "jaw 2.5 mm lower",
    "TT@+60": "tongue tip 60 ms late",
    "TT*0.5": "tongue tip moves half as far",
}
TRUE = "true"


def pack(table: pd.DataFrame, spoken: dict[str, Versions], corpus: Corpus) -> dict[str, Any]:
    """Return what the page needs, in the form of `articulens.publishing.player.pack`.

    An utterance is a version; its ``measured`` is the mouth in this version, ``untouched`` the number of the version
    that it is compared with, each layer in ``predicted`` a reader; ``told`` says for each reader what moved most and
    what was read to move most.

    Raises
    ------
    ArticulensError
        When the versions of a speaker of the table are not there.
    """
    channels = [name for name in table.columns if name not in ("speaker", "version", "reader", "time_s")]
    readers = [name for name in table["reader"].unique() if name != TRUE]
    utterances: list[dict[str, Any]] = []
    for name, own in table.groupby("speaker", sort=False):
        speaker = str(name)
        if speaker not in spoken:
            raise ArticulensError(
                f"{TABLES[0]}: no versions of {speaker} in {FOLDER}; run chapter 11 and copy its tables."
            )
        versions, first = spoken[speaker], len(utterances)
        tracks = {key: part for key, part in own.groupby(["version", "reader"], sort=False)}
        before = tracks[UNTOUCHED, TRUE][channels].to_numpy()
        for version, words in WORDS.items():
            if (version, TRUE) not in tracks:
                continue
            true = tracks[version, TRUE][channels].to_numpy()
            read = {reader: tracks[version, reader][channels].to_numpy() for reader in readers}
            samples = np.round(versions.audio[versions.names.index(version)] * 2048) / 2048  # as the corpus has it
            utterances.append(
                {
                    **shown(f"{speaker}, {words}", speaker, corpus, versions.intervals, samples, AUDIO_RATE),
                    "name": f"{speaker}: {words}",
                    "untouched": first,
                    "times": tracks[version, TRUE]["time_s"].round(4).to_list(),
                    "measured": hundredths(true),
                    "predicted": {reader: hundredths(positions) for reader, positions in read.items()},
                    "told": {
                        reader: _told(f"{speaker}, {words}", reader, channels, true - before, positions - before)
                        for reader, positions in read.items()
                    },
                }
            )
    return {"corpus": corpus.name, "channels": channels, "layers": readers, "utterances": utterances}


def moved_html(results: Path, static: str) -> tuple[str, bytes]:
    """Return the markup of the player of versions, and the figure (PNG) for those who read without JavaScript.

    Parameters
    ----------
    results
        Folder of the tables, beside the folder of versions.
    static
        Where the page finds ``_static``, and beside it ``_images/moved.png``.
    """
    table, matrices = (read_scores(results / f"{name}.parquet") for name in TABLES)
    speakers = list(table["speaker"].unique())
    spoken = {v.speaker: v for v in read_versions(results.parent / Path(FOLDER).name, speakers)}
    data = pack(table, spoken, open_corpus("bundled"))
    reader = data["layers"][0]
    drawn = matrices[matrices["model"] == reader]
    drawn = drawn[drawn["layer"] == drawn["layer"].unique()[len(drawn["layer"].unique()) // 2]]
    figure, picture = place_matrices(drawn, limit=0.5, title="mm read for each mm moved"), BytesIO()
    figure.savefig(picture, format="png", dpi=144)
    return fill(_WORDS | {"ALT": figure.alt}, static, data | {"layer": reader}), picture.getvalue()


def _told(name: str, reader: str, channels: list[str], moved: Any, read: Any) -> str:
    """Say what moved most, and what was read to move most, as root mean squares over speech."""
    sensors = list(dict.fromkeys(channel.partition(".")[0] for channel in channels))
    size = {
        kind: {s: float(np.sqrt(np.mean(sum(mm[:, k] ** 2 for k, c in enumerate(channels) if c.startswith(f"{s}.")))))
               for s in sensors}
        for kind, mm in (("moved", moved), ("read", read))
    }  # fmt: skip
    if max(size["moved"].values()) < 1e-6:
        return f"{name}. Nothing was moved; {reader} hears what it hears in ordinary speech."
    most = {kind: max(of, key=lambda s: of[s]) for kind, of in size.items()}
    return (
        f"{name}. Truly moved most: {most['moved']}, {size['moved'][most['moved']]:.1f} mm. Read by {reader} to move "
        f"most: {most['read']}, {size['read'][most['read']]:.1f} mm; at {most['moved']} it reads "
        f"{size['read'][most['moved']]:.1f} mm (root mean squares over speech)."
    )


_WORDS = {
    "WHAT": "Version",
    "SEEN": "the untouched sensors as rings, those of this version as discs, those read as diamonds",
    "KEYS": '○ untouched <span class="look-a">●</span> as it moved <span class="look-b">◆</span> as it was read',
    "READER": "Read by",
    "CHECK": 'name="untouched">\nHear the same words untouched',
    "IMAGE": "moved",
}
