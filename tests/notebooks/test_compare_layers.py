"""Chapter 08 with other parameters than its own, and on corpora that lack what it asks for."""

import re

import pandas as pd
import pytest

from articulens.corpora import open_corpus
from articulens.corpora.convert import convert

STEM = "08_compare_layers_between_models"
QUICK = {
    "models": ["mfcc"], "speaker_models": ["tiny-ecapa"], "references": ["mfcc+1", "logmel"], "also": ["logmel+1"],
    "focus": "mfcc", "draws": 10, "repairings": 2, "device": "cpu", "batch": 64,
}  # fmt: skip
pytestmark = pytest.mark.slow


def test_what_is_said_is_in_the_tables(run_page, tmp_path):
    page = run_page(
        STEM, **QUICK, speakers=["FIN02", "FIN03", "RUS02"], utterances=4, results=str(tmp_path), margin=0.5
    )
    told = "\n".join(line for line in page.text.splitlines() if not line.startswith("Not shown: "))
    assert not re.search(r"tiny-(multi|ssl|english)", told + page.alts), "a name that was not asked for"
    assert len(page.figures) >= page.promised
    table = pd.read_parquet(tmp_path / f"{STEM}.parquet").set_index(["model_a", "layer_a", "model_b", "layer_b"])
    assert f"{len(table)} pairs of layers on {table['n_frames'].iloc[0]} frames of 12 utterances" in page.text
    assert set(table["form"]) == {"cross_utterance"}
    (phones,) = re.findall(r"mfcc is most alike to the phones at layer 0: (\d\.\d+) ", page.text)
    assert float(phones) == pytest.approx(table.loc[("mfcc", "0", "phones", "labels"), "cka"], abs=1e-3)
    forms = pd.read_parquet(tmp_path / "08_forms.parquet")
    assert set(forms["form"]) == {"minibatch", "biased", "debiased", "cross_utterance"}
    assert {"mfcc", "mfcc+1", "logmel"} == set(forms["model_b"])
    verdicts = pd.read_parquet(tmp_path / "08_verdicts.parquet")
    assert (
        list(verdicts["number"]) == ["S1", "S2", "S3"]
        and "by 50 % of what the best speaker model has" in verdicts["rule"][0]
    )
    for row in verdicts.itertuples():
        assert f"Verdict: {row.verdict}. {row.because}" in page.text
    # Noise that shares nothing has nothing by the last form, and much by the published one.
    known = page.names["known"].query("truth == 0").set_index("form")
    assert known.loc["minibatch", "cka"] > 0.15 > abs(known.loc["cross_utterance", "cka"])
    assert known.loc["cross_utterance", "low"] < 0 < known.loc["cross_utterance", "high"]


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        ({"speaker": "FIN02", "condition": "L1", "task": "T1"}, "2 utterances are too few, so debiased CKA is shown"),
        (
            {"speaker": "FIN02"},
            "Verdict: not shown. phone labels, a speaker model and two speakers with two utterances",
        ),
    ],
    ids=["two utterances", "one speaker"],
)
def test_small_corpora(selection, said, run_page, tmp_path):
    convert(open_corpus("bundled").select(**selection), tmp_path / "corpus")
    page = run_page(
        STEM, **QUICK | {"also": []}, corpus=f"tabular:{tmp_path / 'corpus'}", utterances=5, results=str(tmp_path)
    )
    assert said in page.text and len(page.figures) >= page.promised
    assert not re.search(r"\bnan\b", page.text, flags=re.IGNORECASE), page.text
    assert page.text.count("Verdict: not shown.") == 3, "without an interval nothing is judged"


def test_a_folder_of_sound_has_no_labels(run_page, tmp_path):
    for utterance in open_corpus("bundled").select(speaker=["FIN02", "RUS02"], task="T2").utterances[::3]:
        place = tmp_path / "sound" / utterance.speaker
        place.mkdir(parents=True, exist_ok=True)
        (place / utterance.audio.name).write_bytes(utterance.audio.read_bytes())
    page = run_page(
        STEM, **QUICK | {"also": [], "speaker_models": []}, corpus=f"sound:{tmp_path / 'sound'}", results=str(tmp_path)
    )
    assert "Not shown: phones, speakers and speech frames" in page.text and len(page.figures) >= page.promised
    assert page.text.count("Verdict: not shown.") == 3 and "alike to the phones at layer" not in page.text
