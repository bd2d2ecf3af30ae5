"""A thin, safe wrapper round the physical articulatory synthesiser VocalTractLab.

Everything this project knows about the library's habits is in this file: its parameters are global, its named
shapes vanish once the anatomy was changed, and its own clean-up crashes at exit. The speaker file that comes
with the library is read at run time, through its interface; nothing of it is copied.

References
----------
Birkholz, P. (2013). Modeling consonant-vowel coarticulation for articulatory speech synthesis.
PLoS ONE 8(4), e60603. https://www.vocaltractlab.de
"""

from __future__ import annotations

import atexit
import functools
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from articulens.errors import ArticulensError

Floats = NDArray[np.float64]

SAMPLE_RATE = 44100
TRACT = tuple("HX HY JX JA LP LD VS VO TCX TCY TTX TTY TBX TBY TRX TRY TS1 TS2 TS3".split())
GLOTTIS = tuple("F0 PR XB XT CA PL RA DP PS FL AS".split())
P = {name: index for index, name in enumerate(TRACT)}
G = {name: index for index, name in enumerate(GLOTTIS)}
ANATOMY = (
    "lip_width mandible_height lower_molars_height upper_molars_height palate_height palate_depth "
    "hard_palate_length soft_palate_length pharynx_length larynx_length larynx_width vocal_fold_length "
    "mouth_angle"
).split()

VOWEL_SHAPES = tuple("a e i o u E: 2 y I E O U 9 Y @ 6".split())
CONSONANT_SHAPES = (
    "ll-labial-closure",
    "ll-dental-fricative",
    "tt-alveolar-closure",
    "tt-alveolar-lateral",
    "tt-alveolar-fricative",
    "tt-postalveolar-fricative",
    "tb-palatal-fricative",
    "tb-velar-closure",
)
GLOTTIS_SHAPES = (
    "modal",
    "breathy",
    "h",
    "voiced-fricative",
    "voiced-plosive",
    "voiceless-fricative",
    "voiceless-plosive",
)
_TONGUE_SURFACE, _MIDLINE, _TOP_OF_TIP = 16, 5, 33
_TEETH_SECTION = 37  # of 40 tube sections


def require() -> ModuleType:
    """Return the synthesiser's module, or say in one sentence how to install it.

    Raises
    ------
    ArticulensError
        When the optional extra ``[synth]`` is not installed.
    """
    try:
        import vocaltractlab_cython
        from vocaltractlab_cython import VocalTractLabApi
    except ImportError as error:
        raise ArticulensError(
            "articulens.synthesis: the package vocaltractlab-cython was not found, and making speech needs it; "
            'install the extra with `pip install "articulens[synth]"` (Linux x86_64, Windows or Apple silicon).'
        ) from error
    # The library frees itself at exit and crashes there once the anatomy was changed.
    atexit.unregister(VocalTractLabApi._close)
    return vocaltractlab_cython


@functools.cache
def _library() -> tuple[ModuleType, dict[str, Floats], dict[str, Floats], Floats, Floats, Floats]:
    """Load the library once and read what a change of anatomy would make unreadable."""
    vtl = require()
    for kind, known in (("tract", TRACT), ("glottis", GLOTTIS)):
        found = tuple(item["name"] for item in vtl.get_param_info(kind))
        if found != known:
            raise ArticulensError(
                f"vocaltractlab-cython: its {kind} parameters are {' '.join(found)}, but {' '.join(known)} were "
                "expected; install the version that this package pins (vocaltractlab-cython==0.0.17)."
            )
    names = list(VOWEL_SHAPES) + [f"{shape}({vowel})" for shape in CONSONANT_SHAPES for vowel in "aiu"]
    tract = {name: np.array(vtl.get_shape(name, "tract"), float).ravel() for name in names}
    glottis = {name: np.array(vtl.get_shape(name, "glottis"), float).ravel() for name in GLOTTIS_SHAPES}
    low, high = _limits(vtl)
    return vtl, tract, glottis, low, high, np.array(vtl.get_anatomy_params(), float)


def _limits(vtl: ModuleType) -> tuple[Floats, Floats]:
    info: list[dict[str, Any]] = vtl.get_param_info("tract")
    return np.array([float(p["min"]) for p in info]), np.array([float(p["max"]) for p in info])


def default_anatomy() -> Floats:
    """Return the 13 anatomy numbers of the library's own speaker (cm; the last in degrees)."""
    return _library()[5].copy()


