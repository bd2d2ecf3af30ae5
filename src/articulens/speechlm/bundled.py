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
        "c8b7e23fa1c98df21547721a0975736858404a50115f7472d7a16e1cb64a626d",
    ),
    BundledLM(
        "tiny-lm-scratch",
        "interleaved, from random weights",
        "1556914f93713e4f47ca0f14d083268cd401162384dccf0f82e5a13aa05fc94e",
    ),
    BundledLM(
        "tiny-lm-speech",
        "speech only",
        "093d6652d9be14994c5301950041ef8fadd7924be0e7890a613de479adb169eb",
    ),
    BundledLM(
        "tiny-lm-text",
        "text only, never interleaved",
        "b82b7f9ac03e385449d7ab07d75c929f4549bf7dd8b2bb8b4fc97a7f789d1796",
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
