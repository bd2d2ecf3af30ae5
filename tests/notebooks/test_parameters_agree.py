"""Other parameters give another page: what it prints, draws and writes agrees, and is what was asked for."""

import re

import pandas as pd
import pytest

from articulens.evaluation.comparison import at_chosen_layer
from articulens.evaluation.inference import per_speaker

SPEAKERS = ["FIN03", "FIN04", "RUS03", "RUS04"]
GIVEN = {"speakers": SPEAKERS, "folds": 3, "frames": "all", "seed": 7, "device": "cpu"}
#: Names that only the defaults of these chapters have.
DEFAULTS = re.compile(r"tiny-\w+|FIN0[12]|RUS0[12]")


def number(pattern: str, text: str) -> list[float]:
    """Return the numbers that a printed sentence holds at the places in brackets."""
    found = re.search(pattern, text)
    assert found, f"{pattern} in\n{text}"
    return [float(part) for part in found.groups()]


@pytest.fixture
def changed(run_page, tmp_path):
    """Return a function that runs a chapter with other parameters: the page, and a reader of the tables it wrote."""

    def run(stem: str, **parameters):
        page = run_page(stem, **GIVEN | {"cache": str(tmp_path), "results": str(tmp_path)} | parameters)
        told = [line for line in page.text.splitlines() if not line.startswith("Not shown: ")]
        assert not DEFAULTS.search("\n".join(told) + page.alts), "a name that was not asked for"
        assert len(page.figures) >= page.promised
        return page, lambda name: pd.read_parquet(tmp_path / f"{name}.parquet")

    return run


pytestmark = pytest.mark.slow


def test_compare_models(changed):
    page, table = changed(
        "01_compare_models", models=["mfcc", "mfcc+1"], references=["logmel"], pairs=[], control="mfcc", protocol="loso"
    )
    scores = table("01_compare_models")
    assert set(scores["model"]) == {"mfcc", "mfcc+1", "logmel"} and set(scores["protocol"]) == {"loso"}
    assert set(scores["speaker"]) == set(SPEAKERS) and set(scores["seed"]) == {7}
    r = at_chosen_layer(scores[scores["language"] == "all"]).groupby("model")["r"].mean()
    for model in ("mfcc", "mfcc+1"):
        (difference,) = number(rf"(?m)^{re.escape(model)} minus logmel: ([+-]\d\.\d+) ", page.text)
        assert difference == pytest.approx(r[model] - r["logmel"], abs=1e-3)
    assert f"Highest at a layer chosen by other speakers: {r.idxmax()} (" in page.text
    assert "64 utterances of 4 speakers" in page.text and "scores under loso, which" in page.text
    for name in ("mfcc+1", "logmel", "loso"):
        assert name in page.alts
    assert "loso_sentence" not in page.text + page.alts


def test_map_layers_and_sensors(changed):
    page, table = changed("02_map_layers_and_sensors", models=["mfcc"], focus="mfcc+1", protocol="utterance")
    scores = table("02_map_layers_and_sensors")
    assert set(scores["model"]) == {"mfcc", "mfcc+1"}
    assert set(scores["protocol"]) == {"frame_shuffled", "sentence", "utterance"}
    shown = scores[(scores["protocol"] == "utterance") & (scores["target"] == "measured")]
    r = per_speaker(shown, ["model"]).groupby("model")["r"].mean()
    (best,) = number(r"mfcc\+1 reads articulation best at layer 0: mean r (\d\.\d+) ", page.text)
    (other,) = number(r"(?m)^mfcc, which has one layer, has (\d\.\d+) ", page.text)
    assert [best, other] == pytest.approx([r["mfcc+1"], r["mfcc"]], abs=1e-3)
    channels = shown[shown["model"] == "mfcc+1"].assign(channel=lambda t: t["sensor"] + "." + t["axis"])
    by_channel = channels.groupby("channel")["r"].mean()
    assert f"Hardest channel {by_channel.idxmin()} (" in page.text and by_channel.idxmax() in page.alts
    assert "mfcc+1" in page.alts and "utterance" in page.alts


