"""Speaker models: voices are learned with and without labels, a stopped run goes on, and error rates are right."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from scipy.signal import lfilter
from sklearn.metrics import roc_curve

from articulens.encoders import open_encoder
from articulens.errors import ArticulensError
from articulens.pretraining.cards import write_card
from articulens.pretraining.config import Stage, parse_config
from articulens.pretraining.data import Group, Recording
from articulens.pretraining.trainer import Places, train
from articulens.pretraining.verification import equal_error_rate, vectors, verify
from articulens.pretraining.voices import Voices

pytest.importorskip("speechbrain", reason="needs the extra [speaker]")

ECAPA = {
    "model_type": "ecapa-tdnn",
    "input_size": 80,
    "channels": [16] * 5,
    "attention_channels": 8,
    "se_channels": 8,
    "res2net_scale": 2,
    "lin_neurons": 16,
}


def voice(speaker: int, seed: int, seconds: float) -> np.ndarray:
    """White noise and, by turns, noise through a resonance that is the speaker's: its mean spectrum is taken off."""
    rng = np.random.default_rng([speaker, seed])
    n = round(16_000 * seconds)
    radius, angle = 0.97, 2 * np.pi * (300 + 700 * speaker) / 16_000
    white = rng.normal(size=n)
    sound = lfilter([1.0], [1.0, -2 * radius * np.cos(angle), radius**2], white)
    turns = np.repeat(rng.random(n // 1600 + 1) < 0.5, 1600)[:n]
    return 0.05 * np.where(turns, sound / sound.std(), white)


@pytest.fixture(scope="module")
def speech(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("voices")
    for speaker in range(6):
        soundfile.write(folder / f"{speaker}-1-0000.flac", voice(speaker, 0, 4.0), 16_000)
    return folder


def values(objective: str, **stage) -> dict:
    return {
        "name": "toy",
        "summary": "A toy.",
        "seed": 3,
        "log_every": 10,
        "architecture": ECAPA,
        "speech": [{"source": "human", "languages": ["en"]}],
        "stages": [
            {"objective": objective, "steps": 40, "batch": 12, "seconds": 0.5, "learning_rate": 3e-3, "prototypes": 32}
            | stage
        ],
    }


def rate(model: str) -> float:
    recordings = [(speaker, seed) for speaker in range(6) for seed in (1, 2, 3)]
    found = vectors([(voice(*r, 1.0), 16_000) for r in recordings], open_encoder(model, device="cpu"))
    speakers = [str(speaker) for speaker, _ in recordings]
    return verify(found, speakers, [str(seed) for _, seed in recordings], ["en"] * len(recordings))[0]


@pytest.mark.parametrize("objective", ["speaker", "dino"])
def test_voices_are_learned_and_a_stopped_run_ends_with_the_same_bytes(objective, speech, tmp_path):
    config, places = parse_config(values(objective, tilt=0.3, noise=0.05), "test"), Places(speech=speech)
    model = train(config, places, tmp_path / "whole")
    facts = json.loads((model / "training.json").read_text())
    if objective == "dino":
        assert facts["curve"][-1]["prototypes"] > 2  # not all the same
    else:
        assert facts["curve"][-1]["loss"] < 0.8 * facts["curve"][0]["loss"]
    assert rate(str(model)) < 0.15, (rate(str(model)), facts["curve"])

    class Stopped(Exception):
        pass

    def stop(_: str) -> None:
        raise Stopped

    for _ in range(2):
        with pytest.raises(Stopped):
            train(config, places, tmp_path / "stopped", say=stop)
    again = json.loads((train(config, places, tmp_path / "stopped") / "training.json").read_text())
    assert (again["sha256"], again["curve"]) == (facts["sha256"], facts["curve"])
    card = write_card(model).read_text("utf-8")
    assert "ECAPA-TDNN" in card and "HuBERT" not in card and "transformers." not in card.split("## Use and limits")[1]


def test_a_voice_is_a_speaker_at_a_speed():
    sound = np.sin(2 * np.pi * 1000 * np.arange(32_000) / 16_000).astype(np.float32)
    group = Group("human", "en", 1.0, (Recording(sound, "human", "en", "a", ""),), ())
    voices = Voices([group], Stage("speaker", 1, batch=24, seconds=0.5, speeds=(0.8, 1.0, 1.25)))
    assert voices.names == [f"human/en/a/{speed}" for speed in ("0.8", "1", "1.25")]
    samples, which = voices.draw(np.random.default_rng(0))
    peaks = np.abs(np.fft.rfft(samples.numpy())).argmax(1) * 2  # bins of 2 Hz
    assert set(which.tolist()) == {0, 1, 2}
    np.testing.assert_allclose(peaks, np.array([800, 1000, 1250])[which.numpy()], atol=4)
    first, second = voices.draw(np.random.default_rng(0), views=2)[0].chunk(2)
    assert first.shape == (24, 8_000) and not torch.equal(first, second)


def test_objectives_and_architectures_that_do_not_go_together_are_refused():
    with pytest.raises(ArticulensError, match="expected speaker or dino with ecapa-tdnn only"):
        parse_config(values("ctc"), "test")
    with pytest.raises(ArticulensError, match="speeds must be above 0"):
        parse_config(values("dino", speeds=[0.0]), "test")


def test_the_equal_error_rate_is_that_of_the_roc_curve():
    rng = np.random.default_rng(0)
    same = rng.random(4_000) < 0.3
    scores = rng.normal(size=4_000) + 1.5 * same
    taken, found, _ = roc_curve(same, scores)
    expected = taken[np.argmin(np.abs(taken - (1 - found)))]
    assert equal_error_rate(scores, same) == pytest.approx(expected, abs=2e-3)
    twice = np.concatenate([scores, scores[:500]]), np.concatenate([same, same[:500]])
    weights = np.where(np.arange(4_000) < 500, 2, 1)
    assert equal_error_rate(scores, same, weights) == pytest.approx(equal_error_rate(*twice), abs=1e-3)
    assert equal_error_rate([3.0, 2.0, 1.0, 0.0], [True, True, False, False]) == 0


def test_unrelated_vectors_give_one_half_within_the_interval():
    rng = np.random.default_rng(1)
    speakers = np.repeat([f"S{k}" for k in range(12)], 8)
    sentences, languages = np.tile([str(k) for k in range(8)], 12), np.repeat("fi", 96)
    middle, low, high = verify(rng.normal(size=(96, 20)), speakers, sentences, languages)
    assert low < 0.5 < high and abs(middle - 0.5) < 0.06
    own = rng.normal(size=(12, 20))[np.repeat(np.arange(12), 8)] + 0.01 * rng.normal(size=(96, 20))
    assert verify(own, speakers, sentences, languages)[2] < 0.01
    # What tells sentences apart only is of no use, since a pair never shares a sentence.
    said = rng.normal(size=(8, 20))[np.tile(np.arange(8), 12)] + 0.01 * rng.normal(size=(96, 20))
    assert verify(said, speakers, sentences, languages)[0] > 0.3
    with pytest.raises(ArticulensError, match="8 recordings make 28 pairs of one voice and 0 of two"):
        verify(own[:8], speakers[:8], sentences[:8], languages[:8])
