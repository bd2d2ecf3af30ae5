"""The chapter that moves the mouth, on few speakers: what must come out comes out, and what lacks is said."""

import re

import numpy as np
import pandas as pd
import pytest

from articulens.corpora import open_corpus
from articulens.corpora.convert import convert

STEM = "11_move_the_mouth"
MOVED = ["FIN01", "FIN02", "RUS01", "RUS02"]
QUICK = {"models": ["logmel"], "references": ["mfcc"], "focus": "logmel", "folds": 2, "device": "cpu", "watch": 1}
pytestmark = pytest.mark.slow


def test_controls_verdicts_and_tables(run_page, tmp_path):
    page = run_page(STEM, **QUICK, speakers=MOVED, train=["FIN08", "RUS06"], cache=str(tmp_path), results=str(tmp_path))
    assert len(page.figures) >= page.promised and not re.search(r"\bnan\b", page.text, flags=re.IGNORECASE)
    cells = pd.read_parquet(tmp_path / "11_specificity.parquet")
    means = cells.groupby(["model", "moved", "read"])["mm per mm"].mean()
    assert set(cells["speaker"]) == set(MOVED)
    true, company = (means[name].unstack("read") for name in ("true sensors", "company only"))
    assert np.abs(true.to_numpy() - np.eye(5)).max() < 0.05
    beside = ~np.eye(5, dtype=bool)
    assert np.abs(np.diag(company)).max() < 0.05 < 0.2 < np.abs(company.to_numpy()[beside]).max()
    verdicts = pd.read_parquet(tmp_path / "11_verdicts.parquet").set_index("number")
    assert list(verdicts.index) == ["M1", "M2", "M3", "M4", "M5", "M6"]
    assert verdicts.loc["M1", "verdict"] == "holds"
    scores = pd.read_parquet(tmp_path / "11_move_the_mouth.parquet").groupby("model")["own"].mean()
    assert scores["logmel"] < scores["jittered 0.2 mm"] < scores["true sensors"]
    assert f"{scores['logmel']:.3f}" in verdicts.loc["M2", "because"]
    movements = pd.read_parquet(tmp_path / "11_movements.parquet")
    assert set(movements["reader"]) == {"true", "logmel", "mfcc"} and movements["speaker"].unique().tolist() == [
        "FIN01"
    ]
    timing = pd.read_parquet(tmp_path / "11_timing.parquet").groupby(["moved", "place"])["true_ms"].mean()
    assert timing["LL@+60", "LIPS"] == pytest.approx(60, abs=8) and abs(timing["LL@+60", "TT"]) < 3


def test_one_speaker_trains_for_others_but_not_for_himself(run_page, tmp_path):
    convert(open_corpus("bundled").select(speaker="FIN02"), tmp_path / "corpus")
    place = {"corpus": f"tabular:{tmp_path / 'corpus'}", "cache": str(tmp_path), "results": str(tmp_path)}
    page = run_page(STEM, **QUICK, speakers=MOVED[:2], **place)
    assert "Not shown: FIN02; nobody else is in" in page.text and "too few speakers for an interval" in page.text
    assert len(page.figures) >= page.promised and not re.search(r"\bnan\b", page.text, flags=re.IGNORECASE)
    assert set(pd.read_parquet(tmp_path / "11_specificity.parquet")["speaker"]) == {"FIN01"}
    assert set(pd.read_parquet(tmp_path / "11_verdicts.parquet")["verdict"]) == {"not shown"}
