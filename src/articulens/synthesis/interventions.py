"""Interventions: the same utterance said again with one articulator moved, held, delayed or damped.

====================  ==============================================================================
``TT.z+3``            move: the tongue tip's target lies 3 mm higher in every phone (not in pauses)
``TT.z=2``            clamp: held 2 mm above its place at rest, whatever the phone
``TB=0``              clamp both axes at rest
``LL@+40``            delay: everything the lips do comes 40 ms later (``@-40``: earlier)
``TD.x*0.5``          damp: movements about the utterance's mean are half as large
====================  ==============================================================================

An intervention acts on the articulator's *own two parameters* (tongue tip TTX TTY; blade TBX TBY; body TCX TCY;
lips LP LD, shared by both lips; jaw JX JA); every other cause, random draws included, stays the same. Other sensors
move only through the anatomy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from articulens.errors import ArticulensError, suggest
from articulens.synthesis.phonology.segments import Segment
from articulens.synthesis.sensors import CHANNELS, SENSORS, SensorModel
from articulens.synthesis.shapes import REST, Shapes
from articulens.synthesis.vtl import Floats, P

PARAMETERS = {
    "TT": ("TTX", "TTY"),
    "TB": ("TBX", "TBY"),
    "TD": ("TCX", "TCY"),
    "UL": ("LP", "LD"),
    "LL": ("LP", "LD"),
    "JAW": ("JX", "JA"),
}
_KINDS = {"+": "move", "-": "move", "=": "clamp", "@": "delay", "*": "damp"}
_GRAMMAR = re.compile(r"^\s*([A-Za-z]+)(?:\.([xyzXYZ]))?\s*([+\-=@*])\s*([+-]?\d+(?:\.\d+)?)\s*(?:mm|ms)?\s*$")
_MM = 0.1  # cm
# Largest parameter movement per requested movement, along and across the axis: in contact the sensor is deaf.
_ALONG, _ACROSS = 3.0, 0.7
_REACH = 0.25  # share of a move that the typical phone must reach, or the mouth cannot do it
_PROBE = {"JA": 0.5, "JX": 0.05}  # steps for derivatives; cm unless JA


@dataclass(frozen=True)
class Intervention:
    """One change of one articulator.

    Attributes
    ----------
    sensor, axis
        ``TT``...``JAW``; ``x``, ``z`` or None for both.
    kind
        ``move`` (value in mm), ``clamp`` (mm from rest), ``delay`` (ms) or ``damp`` (factor).
    value
        In the unit of the kind.
    """

    sensor: str
    axis: str | None
    kind: str
    value: float

    @property
    def parameters(self) -> tuple[str, ...]:
        """The tract parameters that are changed."""
        both = PARAMETERS[self.sensor]
        return both if self.axis is None else (both["xz".index(self.axis)],)

    def __str__(self) -> str:
        place = self.sensor + (f".{self.axis}" if self.axis else "")
        return place + {"move": f"{self.value:+g}", "clamp": f"={self.value:g}"}.get(
            self.kind, f"@{self.value:+g}" if self.kind == "delay" else f"*{self.value:g}"
        )

    def on_targets(self, segments: list[Segment], targets: Floats, shapes: Shapes, sensors: SensorModel) -> Floats:
        """Return `targets` (segments, 19) changed; a delay leaves them as they are.

        Raises
        ------
        ArticulensError
            When this mouth cannot do a move: the typical phone reaches less than a quarter of it.
        """
        targets = targets.copy()
        spoken = np.array([segment.kind != "P" for segment in segments])
        columns = np.array([P[name] for name in self.parameters])
        if self.kind == "damp":
            weights = np.array([segment.duration_s for segment in segments]) * spoken
            mean = weights @ targets[:, columns] / weights.sum()
            targets[np.ix_(spoken, columns)] = mean + self.value * (targets[np.ix_(spoken, columns)] - mean)
        elif self.kind == "clamp":
            held = self._shift(shapes.vowels[REST], sensors) if self.value else shapes.vowels[REST]
            targets[np.ix_(spoken, columns)] = held[columns]
        elif self.kind == "move":
            before = targets[spoken]
            for k in np.flatnonzero(spoken):
                targets[k] = self._shift(targets[k], sensors)
            self._check_reach(before, shapes.tract.clip(targets[spoken]), sensors)
        return shapes.tract.clip(targets)

    def _check_reach(self, before: Floats, after: Floats, sensors: SensorModel) -> None:
        """Raise unless the typical phone's target moved a good part of the way."""
        row = CHANNELS.index(f"{self.sensor}.{self.axis}")
        reached = float(np.median(sensors.positions(after)[:, row] - sensors.positions(before)[:, row]))
        if self.value and reached / self.value < _REACH:
            raise ArticulensError(
                f"intervention {self}: this anatomy lets {self.sensor} move {reached:+.1f} mm where {self.value:+g} mm "
                "were asked for; choose the other direction, a smaller value or another articulator."
            )

    def delays_ms(self) -> dict[str, float]:
        """Return the delay per tract parameter (empty unless the kind is ``delay``)."""
        return dict.fromkeys(self.parameters, self.value) if self.kind == "delay" else {}

    def _shift(self, state: Floats, sensors: SensorModel) -> Floats:
        """Return `state` with this sensor moved by `value` mm along the axis and nowhere along the other."""
        names = PARAMETERS[self.sensor]
        rows = [CHANNELS.index(f"{self.sensor}.{axis}") for axis in "xz"]
        start = sensors.positions(state[None])[0, rows]
        goal = start + np.array([self.value if self.axis in (None, axis) else 0.0 for axis in "xz"])
        moved = state.copy()
        for _ in range(3):
            at = sensors.positions(moved[None])[0, rows]
            slope = np.empty((2, 2))
            for column, name in enumerate(names):
                step = _PROBE.get(name, 0.05) * (np.sign(goal - at)[column] or 1.0)
                trial = moved.copy()
                trial[P[name]] += step
                slope[:, column] = (sensors.positions(trial[None])[0, rows] - at) / step
            # Where the sensor does not follow its parameters at all (in full contact), nothing is to be solved.
            damping = (1e-3 * np.trace(slope.T @ slope) + 1e-9) * np.eye(2)
            delta = np.linalg.solve(slope.T @ slope + damping, slope.T @ (goal - at))
            for column, name in enumerate(names):
                gain = _ALONG if self.axis in (None, "xz"[column]) else _ACROSS
                limit = gain * abs(self.value) * (_MM if name != "JA" else 1.0)
                move = moved[P[name]] + delta[column] - state[P[name]]
                moved[P[name]] = state[P[name]] + np.clip(move, -limit, limit)
        return moved


