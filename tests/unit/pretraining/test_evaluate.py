"""The numbers of the cards, on material where the answer is known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from articulens.encoders.base import States
from articulens.encoders.clock import FrameClock
from articulens.errors import ArticulensError
from articulens.pretraining.cards import MARKS, card, write_overview
from articulens.pretraining.evaluate import best_layer, differences, phone_accuracy

PHONES = ("a", "s", "_", "aː")


class Corpus(list):
    """Two utterances for each of six speakers; every phone lasts a tenth of a second."""

    def __init__(self) -> None:
        super().__init__(SimpleNamespace(speaker=f"S{s}", seed=10 * s + k) for s in range(6) for k in range(2))

    @staticmethod
    def labels(utterance) -> np.ndarray:
        return np.random.default_rng(utterance.seed).integers(4, size=40)

    def read_intervals(self, utterance) -> list:
        return [(i / 10, (i + 1) / 10, PHONES[p]) for i, p in enumerate(self.labels(utterance))]

    def read_audio(self, utterance) -> tuple:
        return np.repeat(self.labels(utterance), 1_600).astype(np.float32), 16_000


class Ear:
    """One layer that tells the phone at each frame, one that tells nothing."""

    def encode(self, samples, rate_hz) -> States:
        times = FrameClock().times_s(len(samples))
        phone = torch.from_numpy(samples)[torch.from_numpy((times * rate_hz).astype(int))]
        told = torch.nn.functional.one_hot(phone.long(), 4).float()
        return States({"good": told, "deaf": torch.from_numpy(np.random.default_rng(0).normal(size=told.shape))}, times)


def test_phones_are_told_from_states_that_hold_them_only():
    told = phone_accuracy(Corpus(), Ear(), "good")
    assert list(told.index) == [f"S{i}" for i in range(6)] and (told == 1).all()  # aː counts as a, pauses do not
    deaf = phone_accuracy(Corpus(), Ear(), "deaf")
    assert 0.5 < deaf.mean() < 0.75  # two thirds of the speech frames are a


def test_differences_are_paired_by_speaker_at_each_models_best_layer():
    rng = np.random.default_rng(1)
    ease = rng.normal(0, 0.1, size=12)  # speakers differ far more than models do
    rows = [
        {"model": model, "layer": layer, "speaker": f"S{k:02d}", "r": 0.7 + gain + ease[k] + 0.002 * rng.normal()}
        for model, layer, gain in (("mine", "1", 0.02), ("mine", "2", 0.05), ("other", "0", 0.0))
        for k in rng.permutation(12)
    ]
    scores = pd.DataFrame(rows)
    assert best_layer(scores, "mine") == "2"
    (row,) = differences(scores, "mine", ["other"], "above")
    assert (row["layer"], row["against"], row["speakers"]) == ("2", "other", 12)
    assert row["mean"] == pytest.approx(0.05, abs=0.003) and 0.045 < row["low"] < row["high"] < 0.055


def test_a_card_shows_the_models_own_numbers_only():
    facts = {
        "name": "toy", "base": {"name": "older", "sha256": "ab" * 32}, "parameters": 1e6, "seconds": 3.0,
        "hardware": "CPU", "versions": {"torch": "2", "transformers": "5"},
        "config": {
            "summary": "A toy.", "seed": 0, "dtype": "fp32", "compile": False, "teacher": "T",
            "architecture": {"num_hidden_layers": 1, "hidden_size": 2, "conv_dim": [3, 4]},
            "stages": [{"objective": "ctc", "steps": 1, "batch": 1, "seconds": 1, "learning_rate": 1,
                        "frozen_front_end": True}],
        },
        "speech": [{"source": "espeak", "language": "fi", "hours": 0.5, "weight": 1.0, "speakers": 6}],
        "curve": [{"stage": 1, "step": 1, "loss": 2.0}],
        "sha256": {"model.safetensors": "m", "heads.safetensors": "h"},
    }  # fmt: skip
    columns = ["measure", "model", "layer", "against", "mean", "low", "high", "speakers"]
    rows = [
        ("articulation", "toy", "2", "", 0.8, 0.7, 0.9, 18),
        ("articulation", "neighbour", "2", "", 0.123, 0.7, 0.9, 18),
        ("real articulation", "toy", "2", "", 0.7, np.nan, np.nan, 1),
        ("articulation above", "toy", "2", "logmel+6", 0.05, 0.04, 0.06, 18),
    ]
    text = card(facts, pd.DataFrame(rows, columns=columns))
    assert "| articulation | toy | 2 | 0.800 (0.700 to 0.900) |" in text
    assert "| real articulation | toy | 2 | 0.700 |" in text
    assert "| articulation above logmel+6 | toy | 2 | 0.050 (0.040 to 0.060) |" in text
    assert "0.123" not in text
    assert "convolutions frozen" in text and "not* a self-supervised" in text and "espeak-ng (GPL-3.0)" in text


def test_the_overview_stands_between_its_marks(tmp_path):
    columns = ["measure", "model", "layer", "against", "mean", "low", "high", "speakers"]
    rows = [
        ("articulation", "toy", "1", "", 0.6, 0.5, 0.7, 18),
        ("articulation", "toy", "2", "", 0.8, 0.7, 0.9, 18),
        ("articulation above", "toy", "2", "logmel+6", 0.05, 0.04, 0.06, 18),
        ("articulation", "logmel+6", "0", "", 0.75, 0.7, 0.8, 18),
        ("phone error rate fi", "toy", "final", "", 0.5, 0.4, 0.6, 18),
        ("equal error rate, human", "toy", "embedding", "", 0.1, 0.05, 0.2, 10),
        ("extraction seconds", "toy", "all", "", 20.0, np.nan, np.nan, 18),
        ("times real time", "toy", "all", "", 47.0, np.nan, np.nan, 18),
    ]
    path = tmp_path / "README.md"
    path.write_text(f"before\n{MARKS[0]}\nold\n{MARKS[1]}\nafter\n", "utf-8")
    write_overview(path, ["toy"], pd.DataFrame(rows, columns=columns))
    text = path.read_text("utf-8")
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert "| `toy` | 0.800 (layer 2), +0.050 [+0.040, +0.060] | – | – |" in text
    assert "| `logmel+6` | 0.750 | – | – |" in text and "0.50 [0.40, 0.60]" in text and "47 times real time" in text
    assert "`toy` (embedding), equal error rate on 10 unheard human voices: 0.100 [0.050, 0.200]." in text
    path.write_text("no marks", "utf-8")
    with pytest.raises(ArticulensError, match="found no marks"):
        write_overview(path, ["toy"], pd.DataFrame(rows, columns=columns))
