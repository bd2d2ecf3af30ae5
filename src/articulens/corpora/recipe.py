"""Recipes: what is particular to a corpus, as a small YAML file instead of code.

Keys (see ``recipes/frost.yaml`` for a commented example)
    name, description, licence, card    for people
    extends                 a shipped recipe or a YAML file whose keys this one changes; null removes a key
    root                    folder of the corpus, relative to the recipe (default: the recipe's folder)
    reader, reader_options  the file format, see `articulens.corpora.readers`
    rate_hz                 positions per second, where the files do not say
    channels, axes          sensor to socket or name; our axis to sign and letter
    speakers                per speaker: ``channels`` and ``rate_hz`` that differ from the rest; the socket
                            ``none`` means that this speaker lacks the sensor
    manifest                a table of utterances (`articulens.corpora.manifest`), or else:
    positions, audio, labels  regular expressions for paths below the root; files pair where the named groups
                            they share are equal; ``(?P<stem>...)`` is needed
    names                   field: regular expression whose named groups are further fields
    tables                  field: ``{from: field or fields, values: {...}}``, applied in the order written
    defaults                field: value where nothing else gives one; may hold ``{other_field}``
    labels_tier             which tier of the label files
    labels_unit_s           seconds in one unit of their times, where those are not seconds (``1.0e-7`` for HTK's)
    max_length_difference_s how much EMA and audio may differ in length (default 0.3)
    needs                   key to what is not known of the corpus: the recipe opens nothing until a corpus.yaml or a
                            recipe that extends it gives that key (``channels``, ``reader_options.unit_mm``, ...)
    max_clock_drift         up to this share of the length a difference is drift between the two clocks of
                            the device, and the EMA is rescaled onto the audio (default 0: never)
"""

from __future__ import annotations

import inspect
import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import regex
import yaml

from articulens.corpora.limits import MAX_TEXT_BYTES, check_file
from articulens.corpora.readers import READERS
from articulens.corpora.schema import AXES, SENSORS
from articulens.errors import ArticulensError, suggest

_TYPES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("name", "description", "licence", "card", "extends", "root", "reader", "manifest"), str),
    **dict.fromkeys(("positions", "audio", "labels", "labels_tier"), str),
    **dict.fromkeys(("reader_options", "channels", "axes", "speakers", "names", "tables", "defaults", "needs"), dict),
    **dict.fromkeys(("rate_hz", "max_length_difference_s", "max_clock_drift", "labels_unit_s"), (int, float)),
}
_FOR_PEOPLE = ("name", "description", "licence", "card", "root", "extends", "needs")


@dataclass(frozen=True)
class Recipe:
    """A checked recipe.

    Parameters
    ----------
    keys : mapping
        The keys of the module's docstring, ``extends`` already applied.
    source : str
        The file, for messages.

    Raises
    ------
    ArticulensError
        When a key is unknown, missing or of the wrong type.
    """

    keys: Mapping[str, Any]
    source: str = "recipe"

    def __post_init__(self) -> None:
        _check(self.keys, self.source)

    def __getitem__(self, key: str) -> Any:
        return self.keys[key]

    def get(self, key: str, default: Any = None) -> Any:
        """Return a key, or `default` where the recipe does not have it."""
        return self.keys.get(key, default)

    def change(self, keys: Mapping[str, Any], source: str | None = None) -> Recipe:
        """Return this recipe with some keys changed; mappings are merged, None removes."""
        return Recipe(_merge(self.keys, keys), source or self.source)

    def reader_arguments(self, speaker: str) -> dict[str, Any]:
        """Return the keyword arguments with which the reader opens a file of this speaker."""
        own = self.get("speakers", {}).get(speaker, {})
        arguments = dict(self.get("reader_options", {}))
        channels = self.get("channels", {}) | own.get("channels", {})
        channels = {sensor: source for sensor, source in channels.items() if source != "none"}
        if channels:
            arguments["channels"] = channels
        if "axes" in self.keys:
            arguments["axes"] = self["axes"]
        rate = own.get("rate_hz", self.get("rate_hz"))
        if rate is not None:
            arguments["rate_hz"] = float(rate)
        return arguments

    def check_needs(self) -> None:
        """Refuse to guess what the recipe says it does not know.

        Raises
        ------
        ArticulensError
            For the first key of ``needs`` that nothing gives.
        """
        for key, reason in self.get("needs", {}).items():
            above, _, below = key.rpartition(".")
            keys = self.get(above, {}) if above else self.keys
            if below not in keys:
                raise ArticulensError(
                    f"corpus '{self['name']}' needs '{key}', which is not known: {reason.rstrip('.')}; give it in a "
                    f"corpus.yaml in the corpus folder, or in a recipe that says 'extends: {self['name']}'; "
                    "'articulens corpus look FILE' shows what a file holds."
                )

    def fingerprint_text(self) -> str:
        """Return what decides how files are read, as one line of text."""
        return json.dumps({k: v for k, v in self.keys.items() if k not in _FOR_PEOPLE}, sort_keys=True)


