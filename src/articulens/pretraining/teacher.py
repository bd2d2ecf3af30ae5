"""States of the teacher over the training speech, computed once and kept on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from articulens.encoders import open_encoder
from articulens.encoders.base import Encoder
from articulens.errors import ArticulensError
from articulens.files import atomic_write, sha256_text
from articulens.pretraining.data import CLOCK, RATE_HZ, Group


class TeacherStates:
    """What a teacher makes of groups of speech.

    Parameters
    ----------
    groups
        Speech.
    teacher
        Encoder name or folder; 50 frames a second.
    layers
        Layers to keep.
    cache
        Folder for the states, one file a group: models that hear the same speech share it.

    Attributes
    ----------
    mean, spread
        Of each layer and dimension over all groups, ``(layers, width)`` float32.
    offset
        Samples from 320 times a frame's number to its centre.
    """

    def __init__(self, groups: Sequence[Group], teacher: str, layers: Sequence[str], cache: Path, device: str) -> None:
        encoder = open_encoder(teacher, layers=sorted(set(layers)), device=device)
        if (encoder.clock.rate_hz, encoder.clock.hop) != (CLOCK.rate_hz, CLOCK.hop):
            raise ArticulensError(f"teacher {teacher} does not have 50 frames a second; choose another teacher.")
        self.layers, self.width, self.fingerprint = encoder.layers, encoder.width, encoder.fingerprint
        self.offset = encoder.clock.times_s(encoder.clock.needed)[0] * RATE_HZ
        self._states = [self._states_of(encoder, group, cache) for group in groups]
        self._starts = [
            np.cumsum([0, *(encoder.clock.n_frames(len(track)) for track in group.tracks)]) for group in groups
        ]
        sample = np.concatenate([states[::7].astype(np.float32) for states in self._states])
        self.mean, self.spread = sample.mean(0), sample.std(0) + 1e-4

    @staticmethod
    def _states_of(encoder: Encoder, group: Group, cache: Path) -> NDArray[np.float16]:
        key = sha256_text([encoder.fingerprint, *encoder.layers, group.fingerprint])[:16]
        path = cache / f"{group.source}-{group.language}-{key}.npy"
        if not path.exists():
            parts = []
            for track in group.tracks:
                states = encoder.encode(track, RATE_HZ)
                parts.append(np.stack([states[layer].numpy().astype(np.float16) for layer in encoder.layers], axis=1))
            with atomic_write(path) as stream:
                np.save(stream, np.concatenate(parts), allow_pickle=False)
        states = np.load(path, mmap_mode="r", allow_pickle=False)
        if not np.isfinite(states[::97]).all():
            raise ArticulensError(f"{path}: states of the teacher are not finite in half precision; delete the file.")
        return states

    def excerpt(self, group: int, track: int, frame: int, frames: int) -> NDArray[np.float32]:
        """Return standardised states ``(frames, layers, width)``."""
        first = int(self._starts[group][track]) + frame
        return (self._states[group][first : first + frames].astype(np.float32) - self.mean) / self.spread
