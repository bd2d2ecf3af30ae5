"""The small speech–text models that come with the repository, in ``data/models``; `training` makes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from articulens.encoders.bundled import models_folder
from articulens.errors import ArticulensError, suggest
from articulens.files import sha256_file
from articulens.speechlm.model import SpeechLM

WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class BundledLM:
    """One bundled model: name, what it is to the others, and SHA-256 of its weights."""

    name: str
    role: str
    sha256: str


BUNDLED_LMS: tuple[BundledLM, ...] = (
    BundledLM(
        "tiny-lm-interleaved",
        "interleaved, begun as a text model",
        "38f8719a98d09e566eef76506786af27290cfe53563b7077efd6d86233adeaf5",
    ),
    BundledLM(
        "tiny-lm-scratch",
        "interleaved, from random weights",
        "10ec838f79786c29597164c30d16dc18a99df500fc7d0658e89b7cc698e3aba9",
    ),
    BundledLM(
        "tiny-lm-speech",
        "speech only",
        "fce77ef67009fad8370fefd046de4045c824a04b9019838d28fe9b7dfae22365",
    ),
    BundledLM(
        "tiny-lm-text",
        "text only, never interleaved",
        "0ef437086441d8cec5f3b2b190f5795f24165c73ee76f667fe738ed0fbf8df0f",
    ),
)


def bundled_lm_folder(name: str) -> Path:
    """Return the folder of a bundled model after comparing its weights with the table.

    Raises
    ------
    ArticulensError
        When there is no such model, the weights are not there, or are not those of the table.
    """
    known = {model.name: model for model in BUNDLED_LMS}
    if name not in known:
        raise ArticulensError(f"there is no bundled speech–text model '{name}'{suggest(name, list(known))}")
    path = models_folder() / name / WEIGHTS
    if not path.is_file():
        raise ArticulensError(
            f"{path}: the bundled model is not there; run from a clone of the repository, or set "
            "ARTICULENS_DATA to its "
            "folder 'data'."
        )
    found = sha256_file(path)
    if found != known[name].sha256:
        raise ArticulensError(
            f"{path}: the weights have SHA-256 {found[:12]}…, expected {known[name].sha256[:12]}…, so they are "
            "damaged or "
            "were changed; restore the file (git checkout), or open the folder by its path to use other weights."
        )
    return path.parent


def speech_lm_folder(name: str) -> Path:
    """Return the folder of a bundled name or of a path; see `bundled_lm_folder`."""
    folder = Path(name).expanduser()
    return folder if folder.is_dir() else bundled_lm_folder(name)


def open_bundled_lm(name: str, *, device: str = "cpu") -> SpeechLM:
    """Open a bundled model by name; its codebook is beside it (`articulens.speechlm.load_codebook`).

    Raises
    ------
    ArticulensError
        See `bundled_lm_folder`.
    """
    from articulens.speechlm.loading import open_speech_lm

    return open_speech_lm(str(speech_lm_folder(name)), device=device)
