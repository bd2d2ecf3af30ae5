"""Where the sensors are: from a tract state to the positions of TT, TB, TD, UL, LL and JAW.

Tongue sensors sit on the mid-sagittal tongue surface at fixed distances behind the tip, measured along it, as
glued coils do. The lips and the lower incisor are read off the model's outlines. The library moves both lips
forward together; here the upper lip does not follow the jaw, and the lower lip rides on it (60 % of the
incisor's turn), which no sound depends on.
"""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline, RegularGridInterpolator

from articulens.synthesis.shapes import Shapes
from articulens.synthesis.vtl import Floats, P, VocalTract

SENSORS = ("TT", "TB", "TD", "UL", "LL", "JAW")
CHANNELS = tuple(f"{sensor}.{axis}" for sensor in SENSORS for axis in "xz")
BEHIND_TIP_CM = (0.8, 2.7, 4.6)  # on a tongue of the library's speaker; scales with the tongue
_REFERENCE_TONGUE_CM = 6.9
_UPPER_SKIN, _LOWER_SKIN, _MIDDLE_RIB = 21, 22, 8
_LOWER_LIP_ON_JAW = 0.6


class SensorModel:
    """Reads six sensors off one speaker's geometry; all in mm, x forward, z up.

    Parameters
    ----------
    shapes
        The calibrated speaker.
    """

    def __init__(self, shapes: Shapes) -> None:
        self.tract: VocalTract = shapes.tract
        neutral = shapes.vowels["i"]
        tongue = self.tract.tongue_midline(neutral)[:23]
        scale = np.hypot(*np.diff(tongue, axis=0).T).sum() / _REFERENCE_TONGUE_CM
        self.behind_tip = np.array(BEHIND_TIP_CM) * scale + np.array(shapes.speaker.sensor_offsets_mm) / 10
        self._fit_jaw(shapes.vowels["a"])
        self._fit_lips(shapes)

    def _fit_jaw(self, state: Floats) -> None:
        """Fit the lower incisor as a polynomial in jaw angle and advance (exact to 0.02 mm)."""
        rows, places = [], []
        for angle in (-7.0, -5.0, -3.0, -1.0, 0.0):
            for advance in (self.tract.low[P["JX"]], 0.0):
                trial = state.copy()
                trial[[P["JA"], P["JX"]]] = angle, advance
                rows.append(_jaw_terms(angle, advance))
                places.append(self.tract.surface(trial, _LOWER_SKIN)[_MIDDLE_RIB, 0, :2])
        self._jaw = np.linalg.lstsq(np.array(rows), np.array(places), rcond=None)[0]

    def _fit_lips(self, shapes: Shapes) -> None:
        """Tabulate both lips over protrusion, opening and jaw angle: much cheaper than a mesh per frame."""
        base = shapes.vowels["a"].copy()
        base[P["JX"]] = 0.0
        protrusion = np.linspace(-1.0, 1.0, 9)
        opening = np.array([-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0])
        angle = np.array([-7.0, -4.0, -2.0, 0.0])
        table = np.empty((len(protrusion), len(opening), len(angle), 4))
        for i, lp in enumerate(protrusion):
            for j, ld in enumerate(opening):
                for k, ja in enumerate(angle):
                    base[[P["LP"], P["LD"], P["JA"]]] = lp, ld, ja
                    outline = self.tract.outlines(base)
                    table[i, j, k] = [*outline["upper"][-1], *outline["lower"][-1]]
        skin = self.tract.surface(base, _UPPER_SKIN)[_MIDDLE_RIB, -1, :2] - outline["upper"][-1]
        skin = np.r_[skin, self.tract.surface(base, _LOWER_SKIN)[_MIDDLE_RIB, -1, :2] - outline["lower"][-1]]
        self._lips = RegularGridInterpolator(
            (protrusion, opening, angle), table + skin, bounds_error=False, fill_value=None
        )

    def jaw(self, states: Floats) -> Floats:
        """Return the lower incisor (n, 2) in cm of `states` (n, 19)."""
        return _jaw_terms(states[:, P["JA"]], states[:, P["JX"]]).T @ self._jaw

    def lips(self, states: Floats) -> Floats:
        """Return upper lip x, z and lower lip x, z (n, 4) in cm of `states` (n, 19)."""
        lips = self._lips(states[:, [P["LP"], P["LD"], P["JA"]]])
        turned, straight = states.copy(), states.copy()
        turned[:, P["JX"]] = 0.0
        straight[:, [P["JA"], P["JX"]]] = -2.0, 0.0
        ride = _LOWER_LIP_ON_JAW * (self.jaw(turned) - self.jaw(straight))[:, 0]
        lips[:, 2] += ride + states[:, P["JX"]]
        return lips

    def tongue(self, state: Floats) -> Floats:
        """Return TT, TB, TD as x, z, x, z, x, z (6,) in cm of one state."""
        line = self.tract.tongue_midline(state)
        along = np.r_[0.0, np.cumsum(np.hypot(*np.diff(line, axis=0).T))]
        return np.c_[
            np.interp(self.behind_tip, along, line[:, 0]), np.interp(self.behind_tip, along, line[:, 1])
        ].ravel()

    def positions(self, states: Floats) -> Floats:
        """Return all channels (n, 12) in mm, in the order of `CHANNELS`, for `states` (n, 19)."""
        tongue = np.array([self.tongue(state) for state in states])
        return 10.0 * np.hstack([tongue, self.lips(states), self.jaw(states)])


def _jaw_terms(angle: Floats | float, advance: Floats | float) -> Floats:
    angle, advance = np.asarray(angle, float), np.asarray(advance, float)
    return np.array([np.ones_like(angle), angle, advance, angle**2, angle * advance])


def refine(positions: Floats, step: int) -> Floats:
    """Return `positions` (n, channels) on a grid `step` times finer, by cubic splines."""
    n = len(positions)
    return np.asarray(CubicSpline(np.arange(n), positions)(np.arange((n - 1) * step + 1) / step))
