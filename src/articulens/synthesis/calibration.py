"""Where the vowels of the bundled mouths ended, kept so that their speech can be made again on any processor.

Calibration (`articulens.synthesis.shapes`) takes a few steps through a crooked space. Two processors, or two builds of
one linear algebra library, solve the same equations alike but for the last bit, and a vowel such as /u/ then ends some
tenths of a millimetre elsewhere, with formants about as near to those wanted: as good a mouth, but not the one whose
speech was published. A mouth that is not kept, or for which anything that decides was changed, is calibrated anew.

    python -m articulens.synthesis.calibration

calibrates the cohort of the bundled corpus and writes the file; about five minutes.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from articulens.files import atomic_write

if TYPE_CHECKING:
    from articulens.synthesis.anatomy import Speaker
    from articulens.synthesis.shapes import Shapes

#: Vowel to its state (19 numbers) and what calibration reported of it.
Kept = dict[str, tuple[list[float], list[float]]]
_FILE = "calibrated.json"


def key(speaker: Speaker, recipe: str) -> str:
    """Return what a mouth's vowels depend on, as a hash.

    Parameters
    ----------
    speaker
        Of whom anatomy and vowel space count, to a billionth: their last bits may differ between processors, too.
    recipe
        Every constant of the search.
    """
    numbers = [round(value, 9) for value in (*speaker.anatomy, speaker.vowel_space)]
    return hashlib.sha256(json.dumps([numbers, recipe]).encode()).hexdigest()[:16]


def kept(of: str) -> Kept:
    """Return the vowels kept under a `key`; none where there are none."""
    return _read().get(of, {})


@cache
def _read() -> dict[str, Kept]:
    return json.loads((resources.files("articulens.synthesis") / _FILE).read_text("utf-8"))


def write(mouths: list[Shapes], path: Path) -> None:
    """Write the vowels of some mouths; one line a vowel."""
    lines = []
    for mouth in mouths:
        vowels = [
            f"  {json.dumps(name)}: {json.dumps([mouth.vowels[name].tolist(), mouth.report[f'vowel {name}']])}"
            for name in mouth.vowels
            if f"vowel {name}" in mouth.report
        ]
        lines.append(f" {json.dumps(mouth.key)}: {{\n" + ",\n".join(vowels) + "\n }")
    with atomic_write(path, "w") as stream:
        stream.write("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    from articulens.synthesis.anatomy import cohort
    from articulens.synthesis.corpus import SEED
    from articulens.synthesis.shapes import Shapes
    from articulens.synthesis.vtl import VocalTract

    write(
        [Shapes(speaker, VocalTract(speaker.anatomy), anew=True) for speaker in cohort(18, SEED)],
        Path(__file__).parent / _FILE,
    )
