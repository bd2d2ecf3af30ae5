"""Without the extra [synth] the error says what to install, and nothing else breaks."""

import sys

import pytest

from articulens.errors import ArticulensError
from articulens.synthesis import MeasurementNoise, synthesise, transcribe


def test_one_sentence_without_the_synthesiser(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "vocaltractlab_cython", None)
    with pytest.raises(ArticulensError, match=r'pip install "articulens\[synth\]"'):
        synthesise(tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert transcribe("tuuli", "fi") and MeasurementNoise(0.1)
