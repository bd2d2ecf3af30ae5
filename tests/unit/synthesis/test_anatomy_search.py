"""A drawn mouth that cannot speak is moved towards the typical one, and only such a mouth."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("vocaltractlab_cython", reason="the extra [synth] is not installed")

from articulens.errors import ArticulensError
from articulens.synthesis.anatomy import draw_speaker, nearer
from articulens.synthesis.render import find_voice


def test_nearer_is_a_straight_way_to_the_typical_mouth():
    speaker = draw_speaker(0, 5)
    assert nearer(speaker, 1.0) == speaker
    typical = np.array(nearer(speaker, 0.0).anatomy)
    half = (np.array(speaker.anatomy) + typical) / 2
    np.testing.assert_allclose(nearer(speaker, 0.5).anatomy, half, atol=1e-4)
    assert nearer(draw_speaker(3, 5), 0.0).anatomy == typical.tolist() or draw_speaker(3, 5).sex != speaker.sex


def test_a_mute_anatomy_finds_its_voice(monkeypatch):
    mute, tried = draw_speaker(0, 5), []

    def produce(speaker):
        tried.append(speaker)
        if len(tried) < 3:
            raise ArticulensError("anatomy of FIN01: a vowel stays narrow")
        return SimpleNamespace(speaker=speaker)

    monkeypatch.setattr("articulens.synthesis.render.SpeechProducer", produce)
    assert find_voice(mute).speaker == nearer(mute, 0.75**2)
    assert tried[:2] == [mute, nearer(mute, 0.75)]
