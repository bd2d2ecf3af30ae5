"""Any recording in, the same 16 kHz mono signal out, or one sentence."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from articulens.encoders import FrameClock, open_encoder
from articulens.encoders.audio import prepare_audio
from articulens.errors import ArticulensError

CLOCK = FrameClock()


def tone(rate_hz: float, seconds: float = 0.5) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate_hz)) / rate_hz)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 22_050, 24_414.0625, 44_100, 48_000, 96_000])
def test_any_rate_gives_the_same_signal_at_16_khz(rate_hz):
    wave = prepare_audio(tone(rate_hz), rate_hz, CLOCK, normalize=False).numpy()
    assert wave.dtype == np.float32
    assert abs(len(wave) - 8_000) <= 1
    middle = slice(500, 7_500)
    np.testing.assert_allclose(wave[middle], tone(16_000)[middle], atol=1e-4)


def test_what_lies_above_8_khz_does_not_fold_back():
    high = np.sin(2 * np.pi * 10_000 * np.arange(24_000) / 48_000)
    assert np.abs(prepare_audio(high, 48_000, CLOCK, normalize=False).numpy()[500:-500]).max() < 1e-3


def test_channels_are_averaged_and_integers_scaled():
    left, right = tone(16_000), np.zeros(8_000)
    stereo = prepare_audio(np.stack([left, right], axis=1), 16_000, CLOCK, normalize=False)
    np.testing.assert_allclose(stereo, left / 2, atol=1e-7)
    integers = prepare_audio((left * 32768).astype(np.int16), 16_000, CLOCK, normalize=False)
    np.testing.assert_allclose(integers, left, atol=1 / 32768)


def test_normalisation_is_that_of_the_whole_recording():
    wave = prepare_audio(3 + tone(16_000), 16_000, CLOCK, normalize=True)
    assert float(wave.mean()) == pytest.approx(0, abs=1e-6)
    assert float(wave.std(correction=0)) == pytest.approx(1, abs=1e-5)
    assert torch.count_nonzero(prepare_audio(np.zeros(800), 16_000, CLOCK, normalize=True)) == 0


@pytest.mark.parametrize("name", ["wav2vec2-tiny-stable@random", "logmel"])
def test_rate_and_channels_hardly_change_the_states(name):
    encoder = open_encoder(name, device="cpu")
    plain = encoder.encode(tone(16_000), 16_000)
    other = encoder.encode(np.stack([tone(48_000)] * 2, axis=1), 48_000)
    assert len(plain) == len(other)
    difference = (plain["0"][2:-2] - other["0"][2:-2]).abs().max()
    assert float(difference) < 0.02 * float(plain["0"].abs().max())


BAD = {
    "no samples": (np.zeros(0), 16_000, "no samples"),
    "NaN": (np.array([0.0] * 500 + [np.nan]), 16_000, r"1 samples are NaN or infinite \(the first is number 500\)"),
    "infinite": (np.full(500, np.inf), 16_000, "500 samples are NaN or infinite"),
    "shape": (np.zeros((2, 800)), 16_000, r"shape \(2, 800\), expected \(samples,\) or \(samples, channels\)"),
    "cube": (np.zeros((800, 2, 2)), 16_000, "shape"),
    "type": (np.zeros(800, dtype=complex), 16_000, "type complex128"),
    "unsigned": (np.zeros(800, dtype=np.uint8), 16_000, "type uint8"),
    "zero rate": (np.zeros(800), 0, "rate is 0 Hz"),
    "NaN rate": (np.zeros(800), float("nan"), "rate is nan Hz"),
    "too short at its rate": (np.zeros(1_000), 48_000, "1000 samples at 48000 Hz are too short"),
}


@pytest.mark.parametrize(("samples", "rate_hz", "message"), BAD.values(), ids=BAD)
def test_bad_audio_is_one_sentence_with_its_name(samples, rate_hz, message):
    encoder = open_encoder("logmel")
    with pytest.raises(ArticulensError, match=rf"^bad\.wav: .*{message}.*; .*\.$"):
        encoder.encode_batch([(tone(16_000), 16_000), (samples, rate_hz)], sources=["good.wav", "bad.wav"])


def test_without_a_name_the_place_in_the_batch_is_told():
    with pytest.raises(ArticulensError, match=r"^audio 2 of 2: "):
        open_encoder("logmel").encode_batch([(tone(16_000), 16_000), ([], 16_000)])
