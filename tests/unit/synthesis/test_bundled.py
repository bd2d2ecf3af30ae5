"""The corpus in data/bundled: whole, as designed, and physically what its card says."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from articulens.corpora import open_corpus
from articulens.errors import ArticulensError
from articulens.publishing import corpus_card
from articulens.publishing.corpus_card import END, START
from articulens.synthesis import resynthesise
from articulens.synthesis.checks import contacts, formant_table, lag, lpc_formants, speeds, vowel_formants
from articulens.synthesis.contrasts import contrasts
from articulens.synthesis.figures import (
    accent_knob,
    mid_sagittal,
    minimal_set,
    speaker_card,
    utterance_picture,
    vowel_space,
)

ROOT = Path(__file__).parents[3] / "data" / "bundled"
pytestmark = pytest.mark.skipif(not (ROOT / "manifest.csv").exists(), reason="data/bundled has not been made")


@pytest.fixture(scope="module")
def corpus():
    return open_corpus(f"tabular:{ROOT}")


@pytest.fixture(scope="module")
def seconds(corpus):
    return {u.id: soundfile.info(u.audio).duration for u in corpus}


def test_every_hash_checks_out_and_it_stays_small(corpus):
    assert corpus.verify() > 3 * len(corpus)
    assert sum(p.stat().st_size for p in ROOT.rglob("*") if p.is_file()) <= 16e6


def test_minutes_and_the_long_pair(corpus, seconds):
    assert 11 <= sum(seconds.values()) / 60 <= 16
    per_speaker = Counter()
    for u in corpus:
        per_speaker[u.speaker] += seconds[u.id]
    assert per_speaker["FIN01"] >= 180 and per_speaker["RUS01"] >= 180
    assert min(per_speaker.values()) >= 25


def test_design_is_that_of_frost(corpus):
    groups = Counter({(u.speaker, u.meta["l1"], u.meta["sex"]) for u in corpus})
    assert Counter((l1, sex) for _, l1, sex in groups) == {
        ("fi", "m"): 5, ("fi", "f"): 6, ("ru", "m"): 5, ("ru", "f"): 2
    }  # fmt: skip
    for u in corpus:
        other = {"fi": "ru", "ru": "fi"}[u.meta["l1"]]
        assert u.language == (other if u.condition == "L2" else u.meta["l1"])
        assert (u.meta["alpha"] == 0) == (u.condition == "L1")
    for speaker in corpus.speakers:
        cells = {(u.condition, u.task) for u in corpus.select(speaker=speaker)}
        assert cells == {(c, t) for c in ("L1", "L2", "accent") for t in ("T1", "T2", "T3")}
        mine = corpus.select(speaker=speaker)
        assert {u.sentence for u in mine.select(condition="accent")} <= {
            u.sentence for u in mine.select(condition="L1")
        }


def test_texts_are_shared_by_speakers_and_no_speaker_has_them_all(corpus):
    readers = {}
    for u in corpus:
        readers.setdefault(u.sentence, set()).add(u.speaker)
    assert np.mean([len(people) >= 2 for people in readers.values()]) > 0.7
    assert max(len({u.sentence for u in corpus.select(speaker=s)}) for s in corpus.speakers) < len(readers) / 2
    assert sum("action" in u.meta for u in corpus) > 40


def test_nothing_is_missing_or_clipped(corpus):
    for u in corpus:
        samples, rate = soundfile.read(u.audio, dtype="int16")
        assert rate == 16000 and 500 < np.abs(samples).max() < 0.99 * 32767
        track = corpus.read_trajectory(u)
        assert np.isfinite(track.positions).all()
        assert len(track) / track.rate_hz == pytest.approx(len(samples) / rate, abs=0.02)


def test_vowels_are_where_they_should_be(corpus):
    table = formant_table(vowel_formants(corpus))
    outside = [(row.vowel, row.sex) for row in table.itertuples() if not row.inside]
    assert len(table) >= 30 and outside == []


def test_closures_are_shut_and_silent_and_vowels_are_not(corpus):
    found = contacts(corpus)
    stops, vowels = found[found.kind == "voiceless stop"], found[found.kind == "vowel"]
    closures = found[found.kind.isin(["voiceless stop", "voiced stop", "nasal"])]
    assert (closures.area_cm2 == 0).mean() > 0.998 and (stops.level_db < -20).mean() > 0.98
    assert (vowels.area_cm2 < 0.05).mean() < 0.001
    assert (vowels.level_db > -20).mean() > 0.99


def test_speeds_are_those_of_people(corpus):
    table = speeds(corpus.select(speaker=["FIN02", "RUS02"]))
    assert 150 < table.loc["p95", "TT"] < 300 and table.loc["p99", "TT"] < 450
    assert table.loc["p95", "JAW"] < table.loc["p95", "TT"]


def test_the_card_says_what_is_measured(corpus):
    text = (ROOT / "CARD.md").read_text("utf-8")
    text = text[text.index(START) : text.index(END)]
    for part in (*corpus_card._contacts(corpus), *corpus_card._vowels(corpus)):
        assert part in text


def test_sound_and_sensors_have_no_lag(corpus):
    best, curve = lag(corpus.select(speaker=["FIN02", "FIN05", "FIN08", "RUS02", "RUS04"]))
    assert abs(best) <= 0.005
    assert curve.max() > curve.iloc[0] + 0.03


def test_language_and_accent_are_in_the_sound(corpus):
    table = contrasts(corpus, draws=300).set_index("contrast")
    for name in ("language, area under the curve", "α, r, within language", "α, r, fi"):
        assert table.loc[name, "low"] > table.loc[name, "chance"]


def test_lpc_finds_known_resonances():
    rate, f0 = 16000, 100
    source = np.zeros(rate // 5)
    source[:: rate // f0] = 1.0
    source = np.convolve(source, 0.97 ** np.arange(200))[: len(source)]  # a voice falls with frequency
    for f, b in ((500, 60), (1500, 80), (2500, 120), (3500, 150), (4500, 200)):
        r = np.exp(-np.pi * b / rate)
        out = np.zeros_like(source)
        for n in range(len(source)):
            out[n] = source[n] + 2 * r * np.cos(2 * np.pi * f / rate) * out[n - 1] - r * r * out[n - 2]
        source = out
    found = lpc_formants(source[800:1600], rate, 5000)
    assert found[:2] == pytest.approx([500, 1500], rel=0.06)


def test_labels_hold_the_causes(corpus):
    for u in list(corpus)[::29]:
        about = json.loads(u.labels.read_text(encoding="utf-8"))
        assert about["alpha"] == u.meta["alpha"] and about["interventions"] == []
        assert len(about["targets_centi"]) == len(about["segments"]) == len(about["oral_area_cm2"])
        starts = [p["start_s"] for p in about["phones"]]
        assert starts == sorted(starts) and about["phones"][0]["label"] == "_"


def test_figures_draw_without_the_synthesiser(corpus):
    card = speaker_card(corpus, "FIN02")
    figures = [mid_sagittal(card, ["i", "ɑ", "t"]), vowel_space(vowel_formants(list(corpus)[::9]), ["i", "u", "ɑ"])]
    words = next(u for u in corpus if u.sentence == "fi_list_01")
    figures += [minimal_set(corpus, words, "TT.z"), utterance_picture(corpus, words, ["TT.z", "LL.z"])]
    table = corpus.to_frame()[["condition"]].assign(alpha=0.5, ratio=1.0)
    figures.append(accent_knob(table, "ratio", "ratio"))
    for figure in figures:  # each says what it shows, with numbers
        assert any(character.isdigit() for character in figure.alt) and figure.alt.endswith("."), figure.alt
    assert len(figures[0].axes) == 6 and len(figures[2].axes[0].lines) == 3
    with pytest.raises(ArticulensError, match="keeps each speaker's anatomy"):
        speaker_card(corpus, "NOBODY")


def test_one_utterance_is_made_again(corpus):
    pytest.importorskip("vocaltractlab_cython", reason="the extra [synth] is not installed", exc_type=ImportError)
    u = next(u for u in corpus if u.id == "FIN02_accent_fi_cmd_06")
    made, prompt = resynthesise(u.id)
    samples, _ = soundfile.read(u.audio)
    assert prompt.sentence == u.sentence
    assert np.abs(made.audio - samples).max() <= 0.002
    assert np.abs(made.positions - corpus.read_trajectory(u).positions).max() <= 0.02


def test_an_unknown_utterance_cannot_be_made_again():
    pytest.importorskip("vocaltractlab_cython", reason="the extra [synth] is not installed", exc_type=ImportError)
    with pytest.raises(ArticulensError, match="not in the design"):
        resynthesise("FIN01_L1_fi_sent_99")
