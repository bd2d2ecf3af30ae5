"""The chapters on six sweeps of one real speaker, where they lie beside the project (github.com/fjohan/artpros)."""

import re
from pathlib import Path

import pandas as pd
import pytest

from articulens.errors import ArticulensError
from articulens.publishing import run_notebooks

RECORDINGS = Path(__file__).parents[3] / "shared" / "recordings" / "ag501-ascii-artpros"


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the artpros recordings are not beside the project"),
]
#: What each chapter has to say of one speaker with one language, task and condition.
SAID = {
    "00_meet_the_corpus": ["causes of 6 utterances that this synthesiser did not make", "vowels", "the accent knob"],
    "01_compare_models": [
        "loso_sentence, which needs a second speaker; sentence is shown instead", "languages side by side",
    ],
    "02_map_layers_and_sensors": ["loso_sentence, which needs a second speaker; sentence is shown instead"],
    "03_vary_training_size": ["speakers with 90 s", "300 s; the longest training set has"],
    "04_leave_one_speaker_out": ["loso, which needs a second speaker", "calibration, which needs other speakers"],
    "05_compare_tasks_and_conditions": [
        "protocol 'loso_within", "protocol 'leave_language_out'", "tasks side by side", "conditions side by side",
    ],
    "07_bring_your_own_recordings": ["FIN02, who is not in artpros", "a probe for"],
    "10_erase_articulation": ["logmel: there is no network", "what holds for speakers in general"],
    "14_weigh_the_claims": [],
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("artpros")


@pytest.mark.parametrize("stem", SAID, ids=[stem[:2] for stem in SAID])
def test_each_chapter_says_what_one_speaker_cannot_show(stem, place, run_page, monkeypatch):
    def no_synthesiser(*_, **__):
        raise ArticulensError("the synthesiser is tested elsewhere, and takes long.")

    monkeypatch.setattr("articulens.synthesis.resynthesise", no_synthesiser)
    page = run_page(
        stem, corpus=f"artpros:{RECORDINGS}", models=["logmel"], references=["mfcc"], model="logmel", focus="logmel",
        encoder="logmel", pairs=[["logmel", "mfcc"]], control="logmel", seconds=[2, 5, 10, 300], draws=2, device="cpu",
        cache=str(place), results=str(place), picture=str(place / "picture.svg"),
    )  # fmt: skip
    for words in SAID[stem]:
        assert any(words in line for line in page.text.splitlines() if "Not shown: " in line), (words, page.text)
    assert not re.search(r"\bnan\b", page.text, flags=re.IGNORECASE), page.text
    assert not re.search(r"95 % over speakers|p in the family", page.text), "no interval and no test of one speaker"
    assert len(page.figures) >= page.promised
    if stem.startswith("14"):
        assert page.text.count("Verdict: not shown") == 5, page.text


def test_zero_padding_and_least_squares_hurt_and_what_needs_speakers_is_named(tmp_path):
    given = {
        "corpus": f"artpros:{RECORDINGS}", "model": "logmel+6", "device": "cpu", "cache": str(tmp_path / "cache"),
        "results": str(tmp_path / "results"),
    }  # fmt: skip
    (run,) = run_notebooks(["06_audit_the_protocol"], given, out=tmp_path)
    assert "Not shown: unknown speaker" in run.output.read_text(encoding="utf-8")
    scores = pd.read_csv(tmp_path / "results" / "06_audit_the_protocol.csv")
    r = scores[scores["target"] == "measured"].pivot(index="step", columns="quoted", values="r")["mean at chosen layer"]
    # The lips' x lies 120 mm from the origin: padding with zeros spoils it, and z-scores by file do not mend that.
    assert r["exact resampling"] > r["z-scores of training speakers"] + 0.1
    assert r["ridge"] > r["speech only"] + 0.2  # 1,040 features and 17 s of training speech
    assert r["published pipeline"] > r["held-out sentences"]
