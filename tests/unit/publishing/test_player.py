"""The player shows what the table says, over the sound and the phones of the corpus."""

import base64
import json
import re
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image

from articulens.corpora import open_corpus
from articulens.corpora.schema import TARGETS
from articulens.errors import ArticulensError
from articulens.evaluation.scores import write_scores
from articulens.figures_movements import movement_traces
from articulens.publishing.player import TABLES, pack, player_html


@pytest.fixture(scope="module")
def corpus():
    return open_corpus("bundled")


@pytest.fixture(scope="module")
def table(corpus):
    """Two utterances; layer 1 is the truth, twice as large and 3 mm off; layer 0 is noise."""
    rng, parts = np.random.default_rng(0), []
    for utterance in corpus.utterances[::200][:2]:
        times = np.r_[0.15247 + 0.02 * np.arange(30), 1.0 + 0.02 * np.arange(10)]
        truth = np.cumsum(rng.normal(size=(len(times), 10)), axis=0).round(2)
        for layer, values in {"measured": truth, "0": rng.normal(size=truth.shape), "1": 2 * truth + 3}.items():
            frame = pd.DataFrame(values, columns=TARGETS)
            parts.append(frame.assign(utterance=utterance.id, layer=layer, time_s=times))
    return pd.concat(parts, ignore_index=True)


def test_movements_and_scores(table, corpus):
    packed = pack(table, corpus)
    assert packed["layers"] == ["0", "1"]
    for one in packed["utterances"]:
        rows = table[(table["utterance"] == one["id"]) & (table["layer"] == "1")]
        found = np.reshape(one["predicted"]["1"], (-1, 10)) / 100
        np.testing.assert_allclose(found, rows[packed["channels"]], atol=0.0051)
        truth = np.reshape(one["measured"], (-1, 10)) / 100
        r, rmse = one["scores"]["1"]
        assert r == 1.0
        assert rmse == pytest.approx(np.sqrt(np.mean((found - truth) ** 2)), abs=0.01)
        assert one["scores"]["0"][0] < 0.5


def test_sound_picture_and_phones_belong_to_the_utterance(table, corpus):
    for one in pack(table, corpus)["utterances"]:
        (utterance,) = (u for u in corpus if u.id == one["id"])
        samples, rate_hz = corpus.read_audio(utterance)
        heard, heard_hz = soundfile.read(BytesIO(base64.b64decode(one["sound"].partition(",")[2])), dtype="float32")
        assert heard_hz == rate_hz
        np.testing.assert_array_equal(heard, samples)
        picture = Image.open(BytesIO(base64.b64decode(one["picture"].partition(",")[2])))
        assert picture.width == pytest.approx(125 * one["seconds"], abs=2)
        assert picture.height == 81
        # The loudest column of the picture is where the sound is loudest.
        column = np.asarray(picture.convert("L"), float).sum(0).argmax() / picture.width * one["seconds"]
        power = np.convolve(samples**2, np.ones(rate_hz // 20), "same")
        assert power[int(column * rate_hz)] > np.quantile(power, 0.75)
        assert one["phones"][0][1] == 0.0
        assert one["phones"][-1][2] == pytest.approx(one["seconds"], abs=0.05)
        assert len(one["outline"]["upper"][0]) == 2


def test_a_table_of_another_corpus_is_refused(table, corpus):
    with pytest.raises(ArticulensError, match=r"utterance nobody_01 is not in corpus 'bundled \(synthetic\)'"):
        pack(table.assign(utterance="nobody_01"), corpus)


def test_the_page_opens_at_the_layer_that_speakers_choose_for_each_other(table, tmp_path):
    scores = pd.DataFrame(
        [
            {"protocol": protocol, "layer": layer, "speaker": f"S{s}", "r": r + s / 100}
            for protocol, best in (("loso_sentence", 0.7), ("sentence", 0.1))
            for layer, r in (("0", 0.4), ("1", best))
            for s in range(5)
        ]
    )
    write_scores(table, tmp_path / f"{TABLES[0]}.parquet")
    write_scores(scores, tmp_path / f"{TABLES[1]}.parquet")
    html, figure = player_html(tmp_path, "../_static")
    assert figure.startswith(b"\x89PNG")
    assert json.loads(re.search(r'application/json">(.*?)</script>', html).group(1))["layer"] == "1"
    assert len(html) < 400_000


def test_the_figure_tells_its_correlations_and_breaks_at_pauses(table):
    name = table["utterance"].iloc[0]
    figure = movement_traces(table, utterance=name, layer="1", channels=("TT.z",))
    assert f"in {name}, read from layer 1; r of this one utterance: TT.z 1.00." in figure.alt
    (axes,) = figure.axes
    assert [np.isnan(line.get_ydata().astype(float)).sum() for line in axes.lines] == [1, 1]
