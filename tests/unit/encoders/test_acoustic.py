"""Log-mel and MFCC baselines."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from articulens.encoders import open_encoder
from articulens.encoders.acoustic import AcousticEncoder, is_acoustic
from articulens.errors import ArticulensError

AUDIO = np.random.default_rng(0).normal(size=16_000)


def test_no_mel_filter_is_empty_and_all_frequencies_are_covered():
    filters = AcousticEncoder("logmel")._transform.mel_scale.fb  # (frequencies, mels)
    assert filters.shape == (201, 80)
    assert bool((filters > 0).any(0).all())
    assert bool((filters[1:-1] > 0).any(1).all())


def test_values_are_those_of_a_plain_computation():
    features = open_encoder("logmel").encode(AUDIO, 16_000)["0"].numpy()
    wave = (AUDIO - AUDIO.mean()) / AUDIO.std()
    window = np.hanning(400)
    filters = AcousticEncoder("logmel")._transform.mel_scale.fb.numpy()
    for frame in (0, 17, 48):
        power = np.abs(np.fft.rfft(window * wave[320 * frame : 320 * frame + 400])) ** 2
        np.testing.assert_allclose(features[frame], np.log(power @ filters), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("name", "width"), [("logmel", 80), ("logmel+6", 1040), ("mfcc", 39), ("mfcc+2", 195)])
def test_width(name, width):
    encoder = open_encoder(name)
    assert encoder.width == width
    assert encoder.layers == ("0",)
    assert encoder.encode(AUDIO, 16_000)["0"].shape == (49, width)


def test_context_puts_the_neighbours_beside_each_frame_and_replicates_the_edges():
    plain = open_encoder("logmel").encode(AUDIO, 16_000)["0"]
    wide = open_encoder("logmel+2").encode(AUDIO, 16_000)["0"].reshape(49, 5, 80)
    for k in range(-2, 3):
        torch.testing.assert_close(wide[2:-2, k + 2], plain[2 + k : 47 + k])
    torch.testing.assert_close(wide[0, :3], plain[[0, 0, 0]])
    torch.testing.assert_close(wide[-1, 2:], plain[[-1, -1, -1]])


def test_mfcc_are_static_then_delta_then_delta_delta():
    frames = open_encoder("mfcc").encode(AUDIO, 16_000)["0"]
    static, delta = frames[:, :13], frames[:, 13:26]
    padded = torch.cat([static[:1], static[:1], static, static[-1:], static[-1:]])
    expected = (padded[3:-1] - padded[1:-3] + 2 * (padded[4:] - padded[:-4])) / 10
    torch.testing.assert_close(delta, expected, rtol=1e-4, atol=1e-4)


def test_the_level_of_a_recording_does_not_matter():
    loud = open_encoder("logmel").encode(AUDIO, 16_000)["0"]
    soft = open_encoder("logmel").encode(0.1 * AUDIO + 0.3, 16_000)["0"]
    torch.testing.assert_close(loud, soft, rtol=1e-3, atol=1e-3)


def test_silence_is_finite():
    assert bool(torch.isfinite(open_encoder("logmel+1").encode(np.zeros(1_000), 16_000)["0"]).all())


def test_names_and_layers():
    assert is_acoustic("mfcc+12")
    assert not is_acoustic("logmel+")
    assert not is_acoustic("logmel-3")
    with pytest.raises(ArticulensError, match="logmel has no layer '1'; known: 0"):
        open_encoder("logmel", layers=["1"])


def test_fingerprint_tells_settings_apart_and_a_record_says_what_was_done():
    names = ("logmel", "logmel+1", "mfcc")
    assert len({open_encoder(name).fingerprint for name in names}) == 3
    assert open_encoder("logmel").fingerprint == open_encoder("logmel").fingerprint
    record = open_encoder("logmel+6").record()
    assert (record["context_frames"], record["do_normalize"], record["width"]) == (6, True, 1040)