def parse(text: str) -> tuple[Intervention, ...]:
    """Return the interventions in `text`, several of them separated by commas.

    Raises
    ------
    ArticulensError
        For an unknown sensor, an axis that the model does not have, or a sentence outside the grammar.
    """
    return tuple(_parse_one(part) for part in text.split(",") if part.strip())


def _parse_one(text: str) -> Intervention:
    match = _GRAMMAR.match(text)
    if not match:
        raise ArticulensError(
            f"intervention {text!r} cannot be read; write SENSOR[.AXIS] and one of +MM -MM =MM @MS *FACTOR, "
            "for example TT.z+3, TB=0, LL@+40 or TD.x*0.5."
        )
    sensor, axis, sign, number = match.groups()
    sensor = sensor.upper()
    if sensor not in SENSORS:
        raise ArticulensError(f"intervention {text!r}: no sensor {sensor!r}{suggest(sensor, SENSORS)}")
    axis = axis.lower() if axis else None
    if axis == "y":
        raise ArticulensError(
            f"intervention {text!r}: the model is mid-sagittal and has no y; use x (forward) or z (up)."
        )
    kind, value = _KINDS[sign], float(number)
    if kind == "move" and sign == "-":
        value = -value
    if kind == "damp" and value < 0:
        raise ArticulensError(f"intervention {text!r}: a damping factor of {value:g} was found; use 0 or more.")
    if kind == "move" and axis is None:
        raise ArticulensError(f"intervention {text!r}: a move needs an axis; write {sensor}.x or {sensor}.z.")
    return Intervention(sensor, axis, kind, value)
