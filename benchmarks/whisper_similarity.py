"""Similarity of the layers of a real model, Whisper tiny.en, on real speech, beside its random-weight twin and log-mel.

Neither weights nor recordings are part of the project; what is kept is the table of similarities
(``data/similarity_whisper.csv``, with a card beside it), which chapter 08 draws and discusses.

    python benchmarks/whisper_similarity.py [--weights FOLDER] [--speech FOLDER]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from articulens.corpora import open_corpus
from articulens.encoders import open_encoder
from articulens.similarity import Listening, Minibatch, Standardised, WithoutPlace, compare_layers

ROOT = Path(__file__).parents[1]
SHARED = ROOT / "../shared"


def main() -> None:
    """Compare all layers in all forms, and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", default=str(SHARED / "weights" / "whisper-tiny.en-encoder"))
    parser.add_argument("--speech", default=str(SHARED / "speech" / "librispeech" / "librispeech_test-other"))
    parser.add_argument("--utterances", type=int, default=24, help="so many, of all speakers by turns")
    options = parser.parse_args()
    corpus = open_corpus(f"sound:{options.speech}")
    table = corpus.to_frame()
    table["turn"] = table.groupby("speaker").cumcount()
    corpus = corpus.select(id=list(table.sort_values(["turn", "speaker"])["id"][: options.utterances]))
    encoders = {
        "whisper-tiny.en": open_encoder(options.weights),
        "whisper-tiny.en@random": open_encoder(f"{options.weights}@random"),
        "logmel": open_encoder("logmel"),
    }
    heard = list(Listening(corpus, encoders))
    raw = compare_layers(heard, minibatch=Minibatch(), draws=20, repairings=4).table
    parts = [raw.assign(states="raw")]
    for name, changed, repairings in (
        ("standardised", Standardised(heard), 0),
        ("without place", WithoutPlace(heard), 4),
    ):
        found = compare_layers(changed, forms=["cross_utterance"], draws=20, repairings=repairings)
        parts.append(found.table.assign(states=name))
    every = pd.concat(parts, ignore_index=True)
    numbers = every.select_dtypes(np.floating).columns
    every[numbers] = every[numbers].round(4)
    every.to_csv(ROOT / "data" / "similarity_whisper.csv", index=False)
    print(f"{len(every)} rows from {len(heard)} utterances of {len(corpus.speakers)} speakers")


if __name__ == "__main__":
    main()
