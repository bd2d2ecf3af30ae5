"""When the frames of an encoder happen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class FrameClock:
    """When each frame of a convolutional front end happens.

    The defaults are the wav2vec 2.0 front end (kernels 10,3,3,3,3,2,2; strides 5,2,2,2,2,2,2): frame *i*
    sees exactly the samples ``320 i ... 320 i + 399`` and is centred at ``(199.5 + 320 i) / 16000`` s.

    Parameters
    ----------
    rate_hz : int
        Sampling rate of the audio the front end reads, Hz.
    hop : int
        Samples between two frames.
    receptive_field : int
        Samples that one frame of the front end sees.
    start : int
        First sample that frame 0 sees; negative where the front end pads the recording. An unpadded front
        end has a frame wherever the whole receptive field fits, a padded one has a frame for each whole hop.
    """

    rate_hz: int = 16_000
    hop: int = 320
    receptive_field: int = 400
    start: int = 0

    @property
    def needed(self) -> int:
        """Samples without which there is no frame at all."""
        return self.receptive_field if self.start >= 0 else self.hop

    def n_frames(self, n_samples: int) -> int:
        """Return the number of frames of `n_samples` samples at `rate_hz` (0 when too short)."""
        return max(0, (int(n_samples) - self.needed) // self.hop + 1)

    def n_samples(self, n_frames: int) -> int:
        """Return the fewest samples that give `n_frames` frames (at least one)."""
        return (n_frames - 1) * self.hop + self.needed

    def field(self, frame: int) -> tuple[int, int]:
        """Return the first and the last sample that `frame` sees (negative where it sees padding)."""
        first = self.start + frame * self.hop
        return first, first + self.receptive_field - 1

    def times_s(self, n_samples: int) -> NDArray[np.float64]:
        """Return the centre of every frame of `n_samples` samples: ``(frames,)``, seconds."""
        centre = self.start + (self.receptive_field - 1) / 2
        return (centre + self.hop * np.arange(self.n_frames(n_samples), dtype=np.float64)) / self.rate_hz
