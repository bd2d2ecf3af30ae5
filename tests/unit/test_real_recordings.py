"""The whole chain on a real mouth and a real encoder, where both lie beside the project.

Recordings: six sweeps of one English speaker, AG501 (github.com/fjohan/artpros). Encoder: Whisper tiny.en.
Neither is part of the project.
"""

from pathlib import Path

import numpy as np
import pytest

from articulens.cells import CellDesign
from articulens.corpora import open_corpus
from articulens.encoders import open_encoder
from articulens.evaluation.protocols import open_protocol
from articulens.evaluation.scores import evaluate
from articulens.probes.linear import LinearProbe
from articulens.sweep import sweep
from articulens.targets import TargetOptions

SHARED = Path(__file__).parents[3] / "shared"
RECORDINGS = SHARED / "recordings" / "ag501-ascii-artpros"
WHISPER = SHARED / "weights" / "whisper-tiny.en-encoder"

pytestmark = [
    pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the artpros recordings are not beside the project"),
    pytest.mark.skipif(not WHISPER.is_dir(), reason="the Whisper weights are not beside the project"),
]


@pytest.fixture(scope="module")
def r(tmp_path_factory):
    """Mean r over ten channels by model, reading and layer; one sweep (of six) left out at a time.

    The coils' mean positions wander by millimetres between sweeps, so r is taken inside each sweep and averaged.
    """
    corpus, protocol = open_corpus(f"artpros:{RECORDINGS}"), open_protocol("utterance")
    options = TargetOptions(readings=("measured", "rolled", "lag+0.100", "lag-0.100"), frames="speech")
    design = CellDesign.for_protocols([protocol], folds=6)
    out, means = tmp_path_factory.mktemp("cells"), {}
    for model in ("logmel", "logmel+6", str(WHISPER), f"{WHISPER}@random"):
        store = sweep(corpus, open_encoder(model, device="cpu"), design, out=out, options=options, progress=False)
        scores = evaluate(store, protocol, LinearProbe(np.logspace(0, 5, 6), standardize=True), pool="splits")
        means[model] = scores.groupby(["target", "layer"]).r.mean()
    for model, series in means.items():
        print(Path(model).name, series.round(3).to_dict())
    return means


def test_a_real_encoder_reads_a_real_mouth_better_than_the_sound_does(r):
    best = r[str(WHISPER)]["measured"].max()
    context, one_frame = r["logmel+6"]["measured"].max(), r["logmel"]["measured"].max()
    rolled = r[str(WHISPER)]["rolled"].max()
    assert best >= 0.78
    assert best > context > one_frame > rolled
    assert best > r[f"{WHISPER}@random"]["measured"].max()


def test_what_is_read_is_synchronous(r):
    for model in ("logmel", "logmel+6", str(WHISPER)):
        layer = r[model]["measured"].idxmax()
        for lag in ("lag+0.100", "lag-0.100"):
            assert r[model][lag][layer] < r[model]["measured"][layer]
    # One frame of sound, without context to look it up in, loses most.
    assert max(r["logmel"]["lag+0.100"].max(), r["logmel"]["lag-0.100"].max()) < r["logmel"]["measured"].max() - 0.1