class VocalTract:
    """One anatomy: its named shapes, its geometry and its sound.

    Parameters
    ----------
    anatomy
        13 numbers in the order of `ANATOMY`, in cm and (the last) degrees; None for the library's own speaker.

    Raises
    ------
    ArticulensError
        When a number is missing, not finite, or outside 0.6 to 1.5 times that of the library's speaker.

    Notes
    -----
    The library holds one anatomy at a time. Each call here first makes sure that it is this one, so several
    tracts may be used in turn; its results do not depend on what was used before (a test says so).
    """

    _current: tuple[float, ...] | None = None

    def __init__(self, anatomy: Floats | list[float] | tuple[float, ...] | None = None) -> None:
        self._vtl, tract, glottis, low, high, reference = _library()
        numbers = reference if anatomy is None else np.asarray(anatomy, float).ravel()
        check_anatomy(numbers, reference)
        self.anatomy = tuple(float(number) for number in numbers)
        self._activate()
        self.low, self.high = _limits(self._vtl)
        # A named shape is kept at the same relative place inside each parameter's range.
        place = {name: (shape - low) / (high - low) for name, shape in tract.items()}
        self.shapes = {name: self.low + at * (self.high - self.low) for name, at in place.items()}
        self.glottis_shapes = {name: shape.copy() for name, shape in glottis.items()}

    def _activate(self) -> None:
        if VocalTract._current != self.anatomy:
            self._vtl.set_anatomy_params(np.array(self.anatomy))
            VocalTract._current = self.anatomy

    def clip(self, states: Floats) -> Floats:
        """Return tract `states` (..., 19) inside the range of each parameter."""
        return np.clip(states, self.low, self.high)

    def tongue_midline(self, state: Floats) -> Floats:
        """Return the mid-sagittal tongue surface (33, 2) in cm, from the tip backwards."""
        self._activate()
        surface = self._vtl.get_surface_vertices(np.ascontiguousarray(state), _TONGUE_SURFACE)
        return np.asarray(surface[:_TOP_OF_TIP, _MIDLINE, :2][::-1], float)

    def outlines(self, state: Floats) -> dict[str, Floats]:
        """Return the mid-sagittal outlines ``upper, lower, tongue, epiglottis``, each (points, 2) in cm."""
        self._activate()
        return dict(self._vtl.get_outlines(np.ascontiguousarray(state)))

    def surface(self, state: Floats, index: int) -> Floats:
        """Return one surface (ribs, points, 3) of the model, in cm."""
        self._activate()
        return np.asarray(self._vtl.get_surface_vertices(np.ascontiguousarray(state), index), float)

    def tube(self, state: Floats) -> tuple[Floats, Floats]:
        """Return lengths (40,) in cm and areas (40,) in cm² of the tube sections from glottis to lips."""
        self._activate()
        tube = self._vtl.tract_state_to_tube_state(np.ascontiguousarray(state))
        return np.asarray(tube["tube_length"], float), np.asarray(tube["tube_area"], float)

    def narrowest(self, state: Floats) -> tuple[float, bool]:
        """Return the oral constriction: its area in cm², and whether it is at the teeth or lips.

        Only the front 55 % of the tract counts: what happens in the pharynx is no articulation of these phones.
        """
        length, area = self.tube(state)
        oral = int(np.flatnonzero(np.cumsum(length) / length.sum() > 0.45)[0])
        at = oral + int(area[oral:].argmin())
        return float(area[at]), at >= _TEETH_SECTION

    def oral_area(self, state: Floats) -> float:
        """Return the area of the oral constriction in cm² (see `narrowest`)."""
        return self.narrowest(state)[0]

    def length(self, state: Floats) -> float:
        """Return the length of the tract in cm."""
        return float(self.tube(state)[0].sum())

    def formants(self, state: Floats, count: int = 4) -> Floats:
        """Return the first `count` formants (Hz) of a static state, from its transfer function's peaks.

        The peaks are interpolated on a 43 Hz grid; a state without that many peaks gives NaN.
        """
        self._activate()
        n = 1024
        spectrum = self._vtl.tract_state_to_transfer_function(np.ascontiguousarray(state), n_spectrum_samples=n)
        level = np.log(np.asarray(spectrum["magnitude_spectrum"], float)[: n // 2] + 1e-12)
        peak = np.flatnonzero((level[1:-1] > level[:-2]) & (level[1:-1] >= level[2:])) + 1
        left, middle, right = level[peak - 1], level[peak], level[peak + 1]
        at = (peak + (left - right) / (2 * (left - 2 * middle + right))) * SAMPLE_RATE / n
        return np.pad(at[:count], (0, max(0, count - len(at))), constant_values=np.nan)

    def speak(self, tract: Floats, glottis: Floats, samples_per_state: int) -> Floats:
        """Return audio at 44.1 kHz for tract states (n, 19) and glottis states (n, 11)."""
        self._activate()
        return np.asarray(
            self._vtl.synth_block(np.ascontiguousarray(tract), np.ascontiguousarray(glottis), samples_per_state),
            float,
        )


def check_anatomy(numbers: Floats, reference: Floats) -> None:
    """Raise `ArticulensError` unless `numbers` are 13 lengths that a human mouth can have."""
    if numbers.shape != reference.shape or not np.isfinite(numbers).all():
        raise ArticulensError(
            f"anatomy: {numbers.size} numbers were found ({int((~np.isfinite(numbers)).sum())} not finite), but "
            f"{len(ANATOMY)} finite ones are needed: {', '.join(ANATOMY)}."
        )
    ratio = numbers / reference
    wrong = np.flatnonzero((ratio < 0.6) | (ratio > 1.5))
    if wrong.size:
        k = int(wrong[0])
        low, high = sorted((0.6 * reference[k], 1.5 * reference[k]))
        raise ArticulensError(
            f"anatomy: {ANATOMY[k]} is {numbers[k]:g}, but {low:.3g} to {high:.3g} is what the synthesiser can "
            "shape into a mouth; choose a value in that range."
        )
