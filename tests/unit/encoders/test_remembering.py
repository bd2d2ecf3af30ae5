"""An encoder with a memory gives the states of one without."""

import numpy as np
import torch

from articulens.encoders import open_encoder
from articulens.encoders.remembering import Remembering


class Counting:
    """Count what the encoder is really asked for."""

    def __init__(self, encoder):
        self.encoder, self.heard = encoder, 0
        self.inner = encoder.encode_batch
        encoder.encode_batch = self

    def __call__(self, items, **options):
        self.heard += len(items)
        return self.inner(items, **options)


def clips(n=4):
    rng = np.random.default_rng(0)
    return [(rng.normal(size=3200 + 800 * i).astype(np.float32), 16_000) for i in range(n)]


def test_the_same_states_are_computed_once():
    encoder = open_encoder("logmel")
    expected = encoder.encode_batch(clips())
    count, remembering = Counting(encoder), Remembering(encoder)
    assert (remembering.fingerprint, remembering.layers) == (encoder.fingerprint, encoder.layers)
    assert remembering.record() == encoder.record()
    for batch in ([0, 1], [1, 2, 3], [3, 0, 2], [0, 1, 2, 3]):
        for i, states in zip(batch, remembering.encode_batch([clips()[i] for i in batch]), strict=True):
            assert torch.equal(states["0"], expected[i]["0"]) and (states.times_s == expected[i].times_s).all()
    assert count.heard == 4
    one, rate = clips()[0]
    remembering.encode(one, 8_000)  # the same samples at another rate are another sound
    remembering.encode(one + 1e-3, rate)
    assert count.heard == 6


def test_the_memory_is_bounded():
    encoder = open_encoder("logmel")
    first = sum(x.nbytes for x in encoder.encode_batch(clips())[0].layers.values())
    count, remembering = Counting(encoder), Remembering(encoder, limit_gb=1.5 * first / 1e9)
    for _ in range(3):
        assert len(remembering.encode_batch(clips())) == 4
    assert count.heard == 4 + 3 + 3 and len(remembering.known) == 1


def test_no_padded_batch_is_kept_alive():
    remembering = Remembering(open_encoder("wav2vec2-tiny-stable@random", device="cpu"))
    remembering.encode_batch(clips())
    for states in remembering.known.values():
        assert all(x.untyped_storage().nbytes() == x.nbytes for x in states.layers.values())
