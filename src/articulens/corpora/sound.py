"""Folders of recordings without articulation, ``sound:FOLDER``: for what asks encoders only.

LibriSpeech and VoxCeleb fit as they come: the first folder below the root is the speaker.
"""

from __future__ import annotations

import os
from pathlib import Path

from articulens.corpora.corpus import Corpus
from articulens.corpora.recipe import load_recipe
from articulens.corpora.schema import Utterance
from articulens.errors import ArticulensError

SUFFIXES = (".flac", ".wav", ".ogg", ".sph")


def open_sound(path: str | None, *, rate_hz: float | None = None, skip_bad: bool = False) -> Corpus:
    """Open a folder of sound files as a corpus without positions.

    Parameters
    ----------
    path
        The folder. A file's id is its path below it without suffix, its speaker the first folder on that path, and its
        sentence its id, for nobody says which texts are the same. Language, condition and task are ``"und"``, ``"L1"``
        and ``"T1"``.
    rate_hz, skip_bad
        Of other corpora; there are no positions here, and sound is read when it is asked for.

    Raises
    ------
    ArticulensError
        When there is no such folder, or no sound file two folders deep or more.
    """
    if not path:
        raise ArticulensError("corpus 'sound' needs a folder; write it as 'sound:FOLDER'.")
    root = Path(path).expanduser()
    found = sorted(
        file
        for folder, _, names in os.walk(root, followlinks=True)
        for file in (Path(folder) / name for name in names)
        if file.suffix.lower() in SUFFIXES and len(file.relative_to(root).parts) > 1
    )
    if not found:
        raise ArticulensError(
            f"{root}: there is no sound ({', '.join(SUFFIXES)}) in folders below it, expected SPEAKER/.../FILE; give "
            "the folder in which the speakers' folders are."
        )
    utterances = []
    for file in found:
        place = file.relative_to(root)
        name = place.with_suffix("").as_posix()
        utterances.append(Utterance(name, place.parts[0], "und", "L1", "T1", name, None, file, None))
    keys = {"name": "sound", "description": "sound without articulation", "licence": None, "card": None}
    recipe = load_recipe("tabular").change(keys, str(root))
    return Corpus(root.resolve().name, root, utterances, recipe)
