"""One speaker's vowels and consonants as tract states, fitted to that speaker's mouth.

The library's shapes were made for one man. On another anatomy a closure may stay open and an /i/ may touch the
palate, so each speaker is calibrated: closures are pushed until they close, fricatives until they hiss, vowels
are moved a little towards two reference formants scaled by the length of this vocal tract, then kept open.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from articulens.errors import ArticulensError
from articulens.synthesis import calibration
from articulens.synthesis.anatomy import Speaker
from articulens.synthesis.inventory import VOWELS
from articulens.synthesis.vtl import Floats, P, VocalTract

LIPS = [P["LP"], P["LD"]]
BODY = [P[name] for name in ("TCX", "TCY", "TBX", "TBY", "TTX", "TTY")]
TONGUE = BODY + [P[name] for name in ("TRX", "TRY", "TS1", "TS2", "TS3", "HX", "HY", "VS", "JA", "JX")]
REST = "rest"

CLOSED_CM2 = 1e-3  # below this area no air passes
OVERSHOOT_CM = 0.14  # how far a closure's target lies beyond contact
OPEN_CM2 = {"i": 0.24, "y": 0.22, "u": 0.16, "ɨ": 0.24, "ʉ": 0.22, "ɪ": 0.26}
OPEN_DEFAULT_CM2 = 0.30
_GIVES_CM2 = (0.03, 0.015, 0.05)  # how far below its smallest area a vowel is let for one standard deviation
_CLOSE_ENOUGH = 0.03  # of log formants
_SCHWA_REFERENCE_HZ = np.array([435.0, 1592.0, 2467.0])  # of the library's own speaker, measured
# What may move to reach a vowel's formants, and by how much (1 standard deviation; cm, degrees for JA).
_FREE = {"TCX": 0.35, "TCY": 0.30, "TTX": 0.2, "TTY": 0.25, "TBX": 0.2, "TBY": 0.25, "LD": 0.25, "LP": 0.2, "JA": 0.8}
# Everything that decides where a vowel of a given mouth ends.
_RECIPE = repr((VOWELS, OPEN_CM2, OPEN_DEFAULT_CM2, _GIVES_CM2, _CLOSE_ENOUGH, _SCHWA_REFERENCE_HZ.tolist(), _FREE))
# The parameter that tightens a constriction, and its direction.
TIGHTEN = {
    "ll-labial-closure": ("LD", -1),
    "tt-alveolar-closure": ("TTY", 1),
    "tb-velar-closure": ("TCY", 1),
}


def widen(state: Floats, front: bool, step_cm: float) -> None:
    """Open a state in place: lips and jaw if the narrow place is in `front`, else the tongue."""
    if front:
        state[P["LD"]] += step_cm
        state[P["JA"]] -= 6 * step_cm  # degrees
    else:
        state[[P["TCY"], P["TBY"], P["TTY"]]] -= step_cm, step_cm, 0.7 * step_cm


class Shapes:
    """The tract states of one speaker.

    Parameters
    ----------
    speaker, tract
        Whose.
    anew
        Search for the vowels even where `articulens.synthesis.calibration` keeps them.

    Attributes
    ----------
    vowels
        Inventory vowel, or ``rest``, to state (19,).
    consonants
        Shape name to states (3, 19) in the contexts a, i, u.
    key
        Under which the vowels would be kept.
    report
        What calibration did: shape to (steps taken, area in cm² reached); vowels also formants.
    """

    def __init__(self, speaker: Speaker, tract: VocalTract, *, anew: bool = False) -> None:
        self.speaker, self.tract = speaker, tract
        named = tract.shapes
        self.report: dict[str, list[float]] = {}
        self.scale = float(np.mean(tract.formants(named["@"])[:3] / _SCHWA_REFERENCE_HZ))
        if not np.isfinite(self.scale):
            raise ArticulensError(
                f"anatomy of {speaker.id}: its neutral vowel has no three formants, so this is not a mouth; choose an "
                "anatomy nearer to the library's own."
            )
        self.key = calibration.key(speaker, _RECIPE)
        kept = {} if anew else calibration.kept(self.key)
        self.vowels: dict[str, Floats] = {}
        for name in VOWELS:
            if name in kept:
                state, self.report[f"vowel {name}"] = kept[name]
                self.vowels[name] = np.array(state)
            else:
                self.vowels[name] = self._vowel(name)
        rest = 0.5 * named["@"] + 0.5 * named["i"]
        rest[[P["LD"], P["JA"], P["VO"]]] = 0.25, -1.5, 0.4
        self.vowels[REST] = rest
        self.consonants = {
            name.partition("(")[0]: np.array([named[f"{name.partition('(')[0]}({c})"] for c in "aiu"])
            for name in named
            if name.endswith("(a)")
        }
        self._build_consonants()
        corners = [self.vowels[name] for name in ("a", "i", "u")]
        self._triangle = np.vstack([np.array([c[[P["TCX"], P["TCY"]]] for c in corners]).T, np.ones(3)])
        self._lip_range = self.vowels["i"][P["LP"]], self.vowels["u"][P["LP"]]

    # ---- vowels
    def _vowel(self, name: str) -> Floats:
        vowel, named = VOWELS[name], self.tract.shapes
        state = sum(weight * named[shape] for shape, weight in vowel.mix.items())
        state = np.array(state)
        if vowel.lips:
            state[LIPS] = named[vowel.lips][LIPS]
        schwa = named["@"]
        wanted = np.log(np.array([vowel.f1_hz, vowel.f2_hz]) * self.scale)
        neutral = np.log(_SCHWA_REFERENCE_HZ[:2] * self.scale)
        wanted = neutral + self.speaker.vowel_space * (wanted - neutral)
        state = schwa + self.speaker.vowel_space * (state - schwa)
        state[P["VO"]] = -0.1
        smallest = OPEN_CM2.get(name, OPEN_DEFAULT_CM2)
        state, _, _ = self._open(self.tract.clip(state), smallest)  # a closed tract has no vowel formants
        # The search is short and the space crooked: how stiffly walls are kept apart decides where it ends.
        found: list[tuple[float, Floats, int, float]] = []
        for give_cm2 in _GIVES_CM2:
            try:
                reached = self._open(self._reach(state, wanted, smallest, give_cm2), smallest)
            except ArticulensError:
                if give_cm2 == _GIVES_CM2[-1] and not found:
                    raise
                continue
            miss = float(np.abs(np.log(self.tract.formants(reached[0])[:2]) - wanted).max())
            found.append((miss, *reached))
            if miss < _CLOSE_ENOUGH:
                break
        _, state, steps, area = min(found, key=lambda candidate: candidate[0])
        self.report[f"vowel {name}"] = [steps, round(area, 3), *np.round(self.tract.formants(state)[:2]).tolist()]
        return state

    def _reach(self, start: Floats, wanted: Floats, area: float, give_cm2: float) -> Floats:
        """Move `start` towards log formants `wanted` by at most eleven damped Gauss-Newton steps with a prior."""
        index = [P[name] for name in _FREE]
        width = np.array(list(_FREE.values()))

        def residual(z: Floats) -> Floats:
            state = start.copy()
            state[index] += width * z
            formants = np.log(self.tract.formants(self.tract.clip(state))[:2])
            narrow = max(0.0, 1.15 * area - self.tract.oral_area(self.tract.clip(state))) / give_cm2
            return np.array([*(formants - wanted) / 0.03, narrow])

        z = np.zeros(len(index))
        best, best_cost = z, np.inf
        for _ in range(12):
            r = residual(z)
            cost = float(r @ r + z @ z)
            if not np.isfinite(cost):
                break
            if cost < best_cost:
                best, best_cost = z, cost
            if np.abs(r).max() < 0.7:  # both formants within 2 %, wide enough
                break
            step = 0.15
            jacobian = np.array([(residual(z + step * e) - r) / step for e in np.eye(len(z))]).T
            if not np.isfinite(jacobian).all():
                break
            delta = np.linalg.solve(jacobian.T @ jacobian + np.eye(len(z)), -(jacobian.T @ r) - z)
            z = np.clip(z + np.clip(delta, -1.2, 1.2), -2.5, 2.5)
        state = start.copy()
        state[index] += width * best
        return self.tract.clip(state)

    def _open(self, state: Floats, smallest: float) -> tuple[Floats, int, float]:
        """Widen a vowel or glide until its narrowest place has `smallest` cm²."""
        state = state.copy()
        for steps in range(60):
            area, front = self.tract.narrowest(state)
            if area >= smallest:
                return state, steps, area
            widen(state, front, 0.03)
        raise ArticulensError(
            f"anatomy of {self.speaker.id}: a vowel stays narrower than {smallest} cm² ({area:.2f} cm² after 60 "
            "steps); choose an anatomy nearer to the library's own."
        )

    # ---- consonants
    def _build_consonants(self) -> None:
        k = self.consonants
        for name, (parameter, sign) in TIGHTEN.items():
            for context in range(3):
                k[name][context] = self._tighten(f"{name}({'aiu'[context]})", k[name][context], P[parameter], sign)
        velar = k["tb-velar-closure"].copy()
        velar[:, P["TS2"]] = 1.0
        for context in range(3):  # the velar fricative: a closure lowered until air passes
            steps = 0
            while self.tract.oral_area(velar[context]) < 0.13 and steps < 40:
                velar[context, P["TCY"]] -= 0.05
                steps += 1
        k["velar-fricative"] = velar
        palatal, post = k["tb-palatal-fricative"], k["tt-postalveolar-fricative"]
        mixed = 0.5 * palatal[[1, 1, 1]] + 0.5 * post[[1, 1, 2]]
        mixed[:, P["TS3"]] = 1.0
        mixed[:, P["LP"]] = post[:, P["LP"]]
        k["alveolo-palatal-fricative"] = mixed
        glide = 0.45 * palatal + 0.55 * self.vowels["i"]
        glide[:, LIPS] = palatal[:, LIPS]
        glide[:, P["TS3"]] = 0.0
        for context in range(3):
            glide[context], steps, area = self._open(glide[context], 0.2)
            self.report[f"palatal-glide({'aiu'[context]})"] = [steps, round(area, 3)]
        k["palatal-glide"] = glide
        for name in ("tt-alveolar-fricative", "tt-postalveolar-fricative", "alveolo-palatal-fricative"):
            for context in range(3):
                k[name][context] = self._hiss(name, k[name][context], context)

    def _tighten(self, name: str, state: Floats, parameter: int, sign: int) -> Floats:
        """Loosen a closure until it opens, push until it just closes, and overshoot a little."""
        state = state.copy()
        for _ in range(16):
            if self.tract.oral_area(state) > CLOSED_CM2:
                break
            state[parameter] -= sign * 0.05
        for steps in range(40):
            if self.tract.oral_area(state) <= CLOSED_CM2:
                self.report[name] = [steps, 0.0]
                state[parameter] += sign * OVERSHOOT_CM
                return state
            state[parameter] += sign * 0.05
        raise ArticulensError(
            f"anatomy of {self.speaker.id}: the shape {name} still lets air through after 2 cm of pushing; choose an "
            "anatomy nearer to the library's own."
        )

    def _hiss(self, name: str, state: Floats, context: int) -> Floats:
        """Bring a sibilant's constriction between 0.05 and 0.20 cm² by lifting or lowering the blade."""
        state = state.copy()
        for _ in range(30):
            area = self.tract.oral_area(state)
            if 0.05 <= area <= 0.20:
                break
            state[[P["TTY"], P["TBY"]]] += 0.02 if area > 0.20 else -0.02
        self.report[f"{name}({'aiu'[context]})"] = [round(self.tract.oral_area(state), 3)]
        return state

    def summary(self) -> dict[str, Any]:
        """Return the tract length on /i/ (cm), the formant scale and what calibration did."""
        length = round(self.tract.length(self.vowels["i"]), 2)
        return {"length_i": length, "formant_scale": round(self.scale, 4), "calibration": self.report}

    def context(self, vowel: Floats) -> tuple[Floats, float]:
        """Return a vowel's place between a, i and u (3 weights that sum to 1) and its lip rounding, 0 to 1."""
        weights = np.linalg.solve(self._triangle, np.array([vowel[P["TCX"]], vowel[P["TCY"]], 1.0]))
        weights = np.clip(weights, 0.0, None)
        low, high = self._lip_range
        rounding = float(np.clip((vowel[P["LP"]] - low) / (high - low), 0.0, 1.0))
        return weights / weights.sum(), rounding
