"""Readers of position files: one file format each, no knowledge of corpora.

A reader is a function ``read(path, *, channels, axes, rate_hz, ...) -> Trajectory`` where

* ``channels`` maps our sensors to the file's names or socket numbers: ``{"TT": 7}``,
* ``axes`` maps our axes to a sign and the file's letter: ``{"x": "+X", "z": "-Y"}``,
* ``rate_hz`` is positions a second, for formats that do not say; where they do, it is compared with what they say,
* further keyword arguments are the format's own options (``reader_options`` of a recipe).

A sensor that the file does not hold is left out of the trajectory; `Trajectory.select` complains when it is
asked for. Files are material from somebody else: a reader executes nothing, believes no length before it has compared
it with the file, and answers a damaged file with an `ArticulensError`. A plug-in may add its reader to `READERS`.
"""

from collections.abc import Callable
from pathlib import Path

from articulens.corpora.readers import (
    carstens,
    carstens_ascii,
    carstens_binary,
    est_track,
    mview,
    ndi_wave,
    seq,
    ssff,
    tabular,
    tensor,
    xrmb,
)
from articulens.corpora.schema import Trajectory

READERS: dict[str, Callable[..., Trajectory]] = {
    "carstens": carstens.read,
    "carstens-ascii": carstens_ascii.read,
    "carstens-binary": carstens_binary.read,
    "est-track": est_track.read,
    "mview": mview.read,
    "ndi-wave": ndi_wave.read,
    "seq": seq.read,
    "ssff": ssff.read,
    "tabular": tabular.read,
    "tensor": tensor.read,
    "xrmb": xrmb.read,
}

SOURCES: dict[str, Callable[[Path], dict[int | str, tuple[str, ...]]]] = {
    "carstens-ascii": carstens_ascii.sources,
    "carstens-binary": carstens_binary.sources,
    "est-track": est_track.sources,
    "mview": mview.sources,
    "ndi-wave": ndi_wave.sources,
    "ssff": ssff.sources,
    "tabular": tabular.sources,
    "xrmb": xrmb.sources,
}
"""What can stand in ``channels`` and ``axes`` for a file: its sensors and the axes of each, as the file names them."""