def shipped_recipes() -> list[str]:
    """Return the names of the recipes that come with the package."""
    folder = resources.files("articulens.corpora") / "recipes"
    return sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml"))


def load_recipe(name_or_path: str | os.PathLike[str]) -> Recipe:
    """Load a shipped recipe by name, or a recipe file.

    Raises
    ------
    ArticulensError
        When there is none, or it is not a recipe.
    """
    keys, source = _load(str(name_or_path), ())
    return Recipe(keys, source)


def load_keys(path: Path) -> dict[str, Any]:
    """Return the keys of a YAML file as they stand, only checked to be a mapping."""
    if os.path.exists(path):
        check_file(path, max_bytes=MAX_TEXT_BYTES)
    try:
        text = path.read_text(encoding="utf-8")
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            # A few lines of them can stand for gigabytes.
            raise ArticulensError(f"{path}: refers to itself by '*'; write out what it refers to.")
        keys = yaml.safe_load(text)
    except OSError as error:
        raise ArticulensError(f"{path}: the recipe cannot be read ({error.strerror}); correct the path.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise ArticulensError(f"{path}: not valid YAML{where}; correct the recipe.") from error
    if not isinstance(keys, dict):
        raise ArticulensError(f"{path}: a recipe is a YAML mapping such as 'reader: tabular'; correct the file.")
    return {str(key): value for key, value in keys.items()}


def _load(name_or_path: str, seen: tuple[str, ...]) -> tuple[dict[str, Any], str]:
    if name_or_path in shipped_recipes():
        path = Path(str(resources.files("articulens.corpora") / "recipes" / f"{name_or_path}.yaml"))
    else:
        path = Path(name_or_path)
        if path.suffix not in (".yaml", ".yml"):
            raise ArticulensError(f"there is no recipe '{name_or_path}'{suggest(name_or_path, shipped_recipes())}")
    if str(path) in seen:
        raise ArticulensError(f"{path}: the recipe extends itself; correct its key 'extends'.")
    keys = load_keys(path)
    base = keys.pop("extends", None)
    if base is not None:
        if not isinstance(base, str):
            raise ArticulensError(f"{path}: key 'extends' is {base!r}, expected the name of a recipe; correct it.")
        if base not in shipped_recipes():
            base = str(path.parent / base)
        keys = _merge(_load(base, (*seen, str(path)))[0], keys)
    keys = _merge({}, keys)
    keys.setdefault("name", path.stem)
    return keys, str(path)


def _merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            below = merged.get(key)
            merged[key] = _merge(below if isinstance(below, dict) else {}, value)
        else:
            merged[key] = value
    return merged


def _check(keys: Mapping[str, Any], source: str) -> None:
    def fail(text: str) -> None:
        raise ArticulensError(f"{source}: {text}; correct the recipe.")

    for key, value in keys.items():
        if key not in _TYPES:
            raise ArticulensError(f"{source}: unknown key '{key}' in the recipe{suggest(key, list(_TYPES))}")
        kind = _TYPES[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            expected = "text" if kind is str else "a mapping" if kind is dict else "a number"
            fail(f"key '{key}' is {value!r}, expected {expected}")
    if "reader" not in keys:
        fail("key 'reader' is missing")
    if keys["reader"] not in READERS:
        raise ArticulensError(
            f"{source}: there is no reader '{keys['reader']}'{suggest(keys['reader'], list(READERS))}"
        )
    _check_reader(keys, fail)
    if "rate_hz" in keys and not 0 < keys["rate_hz"] < math.inf:
        fail(f"key 'rate_hz' is {keys['rate_hz']!r}, expected a number above 0")
    _check_channels(keys.get("channels", {}), "channels", fail)
    for axis, letter in keys.get("axes", {}).items():
        if axis not in AXES or not (isinstance(letter, str) and re.fullmatch(r"[+-]?\w+", letter)):
            fail(f"axis '{axis}: {letter}' is not possible, expected x, y or z and such as '+X'")
    for speaker, own in keys.get("speakers", {}).items():
        if not isinstance(own, dict) or set(own) - {"channels", "rate_hz"}:
            fail(f"speaker '{speaker}' has {own!r}, expected a mapping with 'channels' or 'rate_hz'")
        _check_channels(own.get("channels", {}), f"speakers.{speaker}.channels", fail)
        if not isinstance(own.get("rate_hz", 1), (int, float)):
            fail(f"speaker '{speaker}' has a rate of {own['rate_hz']!r}, expected a number")
    if "manifest" not in keys:
        for key in ("positions", "audio"):
            if key not in keys and key in keys.get("needs", {}):
                continue
            if key not in keys:
                fail(f"key '{key}' is missing (or give a 'manifest')")
            if "stem" not in _pattern(keys[key], key, fail).groupindex:
                fail(f"the pattern '{key}' has no group (?P<stem>...)")
    if not keys.get("labels_unit_s", 1) > 0:
        fail(f"key 'labels_unit_s' is {keys['labels_unit_s']!r}, expected a number above 0")
    if "labels" in keys:
        _pattern(keys["labels"], "labels", fail)
    for key, reason in keys.get("needs", {}).items():
        if not isinstance(reason, str):
            fail(f"'needs.{key}' is {reason!r}, expected a sentence that says what is not known")
    for field, pattern in keys.get("names", {}).items():
        _pattern(pattern, f"names.{field}", fail)
    for field, table in keys.get("tables", {}).items():
        if not isinstance(table, dict) or set(table) != {"from", "values"} or not isinstance(table["values"], dict):
            fail(f"table '{field}' is {table!r}, expected {{from: field or [fields], values: {{...}}}}")
        for value in table["values"].values():
            if isinstance(value, bool):  # YAML reads the language code of Norwegian as a truth value
                fail(f"table '{field}' holds {value!r}; put words such as 'no' and 'on' between quotes")


def _check_reader(keys: Mapping[str, Any], fail: Any) -> None:
    parameters = inspect.signature(READERS[keys["reader"]]).parameters
    known = [
        name
        for name, p in parameters.items()
        if p.kind is p.KEYWORD_ONLY and name not in ("channels", "axes", "rate_hz")
    ]
    for option in keys.get("reader_options", {}):
        if option not in known:
            fail(f"reader '{keys['reader']}' has no option '{option}' (it has {', '.join(known)})")
    for key in ("channels", "axes", "rate_hz"):
        needed = parameters[key].default is inspect.Parameter.empty
        if key not in keys and needed and key not in keys.get("needs", {}):
            fail(f"key '{key}' is missing, reader '{keys['reader']}' needs it")


def _check_channels(channels: Any, key: str, fail: Any) -> None:
    if not isinstance(channels, dict):
        fail(f"'{key}' is {channels!r}, expected a mapping of sensors to sockets")
    for sensor, source in channels.items():
        if sensor not in SENSORS:
            fail(f"'{key}' names a sensor '{sensor}', expected one of {', '.join(SENSORS)}")
        if isinstance(source, bool) or not isinstance(source, (int, str)):
            fail(f"'{key}' gives {sensor} the socket {source!r}, expected a number or a name")


def _pattern(pattern: Any, key: str, fail: Any) -> regex.Pattern[str]:
    try:
        return regex.compile(pattern)
    except (regex.error, TypeError) as error:
        fail(f"'{key}' is not a regular expression ({error})")
        raise AssertionError from error  # fail always raises
