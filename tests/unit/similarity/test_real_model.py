"""A real encoder on real speech, where both lie beside the project; neither is part of it."""

from pathlib import Path

import pytest

from articulens.corpora import open_corpus
from articulens.encoders import open_encoder
from articulens.figures_similarity import similarity_grid
from articulens.similarity import Listening, WithoutPlace, compare_layers

SHARED = Path(__file__).parents[4] / "shared"
WHISPER = SHARED / "weights" / "whisper-tiny.en-encoder"
SPEECH = SHARED / "speech" / "librispeech" / "librispeech_test-other"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not WHISPER.is_dir(), reason="the Whisper weights are not beside the project"),
    pytest.mark.skipif(not SPEECH.is_dir(), reason="the LibriSpeech recordings are not beside the project"),
]
LAYERS = ["0", "1", "2", "3", "4", "final"]


def test_what_whisper_and_its_random_twin_share_is_the_frame_number():
    corpus = open_corpus(f"sound:{SPEECH}")
    corpus = corpus.select(id=list(corpus.to_frame().groupby("speaker").head(1)["id"][:4]))
    trained, twin, sound = (open_encoder(n, device="cpu") for n in (str(WHISPER), f"{WHISPER}@random", "logmel"))
    heard = list(Listening(corpus, {e.name: e for e in (trained, twin, sound)}))
    found = compare_layers(heard, forms=["cross_utterance"], draws=0, repairings=1, device="cpu")
    own = similarity_grid(found.table, [trained.name], [trained.name], form="cross_utterance")
    assert list(own.index.get_level_values("layer")) == LAYERS and own.shape == (6, 6)
    neighbours = [own.iloc[i, i + 1] for i in range(3)]
    assert min(neighbours) > 0.5 and own.iloc[0, 3] < min(neighbours), "layers are most alike to their neighbours"
    # The input of the first block is a fixed table of frame numbers in both, and the twin never gets away from it.
    both = similarity_grid(found.table, [twin.name], [trained.name, twin.name], form="cross_utterance")
    assert both.loc[twin.name, (trained.name, "0")].min() > 0.9 and both[twin.name].to_numpy().min() > 0.9
    pair = found.table.set_index(["model_a", "layer_a", "model_b", "layer_b"]).loc[(trained.name, "0", twin.name, "0")]
    assert pair["null_mean"] > 0.85, "wrong pairs of utterances have it too"
    # The sound is in the middle of the trained model and nowhere in its twin.
    heard_in = {
        m: similarity_grid(found.table, [m], ["logmel"], form="cross_utterance") for m in (trained.name, twin.name)
    }
    assert heard_in[trained.name].to_numpy().max() > 0.3 > 5 * heard_in[twin.name].to_numpy().max()
    # Without the frame number the twin is what comes in: sound.
    without = compare_layers(
        WithoutPlace(heard, least=4), forms=["cross_utterance"], draws=0, repairings=1, device="cpu"
    )
    assert without.of((twin.name, "3"), ("logmel", "0"))[0] > 0.4
    assert without.table["null_mean"].abs().mean() < 0.15 < 0.4 < found.table["null_mean"].mean()