def test_vary_training_size(changed):
    page, table = changed(
        "03_vary_training_size", model="mfcc", speakers=["FIN03"], seconds=[1, 4, 500], draws=2, least_seconds=1.0
    )
    scores = table("03_vary_training_size")
    assert set(scores["model"]) == {"mfcc"} and set(scores["speaker"]) == {"FIN03"} and set(scores["draw"]) == {0, 1}
    assert {1, 4} < set(scores["seconds"]) and len(set(scores["seconds"])) <= 4
    assert "Not shown: 500 s; the longest training set has" in page.text and "mfcc, layer 0" in page.alts
    assert f"{len(scores)} scores" in page.text
    everything = scores.loc[scores.groupby("split")["seconds"].transform("max") == scores["seconds"]]
    ridge = everything[everything["probe"] == "ridge"].groupby("split")["r"].mean()
    told = number(r"ridge has (\d\.\d+) on new sentences and (\d\.\d+) on shuffled frames", page.text)
    assert told == pytest.approx([ridge["new sentences"], ridge["shuffled frames"]], abs=1e-3)


def test_leave_one_speaker_out(changed):
    page, table = changed("04_leave_one_speaker_out", model="mfcc+1", layer="0", watch=1)
    scores = table("04_leave_one_speaker_out")
    assert set(scores["model"]) == {"mfcc+1"} and set(scores["speaker"]) == set(SPEAKERS)
    for protocol, r in scores.groupby("protocol")["r"].mean().items():
        (told,) = number(rf"(?m)^{protocol}: mean r (\d\.\d+) ", page.text)
        assert told == pytest.approx(r, abs=1e-3)
    ladder = table("04_calibration").groupby("rung")["rmse_mm"].mean()
    (told,) = number(r"zero-shot (\d+\.\d+)", page.text)
    assert told == pytest.approx(ladder["zero-shot"], abs=0.01)
    assert "mfcc+1" in page.alts and any(speaker in page.alts for speaker in SPEAKERS)


def test_compare_tasks_and_conditions(changed):
    page, table = changed("05_compare_tasks_and_conditions", model="mfcc", margin=0.2)
    scores = table("05_compare_tasks")
    assert set(scores["model"]) == {"mfcc"} and set(scores["speaker"]) == set(SPEAKERS)
    within = scores[
        (scores["protocol"] == "loso_within(l1)") & (scores["task"] == "all") & (scores["language"] == "all")
    ]
    r = per_speaker(within, ["condition"]).groupby("condition")["r"].mean()
    (told,) = number(r"L2 - L1, all \(4 speakers\): ([+-]\d\.\d+) ", page.text)
    assert told == pytest.approx(r["L2"] - r["L1"], abs=1e-3)
    assert "within ±0.2" in page.text and "±0.05" not in page.text and "mfcc" in page.alts


def test_audit_the_protocol(changed, tmp_path):
    page, _ = changed("06_audit_the_protocol", model="mfcc", pipeline="honest")
    scores = pd.read_csv(tmp_path / "06_audit_the_protocol.csv")
    assert set(scores["speaker"]) == set(SPEAKERS)
    means = scores[scores["target"] == "measured"].groupby(["quoted", "step"])["r"].mean()["mean at chosen layer"]
    told = number(r"The mean over channels goes from (\d\.\d+) \(published pipeline\) to (\d\.\d+) ", page.text)
    assert told == pytest.approx([means["published pipeline"], means["unknown speaker"]], abs=1e-3)
    assert "honest: Pipeline(protocol='loso_sentence'" in page.text and "mfcc has 1 layer(s)" in page.text
    assert "Not shown: speech only; asked for as it was" in page.text, "frames are 'all' from the beginning"
    assert "mfcc" in page.alts and "honest" in page.alts
