"""Read speech through libsndfile, and say clearly when a file is not whole."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from articulens.corpora.limits import check_file
from articulens.errors import ArticulensError

# Real corpora hold WAV files whose header promises a few hundredths of a second more than there are;
# libsndfile reads what is there. More than this is missing means that a copy was cut short.
TRUNCATION_TOLERANCE_S = 0.1
SLOWEST_HZ = 4000
"""Below this rate no vowel is left of speech; what says so has a damaged header, or is no sound."""


def read_audio(path: str | os.PathLike[str]) -> tuple[NDArray[np.float32], int]:
    """Read an audio file in any format that libsndfile knows.

    Parameters
    ----------
    path : path
        WAV, FLAC, OGG, NIST SPHERE, ..., or the MATLAB file of an MVIEW recording, which holds its sound.

    Returns
    -------
    samples : (n,) float32
        In -1..1 for integer formats; the mean of the channels.
    rate_hz : int
        Samples per second.

    Raises
    ------
    ArticulensError
        When the file is absent, unreadable, empty, cut short, sampled too slowly for speech, or holds NaN or
        infinite samples.
    """
    path = Path(path)
    if os.path.exists(path):
        check_file(path)
    if path.suffix.lower() == ".mat":
        return _from_matlab(path)
    declared = _declared_frames(path)
    try:
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise _unreadable(path, error) from error
    _check_length(path, len(samples), declared, rate_hz)
    mono = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1, dtype=np.float32)
    if not np.isfinite(mono).all():
        bad = int(np.argmin(np.isfinite(mono)))
        raise ArticulensError(
            f"{path}: sample {bad} ({bad / rate_hz:.3f} s) is not a finite number; export the audio again "
            "or leave this utterance out."
        )
    return np.ascontiguousarray(mono), int(rate_hz)


def audio_duration(path: str | os.PathLike[str]) -> float:
    """Return the duration of an audio file in seconds, from its header alone.

    Raises
    ------
    ArticulensError
        When the file is absent, unreadable, empty or visibly cut short.
    """
    path = Path(path)
    if os.path.exists(path):
        check_file(path)
    if path.suffix.lower() == ".mat":
        samples, rate_hz = _from_matlab(path)
        return len(samples) / rate_hz
    declared = _declared_frames(path)
    try:
        info = soundfile.info(str(path))
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise _unreadable(path, error) from error
    _check_length(path, info.frames, declared, info.samplerate)
    return float(info.frames / info.samplerate)


def _from_matlab(path: Path) -> tuple[NDArray[np.float32], int]:
    # Nothing else here needs the readers of positions.
    from articulens.corpora.readers import mview

    return mview.read_audio(path)


def _check_length(path: Path, frames: int, declared: int | None, rate_hz: int) -> None:
    if frames == 0:
        raise ArticulensError(f"{path}: the audio is empty; copy it again or leave this utterance out.")
    if rate_hz < SLOWEST_HZ:
        raise ArticulensError(
            f"{path}: {rate_hz} samples a second are too few for speech, expected {SLOWEST_HZ} or more; correct its "
            "header, or copy the file again."
        )
    if declared is not None and declared - frames > TRUNCATION_TOLERANCE_S * rate_hz:
        raise ArticulensError(
            f"{path}: the audio is truncated ({frames / rate_hz:.2f} s of the {declared / rate_hz:.2f} s "
            "its header promises); copy the file again or leave this utterance out."
        )


def _unreadable(path: Path, error: Exception) -> ArticulensError:
    reason = str(error).rstrip(".").split(": ")[-1]
    return ArticulensError(
        f"{path}: cannot be read as audio ({reason}); expected WAV, FLAC or another format of libsndfile: "
        "convert or copy the file again, or leave this utterance out."
    )


def _declared_frames(path: Path) -> int | None:
    """Return how many frames the header promises, or None where it does not say.

    libsndfile quietly shortens a truncated WAV to what is there, so the RIFF header is read here.
    """
    try:
        with open(path, "rb") as stream:
            start = stream.read(12)
            if start[:4] != b"RIFF" or start[8:] != b"WAVE":
                return soundfile.info(str(path)).frames
            block = 0
            while len(head := stream.read(8)) == 8:
                name, length = struct.unpack("<4sI", head)
                if name == b"data":
                    # 0 and 0xFFFFFFFF: written by a program that could not seek back; it does not say.
                    return length // block if block and length not in (0, 0xFFFFFFFF) else None
                if name == b"fmt ":
                    body = stream.read(length)
                    block = struct.unpack_from("<H", body, 12)[0] if len(body) >= 14 else 0
                else:
                    stream.seek(length, os.SEEK_CUR)
                if length % 2:
                    stream.seek(1, os.SEEK_CUR)
    except FileNotFoundError as error:
        raise ArticulensError(
            f"{path}: there is no such audio file; correct its path (in a corpus: the recipe or the manifest), or copy "
            "the file there."
        ) from error
    except OSError as error:
        raise ArticulensError(f"{path}: cannot be read ({error.strerror}); check its permissions.") from error
    except soundfile.LibsndfileError:
        pass  # what is wrong with it is said by whoever reads it
    return None
