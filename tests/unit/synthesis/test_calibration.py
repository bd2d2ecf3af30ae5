"""The vowels that are kept are those a search ends at, and only for the mouths and the search they came from."""

import json

import numpy as np
import pytest

pytest.importorskip("vocaltractlab_cython", reason="the extra [synth] is not installed", exc_type=ImportError)

from dataclasses import replace

from articulens.synthesis import calibration, shapes
from articulens.synthesis.anatomy import cohort
from articulens.synthesis.corpus import SEED
from articulens.synthesis.inventory import VOWELS
from articulens.synthesis.shapes import Shapes
from articulens.synthesis.vtl import VocalTract


def test_every_vowel_of_every_bundled_mouth_is_kept():
    for speaker in cohort(18, SEED):
        kept = calibration.kept(calibration.key(speaker, shapes._RECIPE))
        assert set(kept) == set(VOWELS), speaker.id
        assert all(len(state) == 19 and len(report) == 4 for state, report in kept.values())


def test_a_search_ends_where_it_is_said_to_have_ended():
    speaker = cohort(18, SEED)[1]
    mouth = Shapes(speaker, VocalTract(speaker.anatomy))
    for name in ("e", "ɑ", "u"):
        state = mouth.vowels[name].copy()
        report = mouth.report[f"vowel {name}"]
        again = mouth._vowel(name)
        wanted = np.array([VOWELS[name].f1_hz, VOWELS[name].f2_hz]) * mouth.scale
        neutral = shapes._SCHWA_REFERENCE_HZ[:2] * mouth.scale
        wanted = neutral * (wanted / neutral) ** speaker.vowel_space
        miss = [np.abs(np.log(mouth.tract.formants(s)[:2] / wanted)).max() for s in (state, again)]
        assert abs(miss[0] - miss[1]) < 0.03, "as good a vowel, on any processor"
        np.testing.assert_allclose(report[2:], np.round(mouth.tract.formants(state)[:2]), atol=1)
        if name == "e":  # found in few steps
            np.testing.assert_allclose(again, state, atol=1e-6)


def test_another_mouth_or_another_search_is_not_looked_up():
    speaker = cohort(18, SEED)[0]
    key = calibration.key(speaker, shapes._RECIPE)
    longer = replace(speaker, anatomy=(speaker.anatomy[0] + 1e-3, *speaker.anatomy[1:]))
    last_bit = replace(speaker, anatomy=(np.nextafter(speaker.anatomy[0], 99), *speaker.anatomy[1:]))
    assert calibration.kept(key) and calibration.key(last_bit, shapes._RECIPE) == key
    assert not calibration.kept(calibration.key(longer, shapes._RECIPE))
    assert not calibration.kept(calibration.key(replace(speaker, vowel_space=0.5), shapes._RECIPE))
    assert not calibration.kept(calibration.key(speaker, shapes._RECIPE + " "))


def test_what_is_written_is_what_is_kept(tmp_path):
    speaker = cohort(18, SEED)[0]
    mouth = Shapes(speaker, VocalTract(speaker.anatomy))
    calibration.write([mouth], tmp_path / "calibrated.json")
    assert json.loads((tmp_path / "calibrated.json").read_text("utf-8")) == {mouth.key: calibration.kept(mouth.key)}
