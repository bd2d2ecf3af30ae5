"""Corpora by name: ``open_corpus("bundled")``, ``"frost:/recordings"``, ``"my-recipe.yaml"``."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import articulens
from articulens.corpora.corpus import Corpus
from articulens.corpora.integrity import verify_checksums
from articulens.corpora.layout import find_utterances
from articulens.corpora.recipe import Recipe, load_keys, load_recipe, shipped_recipes
from articulens.corpora.sound import open_sound
from articulens.corpora.superb import open_fluent, open_librispeech, open_voxceleb1
from articulens.errors import ArticulensError, suggest

__all__ = ["Corpus", "known_corpora", "open_corpus", "open_recipe", "register_corpus"]

ENTRY_POINTS = "articulens.corpora"

Opener = Callable[..., Corpus]
_OPENERS: dict[str, Opener] = {}


def open_corpus(spec: str | os.PathLike[str], *, rate_hz: float | None = None, skip_bad: bool = False) -> Corpus:
    """Open a corpus.

    Parameters
    ----------
    spec : str
        ``"bundled"``; ``"sound:FOLDER"``, recordings without articulation (`articulens.corpora.sound`), and
        those of SUPERB, ``"librispeech:FOLDER"``, ``"voxceleb1:FOLDER"``, ``"fluent:FOLDER"``
        (`articulens.corpora.superb`);
        ``"NAME:FOLDER"`` with the name of a shipped recipe (``frost``, ``tabular``) or of a plug-in;
        ``"RECIPE.yaml:FOLDER"``; or ``"RECIPE.yaml"`` for the folder that the recipe names or lies in.
    rate_hz : float, optional
        Positions per second, instead of what the recipe says.
    skip_bad : bool
        Leave unusable recordings out and list them in ``Corpus.skipped``, instead of raising an error.

    Returns
    -------
    Corpus

    Raises
    ------
    ArticulensError
        When there is no such corpus, recipe or folder, or (unless `skip_bad`) a recording is not usable.

    Examples
    --------
    >>> open_corpus("frost:/recordings/FROST", rate_hz=250)     # doctest: +SKIP
    """
    text = str(spec)
    recipe_file = re.fullmatch(r"(.+?\.ya?ml)(?::(.+))?", text)
    if recipe_file:
        recipe = load_recipe(recipe_file[1])
        folder = recipe_file[2] or Path(recipe_file[1]).parent / recipe.get("root", ".")
        return open_recipe(recipe, folder, rate_hz=rate_hz, skip_bad=skip_bad)
    name, _, path = text.partition(":")
    opener = _find_opener(name)
    if opener is not None:
        return opener(path or None, rate_hz=rate_hz, skip_bad=skip_bad)
    if name not in shipped_recipes():
        if os.sep in name and not os.path.exists(text):
            raise ArticulensError(f"{text}: there is no such folder or recipe; correct the path.")
        folder_hint = f" (a folder is opened as 'tabular:{text}' or 'frost:{text}')" if os.path.isdir(text) else ""
        raise ArticulensError(f"there is no corpus '{name}'{folder_hint}{suggest(name, known_corpora())}")
    if not path:
        raise ArticulensError(f"corpus '{name}' needs a folder; write it as '{name}:FOLDER'.")
    return open_recipe(load_recipe(name), path, rate_hz=rate_hz, skip_bad=skip_bad)


def register_corpus(name: str, opener: Opener) -> None:
    """Make ``open_corpus(name)`` and ``open_corpus("name:PATH")`` call `opener`.

    Packages register without importing anything by an entry point of the group ``articulens.corpora``:
    ``name = "package.module:opener"``.

    Parameters
    ----------
    name : str
        Letters, digits, ``-`` and ``_``.
    opener : callable
        ``opener(path, *, rate_hz, skip_bad) -> Corpus``; `path` is None where none was given. `open_recipe`
        with a `articulens.corpora.recipe.Recipe` does most of what is needed.

    Raises
    ------
    ArticulensError
        When the name is taken or not possible.
    """
    if not re.fullmatch(r"[\w-]+", name):
        raise ArticulensError(f"'{name}' cannot name a corpus; use letters, digits, '-' and '_'.")
    if name in shipped_recipes() or _OPENERS.get(name, opener) is not opener:
        raise ArticulensError(f"a corpus named '{name}' is already registered; choose another name.")
    _OPENERS[name] = opener


def known_corpora() -> list[str]:
    """Return the names that `open_corpus` knows: shipped, registered and from plug-ins."""
    plugins = [point.name for point in entry_points(group=ENTRY_POINTS)]
    return sorted({*shipped_recipes(), *_OPENERS, *plugins})


def _find_opener(name: str) -> Opener | None:
    if name in _OPENERS:
        return _OPENERS[name]
    for point in entry_points(group=ENTRY_POINTS, name=name):
        try:
            opener: Opener = point.load()
        except Exception as error:  # whatever a plug-in raises
            raise ArticulensError(
                f"corpus '{name}': its plug-in {point.value} cannot be loaded ({error}); update or remove it."
            ) from error
        return opener
    return None


def open_recipe(
    recipe: Recipe, root: str | os.PathLike[str], *, rate_hz: float | None = None, skip_bad: bool = False
) -> Corpus:
    """Open a folder by a recipe; a ``corpus.yaml`` in the folder changes keys of the recipe.

    Parameters
    ----------
    recipe : Recipe
        See `articulens.corpora.recipe`.
    root : path
        The folder.
    rate_hz : float, optional
        Positions per second, instead of what the recipe says.
    skip_bad : bool
        Leave unusable recordings out and list them in ``Corpus.skipped``, instead of raising an error.

    Raises
    ------
    ArticulensError
        When the folder, the recipe or (unless `skip_bad`) a recording is not usable.
    """
    root = Path(root).expanduser()
    own = root / "corpus.yaml"
    if os.path.isfile(own) and Path(recipe.source) != own:
        keys = load_keys(own)
        keys.pop("extends", None)
        recipe = recipe.change(keys, source=str(own))
    if rate_hz is not None:
        slower = {speaker: {"rate_hz": None} for speaker in recipe.get("speakers", {})}
        recipe = recipe.change({"rate_hz": rate_hz, "speakers": slower})
    recipe.check_needs()
    utterances, problems = find_utterances(root, recipe)
    if problems and not (skip_bad and utterances):
        more = f" ({len(problems) - 1} more like this; skip_bad=True leaves them out)" if problems[1:] else ""
        raise ArticulensError(problems[0] + more)
    # A folder of tables without a corpus.yaml has no name but its own.
    name = root.resolve().name if recipe["name"] == "tabular" else recipe["name"]
    return Corpus(name, root, utterances, recipe, problems)


def _open_bundled(path: str | None, *, rate_hz: float | None = None, skip_bad: bool = False) -> Corpus:
    """Open the corpus that comes with the repository, after comparing its files with their checksums."""
    if path is not None:
        raise ArticulensError(
            f"corpus 'bundled' takes no folder, but '{path}' was given; write 'bundled', or 'tabular:{path}'."
        )
    root = _data_folder() / "bundled"
    if not (root / "manifest.csv").is_file():
        raise ArticulensError(
            f"{root}: the bundled corpus is not there; run from a clone of the repository, or set "
            "ARTICULENS_DATA to its folder 'data'."
        )
    # 16 MB: cheap enough to do every time.
    verify_checksums(root)
    return open_recipe(load_recipe("tabular"), root, rate_hz=rate_hz, skip_bad=skip_bad)


def _data_folder() -> Path:
    """Return the folder ``data``: ARTICULENS_DATA, or beside ``src``, or in the working folder."""
    if chosen := os.environ.get("ARTICULENS_DATA"):
        return Path(chosen).expanduser()
    beside = Path(articulens.__file__).resolve().parents[2] / "data"
    return beside if (beside / "bundled").is_dir() else Path.cwd() / "data"


register_corpus("bundled", _open_bundled)
register_corpus("sound", open_sound)
register_corpus("librispeech", open_librispeech)
register_corpus("voxceleb1", open_voxceleb1)
register_corpus("fluent", open_fluent)
