"""The small speech–text models that come with the repository, in ``data/models``; `training` makes them."""

from __future__ import annotations

from pathlib import Path

from articulens.encoders.bundled import models_folder
from articulens.errors import ArticulensError, suggest
from articulens.files import sha256_file

WEIGHTS = "model.safetensors"


#: SHA-256 of the weights of each.
BUNDLED_LMS = {
    "tiny-lm-interleaved": "c8b7e23fa1c98df21547721a0975736858404a50115f7472d7a16e1cb64a626d",
    "tiny-lm-scratch": "1556914f93713e4f47ca0f14d083268cd401162384dccf0f82e5a13aa05fc94e",
    "tiny-lm-speech": "093d6652d9be14994c5301950041ef8fadd7924be0e7890a613de479adb169eb",
    "tiny-lm-text": "b82b7f9ac03e385449d7ab07d75c929f4549bf7dd8b2bb8b4fc97a7f789d1796",
}


def bundled_lm_folder(name: str) -> Path:
    """Return the folder of a bundled model after comparing its weights with the table.

    Raises
    ------
    ArticulensError
        When there is no such model, the weights are not there, or are not those of the table.
    """
    if name not in BUNDLED_LMS:
        raise ArticulensError(f"there is no bundled speech–text model '{name}'{suggest(name, list(BUNDLED_LMS))}")
    path = models_folder() / name / WEIGHTS
    if not path.is_file():
        raise ArticulensError(
            f"{path}: the bundled model is not there; run from a clone of the repository, or set ARTICULENS_DATA to "
            "its folder 'data'."
        )
    found, expected = sha256_file(path), BUNDLED_LMS[name]
    if found != expected:
        raise ArticulensError(
            f"{path}: the weights have SHA-256 {found[:12]}…, expected {expected[:12]}…, so they are damaged or were "
            "changed; restore the file (git checkout), or open the folder by its path to use other weights."
        )
    return path.parent


def speech_lm_folder(name: str) -> Path:
    """Return the folder of a bundled name or of a path; see `bundled_lm_folder`."""
    folder = Path(name).expanduser()
    return folder if folder.is_dir() else bundled_lm_folder(name)
