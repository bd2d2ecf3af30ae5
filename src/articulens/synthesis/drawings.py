"""Mid-sagittal outlines of a speaker's phones, as small lists that can be drawn without the synthesiser."""

from __future__ import annotations

from typing import Any

import numpy as np

from articulens.synthesis.render import SpeechProducer
from articulens.synthesis.sensors import CHANNELS
from articulens.synthesis.vtl import Floats

# Phone to draw: a vowel, or (consonant shape, context).
_CONSONANTS = {
    "t": ("tt-alveolar-closure", 0),
    "k": ("tb-velar-closure", 0),
    "p": ("ll-labial-closure", 0),
    "s": ("tt-alveolar-fricative", 0),
    "ʂ": ("tt-postalveolar-fricative", 0),
    "tʲ": ("tt-alveolar-closure", 1),
}
_VOWELS = ("i", "æ", "ɑ", "u", "y", "ɨ", "rest")


def drawings(producer: SpeechProducer) -> dict[str, dict[str, Any]]:
    """Return outlines and sensors of some phones, in hundredths of a cm (integers).

    Returns
    -------
    dict
        Phone to ``upper, lower, tongue`` (points, 2) and ``sensors`` (6, 2), the last in the order of
        `articulens.synthesis.sensors.SENSORS`.
    """
    shapes = producer.shapes
    states = {name: shapes.vowels[name] for name in _VOWELS}
    states |= {phone: shapes.consonants[shape][context] for phone, (shape, context) in _CONSONANTS.items()}
    return {phone: _draw(producer, state) for phone, state in states.items()}


def _draw(producer: SpeechProducer, state: Floats) -> dict[str, Any]:
    state = producer.tract.clip(state)
    outlines = producer.tract.outlines(state)
    points = {name: np.round(100 * outlines[name]).astype(int).tolist() for name in ("upper", "lower")}
    points["tongue"] = np.round(100 * producer.tract.tongue_midline(state)).astype(int).tolist()
    sensors = producer.sensors.positions(state[None])[0].reshape(len(CHANNELS) // 2, 2)
    points["sensors"] = np.round(10 * sensors).astype(int).tolist()
    return points
