"""Recordings of unequal length, encoded together, have the states they have alone; long ones nearly so."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from articulens.encoders import batching, open_encoder, transformer
from articulens.errors import ArticulensError

LENGTHS = (16_000, 7_000, 24_321, 400, 23_999)


@pytest.fixture
def forward_sizes(monkeypatch):
    """Record how many recordings each forward pass held."""
    sizes = []
    run = transformer.TransformerEncoder._forward

    def spy(self, waves, names):
        sizes.append(len(waves))
        return run(self, waves, names)

    monkeypatch.setattr(transformer.TransformerEncoder, "_forward", spy)
    return sizes


def worst(tools, found, expected):
    return max(tools.relative(a[layer], b[layer]) for a, b in zip(found, expected, strict=True) for layer in b.layers)


def test_a_batch_equals_one_at_a_time(family, make_folder, tools, forward_sizes):
    encoder = open_encoder(str(make_folder(family)), device="cpu", batch_seconds=1000)
    items = [(tools.speech_like(n, seed=n), 16_000) for n in LENGTHS]
    together = encoder.encode_batch(items)
    assert forward_sizes == [len(items)]
    alone = [encoder.encode(*item) for item in items]
    assert [len(s) for s in together] == [len(s) for s in alone]
    assert worst(tools, together, alone) < 1e-5


@pytest.mark.parametrize("which", ["wav2vec2-group", "hubert-batchnorm", "data2vec"])
def test_what_transformers_alone_would_do_differs(which, make_folder, tools, monkeypatch):
    """The guard of the test above: without our part these families see the padding."""
    from contextlib import nullcontext

    encoder = open_encoder(str(make_folder(which)), device="cpu", batch_seconds=1000)
    items = [(tools.speech_like(n, seed=n), 16_000) for n in LENGTHS]
    alone = [encoder.encode(*item) for item in items]
    monkeypatch.setattr(transformer, "only_valid_samples", lambda *_: nullcontext())
    assert worst(tools, encoder.encode_batch(items), alone) > 1e-3


def test_the_model_is_left_as_it_was(waveform_family, make_folder, tools):
    encoder = open_encoder(str(make_folder(waveform_family)), device="cpu", batch_seconds=1000)
    encoder.encode_batch([(tools.speech_like(n), 16_000) for n in LENGTHS])
    for module in encoder._model.modules():
        assert "forward" not in vars(module)
        assert not module._forward_hooks
        assert not module._forward_pre_hooks


def test_batches_are_capped_and_sorted_by_length(make_folder, tools, forward_sizes):
    encoder = open_encoder(str(make_folder("wav2vec2-layer")), device="cpu", batch_seconds=3.2)
    items = [(tools.speech_like(n, seed=n), 16_000) for n in LENGTHS]
    states = encoder.encode_batch(items)
    assert forward_sizes == [2, 3]  # 24321 + 23999, then 16000 + 7000 + 400
    assert [len(s) for s in states] == [encoder.clock.n_frames(n) for n in LENGTHS]


@pytest.mark.parametrize("which", ["wav2vec2-layer", "hubert-layer", "wavlm-layer"])
def test_a_long_recording_is_cut_and_joined(which, make_folder, tools, forward_sizes):
    audio = tools.speech_like(320_123)
    folder = str(make_folder(which))
    pieces = open_encoder(folder, device="cpu", max_seconds=9).encode(audio, 16_000)
    assert sum(forward_sizes) == 5
    whole = open_encoder(folder, device="cpu").encode(audio, 16_000)
    assert len(pieces) == len(whole) == 1000
    # The convolutions and the position embedding end inside the overlap; only attention does not.
    assert tools.relative(pieces["0"], whole["0"]) < 1e-5
    assert 0 < worst(tools, [pieces], [whole]) < 0.2


def test_whisper_reads_more_than_its_30_s_in_pieces(make_folder, tools):
    folder = str(make_folder("whisper"))
    encoder = open_encoder(folder, device="cpu")
    assert len(encoder.encode(tools.speech_like(16_000 * 35), 16_000)) == 1750
    # But for the position embedding, which starts anew, the input to the blocks is the same as in one piece.
    # (White noise keeps every band above the extractor's floor, 80 dB below the loudest band of a piece.)
    audio = np.random.default_rng(0).normal(size=16_000 * 25)
    whole = encoder.encode(audio, 16_000)
    short = open_encoder(folder, device="cpu", max_seconds=9)
    pieces = short.encode(audio, 16_000)
    positions = encoder._model.embed_positions.weight
    local = [
        piece.skip + torch.arange(piece.keep) for piece in batching.cut(0, len(audio), short.clock, short.max_seconds)
    ]
    assert len(local) > 1
    found = pieces["0"] - positions[torch.cat(local)]
    assert tools.relative(found, whole["0"] - positions[: len(whole)]) < 1e-5


def test_group_norm_refuses_what_it_cannot_read_whole(make_folder, tools):
    folder = str(make_folder("wav2vec2-group"))
    with pytest.raises(ArticulensError, match=r"long\.wav: 20\.0 s is longer than the 9 s .* group norm"):
        open_encoder(folder, device="cpu", max_seconds=9).encode(tools.speech_like(320_000), 16_000, source="long.wav")
    assert len(open_encoder(folder, device="cpu").encode(tools.speech_like(320_000), 16_000)) == 999


@pytest.mark.parametrize("n_samples", [399 + 160_000, 480_001, 961_234, 16_000 * 300])
def test_pieces_hold_every_frame_once_with_enough_around(n_samples):
    clock = transformer.waveform_clock((10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2), 16_000)
    pieces = batching.cut(0, n_samples, clock, 9.0)
    n_frames, frame = clock.n_frames(n_samples), 0
    for piece in pieces:
        low = piece.first // clock.hop
        assert low + piece.skip == frame
        assert low == 0 or piece.skip * clock.hop >= 2.0 * clock.rate_hz
        frame += piece.keep
        behind = clock.n_frames(piece.n_samples) - piece.skip - piece.keep
        assert frame == n_frames or behind * clock.hop >= 2.0 * clock.rate_hz
        assert piece.n_samples <= 9.0 * clock.rate_hz
        assert piece.first + piece.n_samples <= n_samples
    assert frame == n_frames


def test_states_stay_where_they_were_computed_when_asked(make_folder, tools):
    encoder = open_encoder(str(make_folder("wav2vec2-layer")), device="cpu")
    states = encoder.encode(tools.speech_like(8_000), 16_000, keep_on_device=True)
    assert states["0"].device == torch.device("cpu")
    assert states["0"].dtype == torch.float32
