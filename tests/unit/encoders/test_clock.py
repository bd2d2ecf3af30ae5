"""What each frame sees, and that the clock is its centre."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import WhisperConfig, WhisperModel

from articulens.encoders import FrameClock, open_encoder
from articulens.encoders.acoustic import AcousticEncoder
from articulens.encoders.transformer import WHISPER_CLOCK, waveform_clock
from articulens.errors import ArticulensError

COUNTS = {399: 0, 400: 1, 719: 1, 720: 2, 16_000: 49, 16_080: 50, 320_000: 999}


@pytest.mark.parametrize(("n_samples", "n_frames"), COUNTS.items())
def test_number_of_frames(n_samples, n_frames):
    clock = FrameClock()
    assert clock.n_frames(n_samples) == len(clock.times_s(n_samples)) == n_frames
    if n_frames:
        assert clock.n_frames(clock.n_samples(n_frames)) == n_frames
        assert clock.n_frames(clock.n_samples(n_frames) - 1) == n_frames - 1


@pytest.mark.parametrize("n_samples", [n for n in COUNTS if 0 < COUNTS[n] < 100])
@pytest.mark.parametrize("name", ["wav2vec2-tiny@random", "wav2vec2-tiny-stable@random", "logmel", "mfcc+2"])
def test_encoders_give_as_many_frames_as_the_clock(name, n_samples):
    states = open_encoder(name, device="cpu").encode(np.random.default_rng(0).normal(size=n_samples), 16_000)
    assert {len(state) for state in states.layers.values()} == {COUNTS[n_samples]}
    np.testing.assert_allclose(states.times_s, (199.5 + 320 * np.arange(COUNTS[n_samples])) / 16_000, atol=1e-12)


def test_one_sample_less_than_a_frame_is_refused():
    with pytest.raises(ArticulensError, match=r"a\.wav: 399 samples at 16000 Hz are too short .* 25 ms"):
        open_encoder("logmel").encode(np.ones(399), 16_000, source="a.wav")


def samples_seen(function, n_samples: int, frame: int) -> np.ndarray:
    """Return the samples that the features of `frame` depend on, by their gradient."""
    wave = torch.randn(n_samples, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    wave.requires_grad_(True)
    function(wave)[frame].square().sum().backward()
    return np.flatnonzero(wave.grad.numpy())


def test_a_frame_of_the_convolutions_sees_its_400_samples_and_the_clock_is_their_centre():
    encoder = open_encoder("wav2vec2-tiny-stable@random", device="cpu")
    convolutions = encoder._model.feature_extractor.double()
    for frame in (0, 1, 7, 48):
        seen = samples_seen(lambda wave: convolutions(wave[None])[0].T, 16_000, frame)
        np.testing.assert_array_equal(seen, np.arange(320 * frame, 320 * frame + 400))
        assert encoder.clock.field(frame) == (seen[0], seen[-1])
        assert encoder.clock.times_s(16_000)[frame] == pytest.approx((seen[0] + seen[-1]) / 2 / 16_000, abs=1e-12)


def test_a_group_norm_sees_the_whole_recording():
    convolutions = open_encoder("wav2vec2-tiny@random", device="cpu")._model.feature_extractor.double()
    seen = samples_seen(lambda wave: convolutions(wave[None])[0].T, 16_000, 7)
    assert len(seen) > 15_900


@pytest.mark.parametrize("name", ["logmel", "mfcc"])
def test_acoustic_frames_are_centred_where_the_clock_says(name):
    encoder = AcousticEncoder(name)
    mel = encoder._transform.double()
    for frame in (0, 5, 48):
        seen = samples_seen(lambda wave: mel(wave).T, 16_000, frame)
        # The symmetric window is zero at both of its ends.
        assert (seen[0], seen[-1]) == (320 * frame + 1, 320 * frame + 398)
        assert encoder.clock.times_s(16_000)[frame] == pytest.approx((seen[0] + seen[-1]) / 2 / 16_000, abs=1e-12)


def test_an_event_is_strongest_in_the_frame_at_its_time():
    encoder = AcousticEncoder("logmel")
    for frame in (3, 20, 40):
        wave = torch.zeros(16_000)
        at = encoder.clock.times_s(16_000)[frame] * 16_000
        wave[int(at - 0.5)] = wave[int(at + 0.5)] = 1.0
        loudness = encoder.features(wave).sum(1)
        assert int(loudness.argmax()) == frame
        moved = torch.roll(wave, 1)
        assert encoder.features(moved)[frame].sum() < loudness[frame]


def test_a_frame_of_whisper_sees_what_its_clock_says(tmp_path):
    config = WhisperConfig(
        d_model=16, encoder_layers=1, encoder_attention_heads=2, encoder_ffn_dim=16, decoder_layers=0, vocab_size=8,
        decoder_attention_heads=2, pad_token_id=0, bos_token_id=0, eos_token_id=0, decoder_start_token_id=0,
    )  # fmt: skip
    torch.manual_seed(0)
    WhisperModel(config).save_pretrained(tmp_path)
    encoder = open_encoder(str(tmp_path), device="cpu", layers=["0"])
    assert encoder.clock is WHISPER_CLOCK
    audio = 0.1 * np.random.default_rng(0).normal(size=32_000)
    audio[20_000:22_000] *= 100  # the loudest place, far away, keeps the extractor's dynamic range as it is
    before = encoder.encode(audio, 16_000)
    assert len(before) == 100
    np.testing.assert_allclose(before.times_s, 0.02 * np.arange(100), atol=1e-12)
    near = 30  # the window is too small to see at its very ends
    for sample in (320 * 20 + 519 - near, 320 * 20 + 519 + near, 320 * 20 - 519 + near, 320 * 20 - 519 - near):
        changed = audio.copy()
        changed[sample] += 0.5
        moved = (encoder.encode(changed, 16_000)["0"] - before["0"]).abs().amax(1) > 1e-7
        fields = np.array([encoder.clock.field(i) for i in range(100)])
        expected = (fields[:, 0] + near // 2 <= sample) & (sample <= fields[:, 1] - near // 2)
        np.testing.assert_array_equal(moved.numpy(), expected)
    first, last = encoder.clock.field(20)
    assert (first + last) / 2 / 16_000 == pytest.approx(before.times_s[20])


def test_clock_of_any_stack_of_convolutions():
    assert waveform_clock((10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2), 16_000) == FrameClock()
    assert waveform_clock((10, 8, 4, 4, 4), (5, 4, 2, 2, 2), 8_000) == FrameClock(8_000, 160, 465)
